"""Whether a gain vanishes in a world where its mechanism is switched off.

In a simulated world each claim of the paper rests on a mechanism that the
world has and that can be taken out. What the claim's method gains over a
reference must then go; a gain that stays has another reason.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from dynrec_jax.report import gains, grid, measured
from dynrec_jax.report.grid import Grid
from dynrec_jax.report.paper_tables import Cell
from dynrec_jax.report.runs import Run


class KnockOut(NamedTuple):
  """A claim, and the world in which it must fail.

  Attributes:
    claim: what the method is said to gain from.
    world: what differs from the world with the mechanism, as the simulation
      names it.
    mode: 'long', 'short' or 'cross'.
    method: has what the claim is about.
    reference: lacks it.
  """

  claim: str
  world: str
  mode: str
  method: str
  reference: str

  @property
  def mechanism(self) -> str:
    """What the claim rests on, as the simulation names it."""
    return self.world.removeprefix('no_')

  @property
  def scenario(self) -> str:
    """'single' or 'cross': whose methods they are."""
    return 'cross' if self.mode == 'cross' else 'single'

  @property
  def methods(self) -> tuple[str, str]:
    """The one that gains, and the one that it gains over."""
    return self.method, self.reference


KNOCK_OUTS = (
  KnockOut('interest that moves', 'no_drift', 'long', 'model', 'static_dnn'),
  # Text and pictures help each other where both err by themselves: pictures
  # that show nothing, and text that leaves nothing to mend.
  KnockOut('pictures', 'no_visual_signal', 'long', 'rnn_sem', 'rnn'),
  KnockOut('noise in texts', 'no_text_noise', 'long', 'rnn_sem', 'rnn'),
  KnockOut('topics of interest', 'no_interest', 'long', 'model', 'popularity'),
  KnockOut('topics of interest', 'no_interest', 'long', 'rnn_norel', 'rnn_sem'),
  KnockOut('communities', 'no_communities', 'long', 'model', 'rnn_norel'),
  KnockOut(
    'tweets of the same interest',
    'no_topic_map',
    'cross',
    'model',
    'popularity',
  ),
  KnockOut('order among watches', 'no_affinity', 'long', 'fpmc', 'lfm'),
)

GONE, SMALLER, LARGER = 'gone', 'smaller', 'larger'
NO_GAIN, NOT_DECIDED, NOT_RUN = 'no gain', 'not decided', 'not run'


class KnockOutRow(NamedTuple):
  """A gain with its mechanism and without.

  Attributes:
    knock_out: what was tried.
    names: labels of method and reference.
    gain_with: F of the method less F of the reference, paired over users, in
      the world that has the mechanism; None if it was not run.
    gain_without: the same in the world that lacks it.
    change: `gain_with` less `gain_without`. Other worlds have other users: the
      two bootstraps are independent.
    verdict: `NO_GAIN` if the interval of `gain_with` does not lie above 0.
      Else of the interval of `change`: `NOT_DECIDED` if 0 is in it, `LARGER`
      (without the mechanism) if it lies below 0; if above, `SMALLER` where the
      interval of `gain_without` still lies above 0, and `GONE` where not.
    why: of one that was not run.
  """

  knock_out: KnockOut
  names: tuple[str, str]
  gain_with: Cell | None
  gain_without: Cell | None
  change: Cell | None
  verdict: str
  why: str = ''


def knock_out_row(
  knock_out: KnockOut, with_mechanism: Run | None, without: Run | None
) -> KnockOutRow:
  """A gain in two worlds.

  Args:
    knock_out: what is tried.
    with_mechanism: of the world that has the mechanism; None is no run.
    without: of `knock_out.world`, otherwise the same.

  Returns:
    The row; it says why where a run or a method is missing.

  Raises:
    ValueError: see `measured.sample_of`; or the runs' lists differ in length,
      or their worlds in something else.
  """
  known = with_mechanism or without
  methods = knock_out.methods
  names = tuple(map(known.label, methods)) if known else methods
  for run, world in ((with_mechanism, 'the whole'), (without, knock_out.world)):
    why = (
      gains.why_absent(run, knock_out.mode, methods)
      if run
      else f'no run of {world} world'
    )
    if why:
      return KnockOutRow(knock_out, names, None, None, None, NOT_RUN, why)
  _check_worlds(knock_out, with_mechanism, without)
  # Seeds that differ: draws of two worlds must not go together.
  whole, left = (
    gains.gain(run, knock_out.mode, methods, seed)
    for seed, run in enumerate((with_mechanism, without))
  )
  change = measured.cell(whole.value - left.value, whole.drawn - left.drawn)
  verdict = _verdict(whole.cell, left.cell, change)
  return KnockOutRow(knock_out, names, whole.cell, left.cell, change, verdict)


def as_grid(name: str, caption: str, rows: Sequence[KnockOutRow]) -> Grid:
  """The knock-outs as a table."""
  return Grid(
    name,
    caption,
    [
      'mechanism',
      'world without',
      'mode',
      'gain of',
      'without it the gain is',
      'gain with',
      'gain without',
      'difference',
    ],
    [
      [
        row.knock_out.claim,
        row.knock_out.world,
        row.knock_out.mode,
        ' over '.join(row.names),
        row.verdict + (f': {row.why}' if row.why else ''),
        *(
          grid.with_interval(cell, sign=True) if cell else ''
          for cell in (row.gain_with, row.gain_without, row.change)
        ),
      ]
      for row in rows
    ],
    [
      'Gains are differences of F in the same world, with the 95 % interval of '
      'a paired bootstrap over users; the difference of two gains is of '
      'independent bootstraps. gone: the gain falls, and what is left does not '
      'lie above 0; smaller: it falls, and some is left; larger: it grows; not '
      'decided: the difference may be 0; no gain: with the mechanism there is '
      'no gain whose interval lies above 0, so nothing to take away.'
    ],
    texts=5,
  )


def records(rows: Sequence[KnockOutRow]) -> list[dict[str, Any]]:
  """The knock-outs without rounding, for a CSV."""
  out = []
  for row in rows:
    record = row.knock_out._asdict()
    for name in ('gain_with', 'gain_without', 'change'):
      names = name, f'{name}_low', f'{name}_high'
      value = getattr(row, name) or (None,) * 3
      record |= zip(names, value, strict=True)
    out.append(record | {'verdict': row.verdict, 'why': row.why})
  return out


def _verdict(gain_with: Cell, gain_without: Cell, change: Cell) -> str:
  """See `KnockOutRow`."""
  if gain_with.low <= 0:
    return NO_GAIN
  if change.high < 0:
    return LARGER
  if change.low <= 0:
    return NOT_DECIDED
  return SMALLER if gain_without.low > 0 else GONE


def _check_worlds(knock_out: KnockOut, whole: Run, without: Run) -> None:
  """Raises unless the runs' worlds differ in the mechanism alone."""
  has, lacks = gains.strengths(knock_out.mechanism, (whole, without))
  if not has > lacks == 0:
    raise ValueError(
      f'{without.name} is of world {gains.world_of(without)}; right: '
      f'{gains.world_of(whole)}, as {whole.name}, and {knock_out.world}'
    )
