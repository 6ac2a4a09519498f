"""What all tasks of all stages may know, and which tasks there are."""

from typing import NamedTuple

from dynrec_jax.preparation import files, inputs
from dynrec_jax.preparation.inputs import Fragment
from dynrec_jax.preparation.rules import Rules
from dynrec_jax.preparation.vectors import Shape, Vectors

NO_VECTORS = Shape(0, 0, 'float32')


class Shared(NamedTuple):
  """What all tasks may know.

  Attributes:
    folder: of what stages hand to each other.
    rules: of the study.
    rows_per_range: of users, about.
    starts: the first user of every range but the first.
    videos_per_range: at most.
    topics: the file of the tweets' topics; '' without one.
    topics_shape: what it holds.
    visual_shape: what the videos' features are; of width 0 without any.
  """

  folder: str
  rules: Rules
  rows_per_range: int
  starts: tuple[str, ...] = ()
  videos_per_range: int = 1
  topics: str = ''
  topics_shape: Shape = NO_VECTORS
  visual_shape: Shape = NO_VECTORS

  def path(self, *names: str) -> str:
    """Of a file that stages hand to each other."""
    return files.join(self.folder, *names)


class Read(NamedTuple):
  """Rows to be read: of a table, or vectors of videos.

  Attributes:
    of: where they are.
    number: its place among all.
  """

  of: Fragment | Vectors
  number: int

  @property
  def place(self) -> tuple[int, int]:
    """In the order in which errors count: a table after the other."""
    if isinstance(self.of, Fragment):
      return 2 * inputs.TABLES.index(self.of.table), self.number
    return 1, self.number


class Range(NamedTuple):
  """A range, of users or of videos."""

  table: str
  number: int

  @property
  def place(self) -> tuple[int, int]:
    """In the order in which errors count."""
    return 0, self.number
