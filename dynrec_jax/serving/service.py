"""What the server asks of what makes lists."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from dynrec_jax.serving.asked import Asked, Limits, NewVideo


class Answer(NamedTuple):
  """One list.

  Attributes:
    videos: the videos' own ids, best first.
    scores: log probabilities beside them.
    unlisted: watches of the history that are of no known video.
  """

  videos: list[str]
  scores: list[float]
  unlisted: int


class Service(Protocol):
  """Makes lists; `answers` and `add` may be called in different threads."""

  @property
  def limits(self) -> Limits:
    """What requests may be."""

  @property
  def about(self) -> dict[str, str | int]:
    """What is served, in a few words."""

  def check(self, asked: Asked) -> None:
    """Raises BadRequest for a user who is not known."""

  def answers(self, asked: Sequence[Asked]) -> list[Answer]:
    """A list for each; the same as each gets alone."""

  def add(self, videos: Sequence[NewVideo]) -> int:
    """Adds videos to the catalogue; how many there are then.

    Raises:
      BadRequest: they cannot be added; says why.
    """
