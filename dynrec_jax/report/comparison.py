"""Methods side by side: F at k of each, and its change against the first.

The rows may come from several runs, if these tested the same users on the
same truth. Differences are taken within a user, where what makes a user easy
or hard falls out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.report import bootstrap, pooled
from dynrec_jax.report.runs import Run
from dynrec_jax.report.user_lists import UserLists


class Standing(NamedTuple):
  """One method of one run in one mode, against the first row.

  Attributes:
    f: over all users of all splits.
    low: of its 95 % interval.
    high: of its 95 % interval.
    change: F less the first row's.
    change_low: of its 95 % interval.
    change_high: of its 95 % interval.
    better: splits in which F is above the first row's.
    splits: all of them.
  """

  f: float
  low: float
  high: float
  change: float
  change_low: float
  change_high: float
  better: int
  splits: int


def comparison(
  runs: Sequence[Run], same_keys: Sequence[str], methods: Sequence[str]
) -> str:
  """A table: a row per run and method, with paired 95 % intervals.

  Intervals are of a bootstrap over users, all splits pooled, see `bootstrap`;
  a change whose interval excludes 0 is bold. In brackets stands in how many
  splits F is above the first row's.

  Args:
    runs: of the same users, the first row's run first.
    same_keys: sections and keys of the config that decide who is tested, on
      what and against which truth.
    methods: to show, in this order; () is all.

  Returns:
    The table as markdown.

  Raises:
    ValueError: runs that did not test the same, naming what differs; or fewer
      than two rows.
  """
  first = runs[0]
  for run in runs[1:]:
    _check_same(first, run, same_keys)
  rows = _rows(runs, methods)
  if len(rows) < 2:
    raise ValueError(
      f'one row, {first.name} {rows[0][1] if rows else ""}: nothing to compare '
      'it with; name two methods or two runs'
    )
  k = first.facts['decode']['k']
  heads = ['run', 'method']
  for mode in first.modes:
    heads += [f'{mode} F@{k}', 'change']
  lines = [f'| {" | ".join(heads)} |', '|---' * len(heads) + '|']
  standings = {
    mode: compare([run.lists[mode, method] for run, method in rows], k)
    for mode in first.modes
  }
  for place, (run, method) in enumerate(rows):
    cells = [run.name, method]
    for mode in first.modes:
      cells += _cells(standings[mode][place], is_first=place == 0)
    lines.append(f'| {" | ".join(cells)} |')
  return '\n'.join(lines)


def compare(rows: Sequence[Sequence[UserLists]], k: int) -> list[Standing]:
  """Each row of one mode against the first.

  Args:
    rows: per row its lists in each split, of the same users in the same order.
    k: length of the lists.

  Returns:
    One per row.

  Raises:
    ValueError: rows of other users or another truth, or nobody with one.
  """
  sample = pooled.pool(rows, k)
  drawn = bootstrap.resampled_f(sample.users, sample.precision, sample.recall)
  f = bootstrap.f_score(
    sample.precision.mean(axis=1), sample.recall.mean(axis=1)
  )
  by_split = bootstrap.f_score(*pooled.means_by_split(sample))
  return [
    Standing(
      f[place],
      *bootstrap.interval(drawn[place]),
      f[place] - f[0],
      *bootstrap.interval(drawn[place] - drawn[0]),
      int(np.sum(by_split[place] > by_split[0])),
      len(rows[0]),
    )
    for place in range(len(rows))
  ]


def _rows(runs: Sequence[Run], methods: Sequence[str]) -> list[tuple[Run, str]]:
  """(run, method) of every row of the table."""
  rows = []
  for run in runs:
    found = list(dict.fromkeys(method for _, method in run.lists))
    missing = [method for method in methods if method not in found]
    if missing:
      raise ValueError(
        f'{run.name} has no method {missing[0]!r}; it has {", ".join(found)}'
      )
    rows += [(run, method) for method in methods or found]
  return rows


def _cells(standing: Standing, *, is_first: bool) -> list[str]:
  """F with its interval, and the change with its own."""
  f, low, high, change, change_low, change_high, better, splits = standing
  own = f'{f:.4f} [{low:.4f}, {high:.4f}]'
  if is_first:
    return [own, '']
  text = f'{change:+.4f}'
  if change_low > 0 or change_high < 0:
    text = f'**{text}**'
  interval = f'[{change_low:+.4f}, {change_high:+.4f}]'
  return [own, f'{text} {interval} ({better} of {splits})']


def _check_same(first: Run, run: Run, same_keys: Sequence[str]) -> None:
  """Raises unless the two tested the same users on the same truth."""
  for key in same_keys:
    found, wanted = _get(run.facts, key), _get(first.facts, key)
    if found != wanted or found is None:
      raise ValueError(
        f'{run.name} has {key} = {found}; right: {wanted}, as {first.name}'
      )
  if run.modes != first.modes:
    raise ValueError(
      f'{run.name} has the modes {", ".join(run.modes)}; right: '
      f'{", ".join(first.modes)}, as {first.name}'
    )


def _get(facts, key: str):
  """The value of a dotted key; None if it is missing."""
  for part in key.split('.'):
    facts = facts.get(part) if isinstance(facts, dict) else None
  return facts
