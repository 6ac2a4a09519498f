"""Two columns of ids side by side: how many of each met, and which did not.

Ids that look alike and are not (`11` and `11.0`, `u11` and `U11`) join nothing
and raise nothing, so every join is told.
"""

from collections.abc import Iterable, Sequence
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
  return of_counts(
    what,
    met,
    (left, len(one) - met, _two(one, other)),
    (right, len(other) - met, _two(other, one)),
  )


def of_counts(
  what: str,
  met: int,
  left: tuple[str, int, Sequence[str]],
  right: tuple[str, int, Sequence[str]],
) -> Join:
  """See `join`; of ids that somebody has counted.

  Args:
    what: the ids are of, in the plural.
    met: how many are on both sides.
    left: where the first are from, how many of them the other side lacks, and
      some of those.
    right: the same of the others.
  """
  (one, one_alone, one_ids), (other, other_alone, other_ids) = left, right
  smaller = met + min(one_alone, other_alone)
  line = (
    f'{one} and {other}: {met:,} {what} in both, {one_alone:,} only in {one}, '
    f'{other_alone:,} only in {other}'
  )
  shown = f'{one} has {_words(one_ids)}, {other} {_words(other_ids)}'
  return Join(line, smaller > 0 and not met, met < _HARDLY * smaller, shown)


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
  sides = (left, left_count - met, ()), (right, right_count - met, ())
  return of_counts(what, met, *sides)._replace(shown='')


def _two(ids: dict[str, None], others: dict[str, None]) -> list[str]:
  """The first two that the others lack."""
  alone = (name for name in ids if name not in others)
  return [name for name, _ in zip(alone, range(2), strict=False)]


def _words(ids: Sequence[str]) -> str:
  """Some ids as a message shows them."""
  return ' and '.join(map(_cut, ids)) or 'no other'


def _cut(name: str) -> str:
  """An id as a message shows it."""
  text = repr(str(name))
  return text if len(text) <= 40 else f'{text[:37]}...'
