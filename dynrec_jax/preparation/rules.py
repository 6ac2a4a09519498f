"""Which records a study keeps: all that decides it, as plain values.

A prepared set is of one such choice and says of which; a study that asks for
another must not read it.
"""

from typing import NamedTuple


class Rules(NamedTuple):
  """What `data/filters`, `data/span` and `data/time_cut` are called with.

  Attributes:
    borders: of the sessions, seconds; the first and last are the span.
    cut: the date that cuts the log, seconds; None where users are split.
    min_tweets_per_user: 0 asks for none.
    min_videos_per_user: distinct videos.
    min_users_per_video: distinct users.
    mode: of `filters.MODES`.
    require_visual: keep videos with an image and a word alone.
    text_fields: where that word may stand; () where nobody asks.
    new_videos: what must be known of a video that nobody watched before the
      cut; () without one.
  """

  borders: tuple[int, ...]
  cut: int | None
  min_tweets_per_user: int
  min_videos_per_user: int
  min_users_per_video: int
  mode: str
  require_visual: bool
  text_fields: tuple[str, ...]
  new_videos: tuple[str, ...]

  @property
  def start(self) -> int:
    """When the span begins, seconds."""
    return self.borders[0]

  @property
  def end(self) -> int:
    """When it ends."""
    return self.borders[-1]

  @property
  def min_watches_left(self) -> int:
    """That a user needs once the filters have run, see `filter_watches`."""
    return 2 if self.cut is None else 1


def from_json(stored: dict[str, object]) -> Rules:
  """What `Rules._asdict` gave, after JSON has made lists of tuples."""
  return Rules(
    **{
      name: tuple(value) if isinstance(value, list) else value
      for name, value in stored.items()
    }
  )


def differences(stored: Rules, asked: Rules) -> str:
  """What differs, in words; '' if nothing does."""
  told = [
    f'{name} was {_shown(old)}, is {_shown(new)}'
    for name, old, new in zip(Rules._fields, stored, asked, strict=True)
    if old != new
  ]
  return '; '.join(told)


def _shown(value: object) -> str:
  """The value, a long tuple by its ends and length."""
  if isinstance(value, tuple) and len(value) > 6:
    return f'({value[0]}, ..., {value[-1]}), {len(value)} in all'
  return str(value)
