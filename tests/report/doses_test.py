"""Gains over strengths: values by hand, what is missing, what is refused."""

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import doses, gains, grid
from dynrec_jax.report.doses import Tried
from dynrec_jax.report.knock_outs import KNOCK_OUTS, KnockOut
from dynrec_jax.report.table import Skipped
from dynrec_jax.sources import simulation

ONE = KnockOut('drift', 'no_drift', 'long', 'model', 'static_dnn')
LABELS = {'model': 'dynrec', 'static_dnn': 'Static'}
SPREAD = np.arange(40) % 3  # hits of somebody easy or hard


def tried(strength, model, static, world=None, **more):
  levels = {'long': {'model': model, 'static_dnn': static}}
  facts = fake_runs.facts_of(world=world or f'small:drift={strength}')
  name = f'at_{strength}'
  return Tried(strength, fake_runs.level_run(levels, facts, name, **more))


def gain_of(values):
  values = np.asarray(values, np.float64)
  return gains.Gain(values.mean(), values)


def test_gains_of_known_levels():
  """Gains of 0, 1 and 2 hits of 5 at strengths 0, 1 and 2: 0.2 a unit."""
  found = doses.dose_curve(
    ONE, [tried(2, 4, 2), tried(0, 2, 2), tried(1, 3, 2, world='small')]
  )
  assert [dose.strength for dose in found.doses] == [0, 1, 2]
  for dose, want in zip(found.doses, (0, 0.2, 0.4), strict=True):
    assert dose.gain == pytest.approx((want, want, want))
    assert dose.why == ''
  assert found.slope == pytest.approx((0.2, 0.2, 0.2))
  assert found.verdict == doses.RISES
  assert found.k == 5


@pytest.mark.parametrize(
  ('levels', 'verdict'),
  [
    (((2, 2), (3, 2)), doses.RISES),
    (((3, 2), (2, 2)), doses.FALLS),
    (((3, 2), (4, 3)), doses.NOT_DECIDED),
    (((0, 0), (0, 0)), doses.NOT_DECIDED),
    (((SPREAD, 1), (SPREAD, 1)), doses.NOT_DECIDED),
    (((SPREAD, 1), (SPREAD + 2, 1)), doses.RISES),
  ],
)
def test_verdicts(levels, verdict):
  pair = [tried(of, *pair) for of, pair in enumerate(levels)]
  assert doses.dose_curve(ONE, pair).verdict == verdict


def test_a_slope_by_hand():
  """Variances 1, 1 and 4, weights 4, 4 and 1; the weighted mean of 0, 1, 3 is
  7 / 9. With x = (-7, 2, 20) / 9 and gains 0, 2 and 3 sum(w x gain) is 76 / 9
  and sum(w x^2) is (196 + 16 + 400) / 81 = 612 / 81: 76 * 9 / 612 in all.
  """
  found = [gain_of([-1, 1]), gain_of([1, 3]), gain_of([1, 5])]
  slope = doses.slope_of([0, 1, 3], found)
  assert slope.value == pytest.approx(76 * 9 / 612)


def test_a_slope_against_a_loop():
  rng = np.random.default_rng(0)
  strengths = [0.0, 0.5, 1.0, 2.0]
  found = [
    gain_of(rng.normal(level, sd, 500))
    for level, sd in ((0.1, 0.2), (0.0, 0.4), (0.5, 0.3), (0.4, 0.5))
  ]
  weights = [1 / of.drawn.var() for of in found]

  def fit(values):
    """The slope that makes sum(w (gain - a - b s)^2) least."""
    total = sum(weights)
    mean_s = sum(w * s for w, s in zip(weights, strengths, strict=True)) / total
    mean_y = sum(w * y for w, y in zip(weights, values, strict=True)) / total
    up = down = 0.0
    for w, s, y in zip(weights, strengths, values, strict=True):
      up += w * (s - mean_s) * (y - mean_y)
      down += w * (s - mean_s) ** 2
    return up / down

  slope = doses.slope_of(strengths, found)
  assert slope.value == pytest.approx(fit([of.value for of in found]))
  fits = [fit([of.drawn[n] for of in found]) for n in range(500)]
  assert slope[1:] == pytest.approx(tuple(np.percentile(fits, (2.5, 97.5))))


def test_a_world_without_hits_does_not_hold_the_line():
  """No variance weighs as a tenth of the mean one, not without bound."""
  still, wide = gain_of([0, 0]), gain_of([-3, 3])
  found = [still, wide, gain_of([1, 7])]
  # Variances 0, 9 and 9, of mean 6: 0.6 counts for the first.
  weights = np.array([1 / 0.6, 1 / 9, 1 / 9])
  x = np.array([0, 1, 2]) - weights @ [0, 1, 2] / weights.sum()
  want = (weights * x) @ [0, 0, 4] / ((weights * x) @ x)
  assert doses.slope_of([0, 1, 2], found).value == pytest.approx(want)


