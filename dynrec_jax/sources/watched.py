"""Which rows of a log count as a watch: `is_click>=1`, `rating>=4`, `all`."""

import re
from typing import NamedTuple

ALL = 'all'
_FORM = re.compile(r'(?P<column>[^<>=\s]+)\s*>=\s*(?P<least>-?\d+(?:\.\d+)?)')


class Watched(NamedTuple):
  """The rows whose number in a column is large enough.

  Attributes:
    column: of the log.
    least: the smallest number that counts.
  """

  column: str
  least: float

  def __str__(self) -> str:
    """As `parse` reads it."""
    return f'{self.column}>={self.least:g}'


def parse(text: str) -> Watched | None:
  """The condition; None where all rows count.

  Raises:
    ValueError: neither `all` nor COLUMN>=NUMBER.
  """
  if text.strip() == ALL:
    return None
  match = _FORM.fullmatch(text.strip())
  if match is None:
    raise ValueError(
      f'watched: found {text!r}; right: {ALL}, or a column and the least '
      'number of it, such as is_click>=1'
    )
  return Watched(match['column'], float(match['least']))
