"""What was known of each tested user, and what came after, for a reader.

`SPLIT/stories/MODE.jsonl` holds a line for every tested user with a ground
truth; `titles.json` and `topic_words.json` beside it say what its ids stand
for. They are shown, never learned from.
"""

import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dynrec_jax.storage import whole_files

_TITLES, _TOPIC_WORDS = 'titles.json', 'topic_words.json'
_SHOWN, _DECIMALS = 8, 3  # topics of a session, and of their shares


class Story(NamedTuple):
  """A tested user.

  Sessions are those that had ended when lists were made, 1 to n_f; only
  `truth` is of later.

  Attributes:
    user: own id.
    history: (session, the video's own id) of each known watch, oldest first;
      none in the cross network.
    behaviours: [n_f] what interests are made of, in each session.
    topics: [n_f] topic -> share of the session's behaviours, see `shares`.
    interest: [n_f] topic -> share of u at the session's end.
    truth: own ids of the different videos watched afterwards, in that order.
  """

  user: str
  history: Sequence[tuple[int, str]]
  behaviours: Sequence[int]
  topics: Sequence[Mapping[int, float]]
  interest: Sequence[Mapping[int, float]]
  truth: Sequence[str]


def path_of(directory: str, mode: str) -> str:
  """The file of a mode's stories below a split's folder."""
  return os.path.join(_folder(directory), f'{mode}.jsonl')


def shares(weights: np.ndarray) -> list[dict[int, float]]:
  """The largest shares of each row, by topic.

  Args:
    weights: [n, K], what each topic has of each row; below 0 is none.

  Returns:
    Per row topic -> share of the row's sum, with three decimals: the largest
    eight that are not 0 then, largest first; ties by number. A row of zeros
    has none.
  """
  weights = np.maximum(np.asarray(weights, np.float64), 0)
  total = weights.sum(axis=1, keepdims=True)
  share = weights / np.where(total > 0, total, 1)
  order = np.argsort(-share, axis=1, kind='stable')[:, :_SHOWN]
  rows = [
    {int(t): round(float(row[t]), _DECIMALS) for t in topics}
    for row, topics in zip(share, order, strict=True)
  ]
  return [{t: x for t, x in row.items() if x} for row in rows]


def write_stories(directory: str, mode: str, stories: Iterable[Story]) -> None:
  """The stories as a file, whole or not at all."""
  lines = (json.dumps(story._asdict(), ensure_ascii=False) for story in stories)
  whole_files.write_lines(path_of(directory, mode), lines)


def write_names(
  directory: str,
  titles: Mapping[str, str],
  topic_words: Sequence[Sequence[str]],
) -> None:
  """What the stories' ids stand for.

  Args:
    directory: of the split.
    titles: of every video, by its own id.
    topic_words: [K] each topic's words, best first; () if nobody knows them.
  """
  words = [[str(word) for word in topic if word] for topic in topic_words]
  for name, content in ((_TITLES, titles), (_TOPIC_WORDS, words)):
    path = os.path.join(_folder(directory), name)
    whole_files.write_text(path, json.dumps(content, ensure_ascii=False))


def read_stories(directory: str, mode: str) -> list[Story]:
  """The stories that `write_stories` wrote.

  Raises:
    ValueError: no such file, or a line that is no story; names file and line.
  """
  path = pathlib.Path(path_of(directory, mode))
  # Not splitlines: an id may hold what else Unicode calls a line's end.
  lines = _text(path).removesuffix('\n').split('\n')
  stories = []
  for number, line in enumerate(lines if any(lines) else [], start=1):
    try:
      stories.append(_as_story(json.loads(line)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
      raise ValueError(
        f'{path} line {number}: found {line[:80]!r}; right: an object with '
        f'{", ".join(Story._fields)}, of as many sessions each'
      ) from error
  return stories


def read_titles(directory: str) -> dict[str, str]:
  """The videos' titles by their own ids; '' where the source has none.

  Raises:
    ValueError: no such file, or not as it was written.
  """
  path = pathlib.Path(_folder(directory), _TITLES)
  titles = _json(path)
  if not isinstance(titles, dict) or not _all_text(titles.values()):
    raise ValueError(f'{path}: right: an object of titles by video')
  return titles


def read_topic_words(directory: str) -> list[list[str]]:
  """Each topic's words, best first; [] if nobody knows them.

  Raises:
    ValueError: no such file, or not as it was written.
  """
  path = pathlib.Path(_folder(directory), _TOPIC_WORDS)
  words = _json(path)
  if not isinstance(words, list) or not all(
    isinstance(topic, list) and _all_text(topic) for topic in words
  ):
    raise ValueError(f'{path}: right: a list of words for each topic')
  return words


def _folder(directory: str) -> str:
  """Where a split's stories lie."""
  return os.path.join(directory, 'stories')


def _as_story(row: Mapping[str, Any]) -> Story:
  """The story of a line.

  Raises:
    ValueError: sessions differ in number, or a session is none of them.
  """
  story = Story(
    user=row['user'],
    history=[(int(session), video) for session, video in row['history']],
    behaviours=[int(count) for count in row['behaviours']],
    topics=[_by_topic(session) for session in row['topics']],
    interest=[_by_topic(session) for session in row['interest']],
    truth=list(row['truth']),
  )
  count = len(story.behaviours)
  if not count == len(story.topics) == len(story.interest):
    raise ValueError('sessions differ in number')
  if any(not 1 <= session <= count for session, _ in story.history):
    raise ValueError(f'a session is not in [1, {count}]')
  names = [story.user, *(video for _, video in story.history), *story.truth]
  if not _all_text(names):
    raise ValueError('an id is no text')
  return story


def _by_topic(session: Mapping[str, float]) -> dict[int, float]:
  """Shares by the topics' numbers, which JSON keeps as text."""
  return {int(topic): float(share) for topic, share in session.items()}


def _all_text(values: Iterable[Any]) -> bool:
  return all(isinstance(value, str) for value in values)


def _json(path: pathlib.Path) -> Any:
  """What a file holds."""
  try:
    return json.loads(_text(path))
  except json.JSONDecodeError as error:
    raise ValueError(f'{path}: found {error}; right: JSON') from error


def _text(path: pathlib.Path) -> str:
  """A file's text."""
  if not path.is_file():
    raise ValueError(
      f'{path}: no such file; right: what a run writes when it tests its first '
      'split'
    )
  return path.read_text('utf-8')
