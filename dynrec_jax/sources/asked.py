"""What a config asks of a source that is read from files."""

from typing import NamedTuple


class Asked(NamedTuple):
  """What a config asks of a source.

  Attributes:
    column_names: see `columns.parse`.
    watched: see `watched.parse`; '' is the layout's own.
    topics_time: when topic vectors without a time were known, seconds; None:
      at the first watch.
  """

  column_names: str = ''
  watched: str = ''
  topics_time: int | None = None

  def told(self) -> dict[str, str]:
    """What differs from the defaults, by name, as text."""
    pairs = zip(self._fields, self, Asked(), strict=True)
    return {name: str(value) for name, value, usual in pairs if value != usual}
