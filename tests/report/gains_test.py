"""A gain by hand, and worlds that may stand beside each other."""

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import bootstrap, gains
from dynrec_jax.report.table import Skipped

METHODS = ('model', 'static_dnn')
SPREAD = np.arange(40) % 3  # hits of somebody easy or hard


def run_of(model, static, called='run', **facts):
  levels = {'long': {'model': model, 'static_dnn': static}}
  return fake_runs.level_run(levels, fake_runs.facts_of(**facts), called)


def test_a_gain_by_hand():
  """Users' F are hits / 5: the means of 0, 1, 2, ... and of 1 are paired."""
  found = gains.gain(run_of(SPREAD + 1, SPREAD), 'long', METHODS, seed=0)
  assert found.value == pytest.approx(0.2)
  np.testing.assert_allclose(found.drawn, np.full(bootstrap.RESAMPLES, 0.2))
  assert found.cell == pytest.approx((0.2, 0.2, 0.2))
  back = gains.gain(run_of(SPREAD + 1, SPREAD), 'long', METHODS[::-1], seed=0)
  assert back.value == pytest.approx(-0.2)


def test_draws_are_by_seed():
  run = run_of(SPREAD + 1, 1)
  one, same, other = (
    gains.gain(run, 'long', METHODS, seed).drawn for seed in (3, 3, 4)
  )
  np.testing.assert_array_equal(one, same)
  assert abs(np.corrcoef(one, other)[0, 1]) < 0.05


def test_why_a_run_cannot_tell():
  run = fake_runs.level_run(
    {'long': {'static_dnn': 1}},
    skipped=[Skipped('long', 'model', 'no text')],
    labels={'model': 'dynrec'},
  )
  assert gains.why_absent(run, 'long', METHODS) == 'dynrec in run: no text'
  why = gains.why_absent(run, 'short', METHODS[::-1])
  assert why == 'run has no static_dnn in mode short'
  assert gains.why_absent(run_of(1, 1), 'long', METHODS) == ''


@pytest.mark.parametrize(
  ('worlds', 'strengths'),
  [
    (('small',), [1]),
    (('small:drift=0.5', 'small', 'small:no_drift'), [0.5, 1, 0]),
    # What stands last holds.
    (('small:no_drift,drift=2', 'small:drift=3,no_drift'), [2, 0]),
    (('small:no_trends', 'small:drift=1.5,trends=0'), [1, 1.5]),
  ],
)
def test_strengths(worlds, strengths):
  runs = [run_of(2, 1, world=world) for world in worlds]
  assert gains.strengths('drift', runs) == strengths


@pytest.mark.parametrize(
  ('facts', 'message'),
  [
    ({'k': 10}, 'has lists of 10; right: 5, as first'),
    ({'name': 'files'}, 'has data files; right: simulated_year, as first'),
    (
      {'world': 'tiny:no_drift'},
      'is of world tiny:no_drift; right: small, as first, but for drift',
    ),
    (
      {'world': 'small:no_trends'},
      'is of world small:no_trends; right: small, as first, but for drift',
    ),
  ],
)
def test_what_differs_in_something_else_is_refused(facts, message):
  runs = [run_of(2, 1, 'first'), run_of(2, 1, 'other', **facts)]
  with pytest.raises(ValueError, match=f'^other {message}$'):
    gains.strengths('drift', runs)


def test_another_seed_is_another_world():
  first, other = run_of(2, 1, 'first'), run_of(2, 1, 'other')
  other.facts['data']['world_seed'] = 7
  with pytest.raises(
    ValueError, match=r'^other has world seed 7; right: 6, as'
  ):
    gains.strengths('drift', [first, other])
