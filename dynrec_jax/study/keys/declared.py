"""What is said of a config key, once: all else about it is read from here."""

import enum
import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple


class Of(enum.Enum):
  """What depends on a key; `identity` says who must then share it."""

  STUDY = 'who and what is studied, who is tested'
  CONTENT = 'features and topics'
  DIGESTED = 'features and topics, told by their digest'
  MODEL = 'the network and its inputs'
  TRAINING = 'what is learned'
  STOPPING = 'which epoch is kept'
  SCORES = 'the scores'
  SPLITS = 'how many splits a mean is of'
  FOLDS = 'who makes the folds'
  TRIED = 'what is tried'
  BASELINES = 'a baseline'
  NOTHING = 'no score'


class OneOf(NamedTuple):
  """One of several names."""

  valid: Sequence[str]

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    return '' if value in self.valid else f'valid are {", ".join(self.valid)}'

  def described(self) -> str:
    """The values in words, as markdown."""
    return ', '.join(f'`{name}`' for name in self.valid)


class SomeOf(NamedTuple):
  """One or more of several names."""

  valid: Sequence[str]

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    if value and set(value) <= set(self.valid):
      return ''
    return f'valid are some of {", ".join(self.valid)}'

  def described(self) -> str:
    """The values in words, as markdown."""
    return f'some of {OneOf(self.valid).described()}'


class Whole(NamedTuple):
  """A whole number from `low` to `high`, both included."""

  low: int
  high: float = math.inf

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    if type(value) is not int:
      return f'it must be a whole number in [{self.low}, {self.high}]'
    return _range_fault(value, self.low, self.high)

  def described(self) -> str:
    """The values in words, as markdown."""
    return _range_words(self.low, self.high)


class Real(NamedTuple):
  """A number from `low` to `high`, both included."""

  low: float
  high: float

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    return _range_fault(value, self.low, self.high)

  def described(self) -> str:
    """The values in words, as markdown."""
    return _range_words(self.low, self.high)


class Switch(NamedTuple):
  """Yes or no."""

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    return '' if type(value) is bool else 'valid are True, False'

  def described(self) -> str:
    """The values in words, as markdown."""
    return '`True`, `False`'


class Text(NamedTuple):
  """Text of a kind that is told in words.

  Attributes:
    kind: what it must be.
    may_be_empty: whether '' means something.
  """

  kind: str
  may_be_empty: bool = True

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    if not isinstance(value, str):
      return f'it must be text: {self.kind}'
    if not (value or self.may_be_empty):
      return f'it must be {self.kind}'
    return ''

  def described(self) -> str:
    """The values in words, as markdown."""
    return f"{self.kind}, or `''`" if self.may_be_empty else self.kind


class Path(NamedTuple):
  """A file or folder; `~` is the user's home.

  Attributes:
    kind: what it must be.
    may_be_empty: whether '' means something.
    made: 'file' or 'folder' where a run makes it, and it must not be the other.
  """

  kind: str
  may_be_empty: bool = True
  made: str = ''

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    wrong = Text(self.kind, self.may_be_empty).fault(value)
    if wrong or not value:
      return wrong
    path = os.path.expanduser(value)
    if (
      self.made == 'folder' and os.path.exists(path) and not os.path.isdir(path)
    ):
      return 'it is a file; right: a folder, or what does not exist yet'
    if self.made == 'file' and os.path.isdir(path):
      return 'it is a folder; right: a file, or what does not exist yet'
    return ''

  def described(self) -> str:
    """The values in words, as markdown."""
    return Text(self.kind, self.may_be_empty).described()

  def expanded(self, value: str) -> str:
    """The value without `~`."""
    return os.path.expanduser(value)


class WholeNumbers(NamedTuple):
  """Several whole numbers, none of them below `low`."""

  low: int
  may_be_empty: bool = False

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    right = all(type(x) is int and x >= self.low for x in value)
    if right and (len(value) or self.may_be_empty):
      return ''
    some = '' if self.may_be_empty else 'one or more '
    return f'it must be {some}whole numbers of {self.low} or more'

  def described(self) -> str:
    """The values in words, as markdown."""
    words = f'whole numbers of {self.low} or more'
    return f'{words}, or `()`' if self.may_be_empty else words