def test_draws_of_worlds_are_independent():
  """Of two equal worlds a unit apart the slope's sd is sqrt(2) of a gain's."""
  found = doses.dose_curve(
    ONE, [tried(0, SPREAD + 1, 1), tried(1, SPREAD + 1, 1)]
  )
  widths = [cell.high - cell.low for cell in (found.doses[0].gain, found.slope)]
  assert widths[1] / widths[0] == pytest.approx(2**0.5, rel=0.05)
  assert found.slope.value == pytest.approx(0)


def test_a_missing_world_changes_no_other_gain():
  every = [tried(of, SPREAD + 1, 1) for of in (0, 1, 2)]
  whole = doses.dose_curve(ONE, every)
  left = doses.dose_curve(ONE, [every[0], Tried(1, None, 'gone'), every[2]])
  assert left.doses[2] == whole.doses[2]
  assert left.doses[1] == doses.Dose(1, None, 'gone')


def test_what_is_missing_is_told():
  without = fake_runs.level_run(
    {'long': {'static_dnn': 1}},
    fake_runs.facts_of(world='small:drift=2'),
    'two',
    skipped=[Skipped('long', 'model', 'no text')],
    labels=LABELS,
  )
  found = doses.dose_curve(
    ONE,
    [Tried(0, None, 'no run of it'), tried(1, 3, 2), Tried(2, without)],
  )
  assert [dose.why for dose in found.doses] == [
    'no run of it',
    '',
    'dynrec in two: no text',
  ]
  assert (found.slope, found.verdict) == (None, doses.NOT_RUN)
  assert doses.missing([found, found]) == [
    'Not run: drift at 0, model over static_dnn: no run of it.',
    'Not run: drift at 2, model over static_dnn: dynrec in two: no text.',
  ]
  nothing = doses.dose_curve(ONE, [Tried(0, None), Tried(1, None)])
  assert (nothing.k, nothing.verdict) == (None, doses.NOT_RUN)
  assert nothing.doses[0].why == 'no run'


@pytest.mark.parametrize(
  ('world', 'message'),
  [
    ('small:drift=1.5', 'right: one with drift=2'),
    ('small', 'right: one with drift=2'),
    ('tiny:drift=2', 'right: small:drift=0, as at_0, but for drift'),
    ('small:drift=2,no_trends', 'right: small:drift=0, as at_0, but for drift'),
  ],
)
def test_other_worlds_are_refused(world, message):
  pair = [tried(0, 2, 2), tried(2, 3, 2, world=world)]
  with pytest.raises(ValueError, match=f'^at_2 is of world {world}; {message}'):
    doses.dose_curve(ONE, pair)


def test_as_a_table():
  found = [
    doses.dose_curve(
      ONE, [tried(0, 2, 2, labels=LABELS), tried(1.5, 5, 2, labels=LABELS)]
    ),
    doses.dose_curve(
      ONE, [tried(0, 2, 2, labels=LABELS), Tried(0.5, None, 'stopped')]
    ),
  ]
  table = doses.as_grid('doses', 'Caption.', found)
  lines = grid.as_markdown(table).splitlines()
  assert lines[2].startswith('| mechanism | its strength | mode | gain of |')
  assert lines[2].endswith('| gain at 0 | gain at 0.5 | gain at 1.5 |')
  zero = '+0.0000 [+0.0000, +0.0000]'
  assert lines[4:6] == [
    '| drift | drift | long | dynrec over Static | rises '
    f'| +0.4000 [+0.4000, +0.4000] | {zero} |  | +0.6000 [+0.6000, +0.6000] |',
    '| drift | drift | long | dynrec over Static | not run '
    f'|  | {zero} |  |  |',
  ]
  assert table.notes[1:] == [
    'Not run: drift at 0.5, dynrec over Static: stopped.'
  ]


def test_as_records():
  curve = doses.dose_curve(ONE, [tried(0, 2, 2), tried(1, 3, 2)])
  gap = doses.dose_curve(ONE, [tried(0, 2, 2), Tried(1, None, 'stopped')])
  first, second, _, missing = doses.records([curve, gap])
  assert list(first) == list(missing)
  assert (first['mechanism'], first['method']) == ('drift', 'model')
  assert (first['strength'], second['strength']) == (0, 1)
  assert second['gain_high'] == pytest.approx(0.2)
  assert first['slope_low'] == pytest.approx(0.2)
  assert first['verdict'] == 'rises'
  assert missing['gain'] is missing['slope'] is None
  assert missing['why'] == 'stopped'


@pytest.mark.parametrize('of', KNOCK_OUTS, ids=lambda of: f'{of.world}-{of[3]}')
@pytest.mark.parametrize('strength', [0.5, 1.5, 2, 10])
@pytest.mark.parametrize('preset', simulation.PRESETS)
def test_every_mechanism_has_these_strengths(of, strength, preset):
  world = simulation.world_from_name(f'{preset}:{of.mechanism}={strength}')
  assert world.strengths()[of.mechanism] == strength
