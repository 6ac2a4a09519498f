"""What was recommended to whom, in files: one JSON line per user.

`SPLIT/lists/MODE/METHOD.jsonl` holds a line for every user who was asked
about, those without a ground truth too. All tables follow from these files.
"""

import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dynrec_jax.recommender import Lists
from dynrec_jax.storage import whole_files


class UserLists(NamedTuple):
  """A file's lines that measures are made from.

  Attributes:
    users: [B] the users' own ids.
    videos: B lists of the videos' own ids, best first.
    hits: [B] int64, different videos of the list that were watched later.
    truth: [B] int64, different videos that were watched later.
  """

  users: list[str]
  videos: list[list[str]]
  hits: np.ndarray
  truth: np.ndarray


def path_of(directory: str, mode: str, method: str) -> str:
  """The file of a method's lists below a split's folder."""
  return os.path.join(directory, 'lists', mode, f'{method}.jsonl')


def as_rows(
  users: Sequence[str],
  video_ids: np.ndarray,
  lists: Lists,
  **counts: np.ndarray,
) -> Iterator[dict[str, Any]]:
  """A line's content for every list.

  Args:
    users: [B] whose lists they are.
    video_ids: [V] the catalogue's own ids.
    lists: of the users.
    **counts: [B] whole numbers by the name they are to have in a line.

  Yields:
    `user`, `videos`, `scores` where the method has any, and the counts.
  """
  for place, (user, ids) in enumerate(zip(users, lists.ids, strict=True)):
    real = ids >= 0
    line = {'user': user, 'videos': list(video_ids[ids[real]])}
    if lists.scores is not None:
      scores = lists.scores[place, real]
      line['scores'] = [float(f'{score:.6g}') for score in scores]
    yield line | {name: int(of[place]) for name, of in counts.items()}


def write_lists(
  path: str | os.PathLike[str], rows: Iterable[dict[str, Any]]
) -> None:
  """The lines as a file, whole or not at all."""
  whole_files.write_lines(
    path, (json.dumps(row, ensure_ascii=False) for row in rows)
  )


def read_lists(path: str | os.PathLike[str]) -> UserLists:
  """The lines of a file that `write_lists` wrote.

  Raises:
    ValueError: no such file, or a line that is none; names file and line.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise ValueError(
      f'{path}: no such file; right: what a run writes when it tests a split'
    )
  rows = []
  # Not splitlines: an id may hold what else Unicode calls a line's end.
  try:
    text = path.read_text('utf-8')
  except UnicodeDecodeError as error:
    raise ValueError(f'{path}: found {error}; right: UTF-8') from error
  lines = text.removesuffix('\n').split('\n')
  for number, line in enumerate(lines if any(lines) else [], start=1):
    try:
      row = json.loads(line)
      counts = int(row['hits']), int(row['truth'])
      rows.append((row['user'], row['videos'], *counts))
    except (ValueError, KeyError, TypeError) as error:
      raise ValueError(
        f'{path} line {number}: found {line[:80]!r}; right: an object with '
        'user, videos, hits and truth'
      ) from error
  users, videos, hits, truth = zip(*rows, strict=True) if rows else ((),) * 4
  return UserLists(
    list(users), list(videos), np.array(hits, int), np.array(truth, int)
  )