class DifferentNumbers(NamedTuple):
  """One or more numbers, each once, all in a range."""

  each: Real

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    right = not any(self.each.fault(x) for x in value)
    if right and len(value) and len(set(value)) == len(value):
      return ''
    low, high = self.each
    return f'it must be one or more different numbers in [{low}, {high}]'

  def described(self) -> str:
    """The values in words, as markdown."""
    return f'different numbers, each {self.each.described()}'


class Texts(NamedTuple):
  """Any number of texts of a kind that is told in words."""

  kind: str

  def fault(self, value: Any) -> str:
    """Nothing: only the data tell which are right."""
    del value
    return ''

  def described(self) -> str:
    """The values in words, as markdown."""
    return f'{self.kind}, or `()`'


class Paths(NamedTuple):
  """Any number of folders, alone or as NAME=FOLDER; `~` is the user's home."""

  kind: str

  def fault(self, value: Any) -> str:
    """Nothing: who reads them tells what is missing."""
    del value
    return ''

  def described(self) -> str:
    """The values in words, as markdown."""
    return Texts(self.kind).described()

  def expanded(self, value: Sequence[str]) -> tuple[str, ...]:
    """The value without `~`."""
    parts = [text.rpartition('=') for text in value]
    return tuple(f'{a}{b}{os.path.expanduser(c)}' for a, b, c in parts)


class AnyOf(NamedTuple):
  """Several names, each once; () is all of them."""

  valid: Sequence[str]

  def fault(self, value: Any) -> str:
    """What is right instead; '' if the value is."""
    if set(value) <= set(self.valid) and len(set(value)) == len(value):
      return ''
    return f'valid are some of {", ".join(self.valid)}, each once, or ()'

  def described(self) -> str:
    """The values in words, as markdown."""
    return f'some of {OneOf(self.valid).described()}, or `()`'


Values = (
  OneOf
  | SomeOf
  | AnyOf
  | Whole
  | Real
  | Switch
  | Text
  | Path
  | WholeNumbers
  | DifferentNumbers
  | Texts
  | Paths
)


class Key(NamedTuple):
  """All that is said of one key.

  Attributes:
    default: its value where a config sets no other.
    values: which ones are right.
    of: what depends on it.
    meaning: a few words, as markdown.
    unit: of the number; '' if it has none.
    decision: number of the choice among readings of the paper, see
      docs/decisions.md; None if the paper leaves none.
    tries: the key whose value a cross-validation chooses among these.
    grid: what `mode=tune` tries, of a key that it tunes.
    young: whether runs left results before there was the key; they did what
      its default says.
  """

  default: Any
  values: Values
  of: Of
  meaning: str
  unit: str = ''
  decision: int | None = None
  tries: str = ''
  grid: tuple = ()
  young: bool = False


def fault(name: str, key: Key, value: Any) -> str:
  """What is wrong with a value, in one sentence; '' if nothing is."""
  if isinstance(key.default, tuple):
    if isinstance(value, str) or not isinstance(value, Sequence):
      return f'{name} is {value!r}; it must be a tuple'
    value = tuple(value)
  wrong = key.values.fault(value)
  return f'{name} is {value!r}; {wrong}' if wrong else ''


def _range_fault(value: Any, low: float, high: float) -> str:
  """What is right instead of the value; '' if it is a number in [low, high]."""
  number = isinstance(value, int | float) and not isinstance(value, bool)
  if number and math.isfinite(value) and low <= value <= high:
    return ''
  return f'it must lie in [{low}, {high}]'


def _range_words(low: float, high: float) -> str:
  """The range for a reader."""
  if high == math.inf:
    return f'{low:,} or more'
  return f'{low:,} to {high:,.12g}'
