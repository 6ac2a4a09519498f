"""A run's rows: means over users with their intervals, method by method."""

from collections.abc import Collection, Sequence

import numpy as np

from dynrec_jax.report import bootstrap, paper_tables, pooled
from dynrec_jax.report.paper_tables import (
  ABOVE,
  BELOW,
  Cell,
  MethodRow,
  ModeTable,
)
from dynrec_jax.report.pooled import Pooled
from dynrec_jax.report.runs import Run


def measured(run: Run, *, beside_print: bool) -> dict[str, ModeTable]:
  """What a run found, by mode.

  Precision and recall are means over all users of all splits that have a
  truth, F is that of these two means (Sec 4.2 of the paper prints F so), and
  all intervals come from the same draws of users, see `bootstrap`.

  Args:
    run: see `runs.read_run`.
    beside_print: whether the paper's cells may stand beside it: they are of
      random users and lists of 5. Other lists have none beside them anyway.

  Returns:
    A table for each mode.

  Raises:
    ValueError: methods of a mode that were not tested on the same users and
      truth, nobody with a truth, or no method at all; names the run.
  """
  if not run.lists:
    raise ValueError(f'{run.name} has no method that ran; right: one or more')
  k = run.facts['decode']['k']
  modes = dict.fromkeys([*run.modes, *(of.mode for of in run.skipped)])
  return {
    mode: _mode_table(run, mode, k, beside_print and k == paper_tables.K)
    for mode in modes
  }


def among(table: ModeTable, methods: Collection[str]) -> ModeTable:
  """The table of these methods alone, marked among themselves.

  Args:
    table: of a mode.
    methods: those to keep; the order stays the table's.
  """
  rows = [row for row in table.rows if row.method in methods]
  ran = [row.method for row in rows if row.f]
  drawn_f = {method: table.drawn_f[method] for method in ran}
  marks = _marks([row.f.value for row in rows if row.f], list(drawn_f.values()))
  by_method = dict(zip(ran, marks, strict=True))
  rows = [row._replace(mark=by_method.get(row.method, '')) for row in rows]
  return table._replace(rows=rows, drawn_f=drawn_f)


def sample_of(run: Run, mode: str, methods: Sequence[str]) -> Pooled:
  """Some methods' users of a mode as one sample.

  Raises:
    ValueError: see `measured`.
  """
  try:
    return pooled.pool(
      [run.lists[mode, method] for method in methods], run.facts['decode']['k']
    )
  except ValueError as error:
    raise ValueError(f'{run.name}, mode {mode}: {error}') from error


def _mode_table(run: Run, mode: str, k: int, beside_print: bool) -> ModeTable:
  """The rows of one mode, and whom they are of."""
  methods = [method for its_mode, method in run.lists if its_mode == mode]
  skipped = [
    MethodRow(of.method, of.method, *[None] * 3, why_skipped=of.why)
    for of in run.skipped
    if of.mode == mode
  ]
  if not methods:
    rows = _finished(skipped, run, mode, beside_print)
    return ModeTable(mode, k, rows, 0, 0, 0, 0, 0.0, 0.0, 0, {})
  sample = sample_of(run, mode, methods)
  drawn = bootstrap.resampled_means(
    sample.users, np.concatenate([sample.precision, sample.recall])
  )
  rows = _method_rows(methods, sample, *np.split(drawn, 2))
  splits = run.lists[mode, methods[0]]
  drawn_f = bootstrap.f_score(*np.split(drawn, 2))
  return ModeTable(
    mode,
    k,
    _finished([*rows, *skipped], run, mode, beside_print),
    splits=len(splits),
    users=len(np.unique(sample.users)),
    cases=len(sample.users),
    without_truth=sum(int(np.sum(split.truth == 0)) for split in splits),
    truth_mean=float(sample.truth.mean()),
    truth_median=float(np.median(sample.truth)),
    truth_total=int(sample.truth.sum()),
    drawn_f=dict(zip(methods, drawn_f, strict=True)),
  )


def _finished(
  rows: Sequence[MethodRow], run: Run, mode: str, beside_print: bool
) -> list[MethodRow]:
  """The rows with labels and printed cells.

  In the order of the run's labels; what has none is last, as it stands.
  """
  places = {name: place for place, name in enumerate(run.labels)}
  return [
    row._replace(
      label=run.label(row.method),
      printed=paper_tables.printed_cells(mode, row.method)
      if beside_print
      else None,
    )
    for row in sorted(rows, key=lambda r: places.get(r.method, len(places)))
  ]


def _method_rows(
  methods: Sequence[str],
  sample: Pooled,
  drawn_precision: np.ndarray,
  drawn_recall: np.ndarray,
) -> list[MethodRow]:
  """The rows of methods that ran, labelled by their own names."""
  precision, recall = (
    of.mean(axis=1) for of in (sample.precision, sample.recall)
  )
  f = bootstrap.f_score(precision, recall)
  drawn_f = bootstrap.f_score(drawn_precision, drawn_recall)
  marks = _marks(f, drawn_f)
  by_split = pooled.means_by_split(sample)
  by_split = np.stack([*by_split, bootstrap.f_score(*by_split)])
  sd = [None] * len(methods)
  if by_split.shape[2] > 1:
    sd = [tuple(of.tolist()) for of in by_split.std(axis=2, ddof=1).T]
  return [
    MethodRow(
      method,
      method,
      cell(precision[place], drawn_precision[place]),
      cell(recall[place], drawn_recall[place]),
      cell(f[place], drawn_f[place]),
      mark=marks[place],
      splits_sd=sd[place],
    )
    for place, method in enumerate(methods)
  ]


def cell(value: float, drawn: np.ndarray) -> Cell:
  """A number with the interval of its draws."""
  return Cell(float(value), *bootstrap.interval(drawn))


def _marks(f: Sequence[float], drawn_f: Sequence[np.ndarray]) -> list[str]:
  """Each method against the best of the others, see `MethodRow.mark`."""
  marks = []
  for place, drawn in enumerate(drawn_f):
    others = [other for other in range(len(f)) if other != place]
    best = max(others, key=lambda other: f[other], default=place)
    low, high = bootstrap.interval(drawn - drawn_f[best])
    above, below = low > 0, high < 0
    marks.append(ABOVE if above else BELOW if below else '')
  return marks
