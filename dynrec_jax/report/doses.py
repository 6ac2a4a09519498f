"""How a gain answers to the strength of its mechanism, claim by claim.

Where a claim's reason is its mechanism, more of the mechanism must give more
gain: several strengths are several chances to be wrong, where one world may be
a lucky point.

Strengths above 1 are worlds too. A mechanism that is a share p of something,
such as of the watches that follow the user's own interest, has 1 - (1 - p)^s
of it at strength s: never more than all, so that there its gain may level off.
So are interest, communities, the map from tweets, noise in texts and the part
of interest that moves; how often it switches, and how much the last watch and
a picture's topics weigh, grow in proportion. A picture is then brought to one
size, so that what else it shows can only vanish.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dynrec_jax.report import gains, grid, measured
from dynrec_jax.report.grid import Grid
from dynrec_jax.report.knock_outs import KnockOut
from dynrec_jax.report.paper_tables import Cell
from dynrec_jax.report.runs import Run

RISES, FALLS = 'rises', 'falls'
NOT_DECIDED, NOT_RUN = 'not decided', 'not run'

# Of the mean of all worlds' variances, the least that one counts as.
_LEAST_VARIANCE = 0.1


class Tried(NamedTuple):
  """A strength that was asked for, and the run of its world.

  Attributes:
    strength: 0 is without the mechanism, 1 the preset's.
    run: None if there is none.
    why: there is none.
  """

  strength: float
  run: Run | None
  why: str = ''


class Dose(NamedTuple):
  """The gain at one strength.

  Attributes:
    strength: of the mechanism.
    gain: F of the method less F of the reference, paired over users; None if
      it is not known.
    why: it is not known.
  """

  strength: float
  gain: Cell | None
  why: str = ''


class DoseCurve(NamedTuple):
  """A claim's gain over the strengths of its mechanism.

  Attributes:
    claim: what the method is said to gain from.
    names: labels of method and reference.
    k: videos in a list; None where nothing ran.
    doses: from the weakest to the strongest.
    slope: of the gain, by unit of strength; None of fewer than two gains.
    verdict: of the interval of the slope: `RISES` if it lies above 0, `FALLS`
      if below, else `NOT_DECIDED`; `NOT_RUN` without a slope.
  """

  claim: KnockOut
  names: tuple[str, str]
  k: int | None
  doses: Sequence[Dose]
  slope: Cell | None
  verdict: str


def dose_curve(claim: KnockOut, tried: Sequence[Tried]) -> DoseCurve:
  """A claim's gain at every strength that ran.

  Args:
    claim: whose mechanism has these strengths.
    tried: different strengths, in any order.

  Returns:
    The curve; a dose without a gain says why.

  Raises:
    ValueError: see `gains.gain` and `gains.strengths`; or a run's world has
      another strength than it is said to have.
  """
  tried = sorted(tried, key=lambda of: of.strength)
  whys = [_why_absent(claim, of) for of in tried]
  ran = [of for of, why in zip(tried, whys, strict=True) if not why]
  _check_strengths(claim, ran)
  # By place in the curve: draws of two worlds must not go together.
  found = {
    of.strength: gains.gain(of.run, claim.mode, claim.methods, seed)
    for seed, (of, why) in enumerate(zip(tried, whys, strict=True))
    if not why
  }
  doses = [
    Dose(of.strength, None if why else found[of.strength].cell, why)
    for of, why in zip(tried, whys, strict=True)
  ]
  known = next((of.run for of in tried if of.run), None)
  slope = slope_of(list(found), list(found.values())) if len(ran) > 1 else None
  return DoseCurve(
    claim,
    tuple(map(known.label, claim.methods)) if known else claim.methods,
    ran[0].run.facts['decode']['k'] if ran else None,
    doses,
    slope,
    _verdict(slope),
  )


def slope_of(strengths: Sequence[float], found: Sequence[gains.Gain]) -> Cell:
  """The slope of the gain over the strength, by weighted least squares.

  With w_s = 1 / variance of the draws at strength s and x the strengths less
  their weighted mean, sum(w x gain) / sum(w x^2); the interval is that of the
  same sum over the draws of every world, which are independent of each other.
  A world in which few users are hit looks surer than it is (where nobody is,
  nothing varies): no variance counts as less than a tenth of the mean one.

  Args:
    strengths: two or more different ones.
    found: the gain at each.
  """
  drawn = np.stack([of.drawn for of in found])  # [S, resamples]
  variance = drawn.var(axis=1)
  least = _LEAST_VARIANCE * variance.mean()
  # Where nothing varies at all, all weigh the same.
  weights = 1 / np.maximum(variance, least) if least else np.ones(len(found))
  x = np.asarray(strengths) - np.average(strengths, weights=weights)
  share = weights * x / np.sum(weights * x**2)
  return measured.cell(share @ [of.value for of in found], share @ drawn)


def as_grid(name: str, caption: str, curves: Sequence[DoseCurve]) -> Grid:
  """The curves as a table, a row each."""
  strengths = sorted({dose.strength for of in curves for dose in of.doses})
  return Grid(
    name,
    caption,
    [
      'mechanism',
      'its strength',
      'mode',
      'gain of',
      'with the strength the gain',
      'slope',
      *(f'gain at {strength:g}' for strength in strengths),
    ],
    [_row(of, strengths) for of in curves],
    [
      'Gains are differences of F in the same world, with the 95 % interval of '
      'a paired bootstrap over users. Strength 0 is without the mechanism, 1 '
      'the world as it was calibrated. The slope is that of a line through the '
      'gains, by unit of strength, weighted least squares; its interval is of '
      "every world's own draws. rises, falls: it lies above, below 0; not "
      'decided: it may be 0. A share p of something is 1 - (1 - p)^s at '
      'strength s, never more than all: above 1 a gain may level off.',
      *missing(curves),
    ],
    texts=5,
  )


def missing(curves: Sequence[DoseCurve]) -> list[str]:
  """A sentence for each strength whose gain is not known."""
  return list(
    dict.fromkeys(
      f'Not run: {of.claim.mechanism} at {dose.strength:g}, '
      f'{" over ".join(of.names)}: {dose.why}.'
      for of in curves
      for dose in of.doses
      if dose.gain is None
    )
  )


def records(curves: Sequence[DoseCurve]) -> list[dict[str, Any]]:
  """Every gain without rounding, for a CSV; the slope is the curve's."""
  out = []
  for of in curves:
    claim = of.claim._asdict()
    del claim['world']  # that of strength 0
    for dose in of.doses:
      record = claim | {'mechanism': of.claim.mechanism}
      record |= {'strength': dose.strength} | _columns('gain', dose.gain)
      record |= {'why': dose.why} | _columns('slope', of.slope)
      out.append(record | {'verdict': of.verdict})
  return out


