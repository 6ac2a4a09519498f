"""The folders that runs leave: what each was of, and what it found.

`results.json` names modes, methods and splits; the lists beside it hold what
was recommended to every tested user.
"""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dynrec_jax.report import table, user_lists
from dynrec_jax.report.table import Skipped
from dynrec_jax.report.user_lists import UserLists

RESULTS, ABOUT = 'results.json', 'about.json'
# Below a training's folder: of the fit that chose its number of epochs, at an
# earlier date or without the validation users.
EARLIER, FIRST_FIT = 'earlier', 'first_fit'


class Run(NamedTuple):
  """What a run found.

  Attributes:
    name: of its folder.
    facts: its config, and under 'catalogue' what it was of.
    lists: (mode, method) -> its lists in each split, in the tables' order.
    skipped: the methods that could not run on the data.
    labels: method -> how a reader calls it; see `label`.
    tuned: method -> key -> value, of the methods that were tuned.
  """

  name: str
  facts: Mapping[str, Any]
  lists: Mapping[tuple[str, str], Sequence[UserLists]]
  skipped: Sequence[Skipped] = ()
  labels: Mapping[str, str] = {}
  tuned: Mapping[str, Mapping[str, Any]] = {}

  @property
  def modes(self) -> list[str]:
    """In the tables' order."""
    return list(dict.fromkeys(mode for mode, _ in self.lists))

  def label(self, method: str) -> str:
    """How a reader calls it: its own name, if the run says nothing."""
    return self.labels.get(method, method)


def read_run(directory: str | os.PathLike[str]) -> Run:
  """The results in a run's folder.

  Raises:
    ValueError: a file is missing or damaged, or the lists are not those that
      the results were made from; names it.
  """
  folder = pathlib.Path(directory)
  path = folder / RESULTS
  if not path.is_file():
    raise ValueError(
      f'{path}: no such file; right: the workdir of a run that ended'
    )
  try:
    content = json.loads(path.read_text('utf-8'))
    facts, rows = content['config'], content['rows']
    k = facts['decode']['k']
    found = [(row['mode'], row['method'], len(row['f_score'])) for row in rows]
    # Runs of earlier versions have neither.
    skipped = [Skipped(**of) for of in content.get('skipped', [])]
    labels = dict(content.get('labels', {}))
    tuned = dict(content.get('tuned', {}))
  except (ValueError, KeyError, TypeError) as error:
    raise ValueError(
      f'{path}: found {error!r}; right: what a run writes there'
    ) from error
  lists = {
    (mode, method): read_splits(
      [split_directory(folder, number) for number in range(count)], mode, method
    )
    for mode, method, count in found
  }
  if table.as_json_rows(table.make_rows(lists, k=k)) != rows:
    raise ValueError(
      f'{path}: not made from the lists beside it; right: the results of a run '
      'that ended, give its command again'
    )
  return Run(folder.resolve().name, facts, lists, skipped, labels, tuned)


def read_about(directory: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
  """What a run was of and made with; nothing of runs of earlier versions.

  Raises:
    ValueError: the file is damaged; names it.
  """
  path = pathlib.Path(directory, ABOUT)
  if not path.is_file():
    return {}
  try:
    found = json.loads(path.read_text('utf-8'))
    return {part: dict(facts) for part, facts in found.items()}
  except (ValueError, TypeError, AttributeError) as error:
    raise ValueError(
      f'{path}: found {error!r}; right: what a run writes there'
    ) from error


def read_splits(
  directories: Sequence[str], mode: str, method: str
) -> list[UserLists]:
  """A method's lists in each of these splits.

  Raises:
    ValueError: see `user_lists.read_lists`.
  """
  return [
    user_lists.read_lists(user_lists.path_of(directory, mode, method))
    for directory in directories
  ]


def split_directory(workdir: str | os.PathLike[str], number: int) -> str:
  """Where what split `number` leaves lies."""
  return os.path.join(workdir, f'split_{number}')
