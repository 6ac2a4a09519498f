"""Two columns of ids side by side: how many of each met, and which did not.

Ids that look alike and are not (`11` and `11.0`, `u11` and `U11`) join nothing
and raise nothing, so every join is told.
"""

from collections.abc import Iterable
from typing import NamedTuple

_HARDLY = 0.1  # of the smaller side


class Join(NamedTuple):
  """What a join found.

  Attributes:
    line: how many ids are on both sides, and on one alone.
    is_empty: nothing met, and both sides have something.
    hardly_any: less than a tenth of the smaller side met.
    shown: two ids of either side that the other lacks, in words.
  """

  line: str
  is_empty: bool
  hardly_any: bool
  shown: str


def join(
  what: str,
  left: str,
  left_ids: Iterable[str],
  right: str,
  right_ids: Iterable[str],
) -> Join:
  """How two columns of ids meet.

  Args:
    what: the ids are of, in the plural.
    left: where the first are from.
    left_ids: one or more times each.
    right: where the others are from.
    right_ids: one or more times each.
  """
  one, other = dict.fromkeys(left_ids), dict.fromkeys(right_ids)
  met = sum(name in other for name in one)
  found = join_of_counts(what, left, len(one), right, len(other), met)
  shown = f'{left} has {_two(one, other)}, {right} {_two(other, one)}'
  return found._replace(shown=shown)


def join_of_counts(
  what: str, left: str, left_count: int, right: str, right_count: int, met: int
) -> Join:
  """The same of two columns that somebody else has compared; shows no ids.

  Args:
    what: the ids are of, in the plural.
    left: where the first are from.
    left_count: how many different ones.
    right: where the others are from.
    right_count: how many different ones.
    met: how many are in both.
  """
  smaller = min(left_count, right_count)
  line = (
    f'{left} and {right}: {met:,} {what} in both, {left_count - met:,} only in '
    f'{left}, {right_count - met:,} only in {right}'
  )
  return Join(line, smaller > 0 and not met, met < _HARDLY * smaller, '')


def _two(ids: dict[str, None], others: dict[str, None]) -> str:
  """The first two that the others lack."""
  alone = (name for name in ids if name not in others)
  found = [_cut(name) for name, _ in zip(alone, range(2), strict=False)]
  return ' and '.join(found) or 'no other'


def _cut(name: str) -> str:
  """An id as a message shows it."""
  text = repr(str(name))
  return text if len(text) <= 40 else f'{text[:37]}...'