def _columns(name: str, cell: Cell | None) -> dict[str, float | None]:
  """A number and its interval; three times None if there is none."""
  names = name, f'{name}_low', f'{name}_high'
  return dict(zip(names, cell or (None,) * 3, strict=True))


def _row(of: DoseCurve, strengths: Sequence[float]) -> list[grid.Text]:
  """One curve's cells."""
  by_strength = {dose.strength: dose.gain for dose in of.doses}
  return [
    of.claim.claim,
    of.claim.mechanism,
    of.claim.mode,
    ' over '.join(of.names),
    of.verdict,
    *(
      grid.with_interval(cell, sign=True) if cell else ''
      for cell in (of.slope, *map(by_strength.get, strengths))
    ),
  ]


def _verdict(slope: Cell | None) -> str:
  """See `DoseCurve`."""
  if slope is None:
    return NOT_RUN
  if slope.low > 0:
    return RISES
  return FALLS if slope.high < 0 else NOT_DECIDED


def _why_absent(claim: KnockOut, of: Tried) -> str:
  """Why there is no gain at a strength; '' if there is one."""
  if of.run is None:
    return of.why or 'no run'
  return gains.why_absent(of.run, claim.mode, claim.methods)


def _check_strengths(claim: KnockOut, ran: Sequence[Tried]) -> None:
  """Raises unless worlds have their strengths, and else are the same."""
  if not ran:
    return
  found = gains.strengths(claim.mechanism, [of.run for of in ran])
  for of, strength in zip(ran, found, strict=True):
    if strength != of.strength:
      raise ValueError(
        f'{of.run.name} is of world {gains.world_of(of.run)}; right: one with '
        f'{claim.mechanism}={of.strength:g}'
      )
