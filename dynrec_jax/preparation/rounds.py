"""The rules of `data/filters`, round by round, over all ranges of users.

A rule on users needs a range alone; one on videos needs the sum over ranges.
So a round is a stage: it takes the videos that are left, and counts anew.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dynrec_jax.data import filters
from dynrec_jax.data.filters import FilterStep
from dynrec_jax.data.records import LacksDataError
from dynrec_jax.preparation import files, range_tasks
from dynrec_jax.preparation.shared import Range, Shared
from dynrec_jax.preparation.stages import Results

# (name, work, tasks) -> what the stage found.
Stage = Callable[[str, Callable, Sequence[Any]], Results]


class Filtered(NamedTuple):
  """What the rules leave.

  Attributes:
    steps: what each of them left.
    before: [V] int64, watches of each video that the filters begin with.
    left: [V] int64, those that they leave.
    filled: the ranges in which they leave any, ascending.
  """

  steps: tuple[FilterStep, ...]
  before: np.ndarray
  left: np.ndarray
  filled: tuple[int, ...]


def filtered(
  stage: Stage, numbers: Sequence[int], shared: Shared, video_count: int
) -> Filtered:
  """Runs the rules until they are done.

  Args:
    stage: runs one.
    numbers: of the ranges of users.
    shared: by all tasks.
    video_count: V.

  Raises:
    LacksDataError: nothing is left; tells what each rule left.
  """
  none = np.zeros(video_count, np.int64)
  tasks = [Range('users', number) for number in numbers]
  rules, least = shared.rules, shared.rules.min_users_per_video
  work = functools.partial(range_tasks.begin, shared=shared)
  found = stage('begin', work, tasks)
  begun = [name for name in _NAMES if f'watches_{name}' in found.facts]
  steps = [_step(name, found, shared) for name in begun]
  first = found.counts.get('before', none)
  if 'tweets' in begun and not steps[begun.index('tweets')].watches:
    raise LacksDataError(
      f'{filters.describe(steps[begun.index("tweets")])}; lower '
      'min_tweets_per_user: the most that a user has is '
      f'{max(found.facts["most_tweets"])}'
    )
  last = [name for name in begun if name != 'users'][-1]
  before = np.ones(video_count, bool)
  watches = found.facts[f'watches_{last}']
  for number in itertools.count():  # each round but the last takes a watch
    counts = found.counts.get('users', none)
    now = before & (counts >= least)
    masks = _store(shared, number, before, now)
    rows = int(counts[now].sum())
    if rules.mode == 'single_pass' or rows == watches:
      break
    work = functools.partial(range_tasks.repeat, shared=shared, **masks)
    found = stage(f'round-{number}', work, tasks)
    steps += [_step(name, found, shared) for name in ('videos', 'users')]
    before, watches = now, rows
  work = functools.partial(range_tasks.finish, shared=shared, **masks)
  found = stage('finish', work, tasks)
  steps += [_step(name, found, shared) for name in ('videos', 'left')]
  if not found.facts['watches_left']:
    raise filters.nothing_left(steps, rules.min_watches_left)
  filled = tuple(sorted(found.facts['filled']))
  return Filtered(tuple(steps), first, found.counts['left'], filled)


# In the order in which they are used; `filters` names them in the same words.
_NAMES = ('before', 'complete', 'tweets', 'users', 'videos', 'left')


def _step(name: str, found: Results, shared: Shared) -> FilterStep:
  """What a rule left, in the words of `filters`."""
  rules = shared.rules
  words = {
    'before': 'before the filters',
    'complete': 'videos with a visual feature and a text',
    'tweets': f'users with >= {rules.min_tweets_per_user} tweets',
    'users': f'users with >= {rules.min_videos_per_user} videos',
    'videos': f'videos with >= {rules.min_users_per_video} users',
    'left': f'users with >= {rules.min_watches_left} watches left',
  }
  counts = found.counts.get(name, np.zeros(0, np.int64))
  return FilterStep(
    words[name],
    found.facts[f'users_{name}'],
    int(np.count_nonzero(counts)),
    found.facts[f'watches_{name}'],
  )


def _store(
  shared: Shared, number: int, before: np.ndarray, now: np.ndarray
) -> dict[str, str]:
  """The videos before and after a round, for all workers."""
  paths = {}
  for name, known in (('before', before), ('now', now)):
    paths[name] = shared.path(f'videos-{name}-{number}.npz')
    files.write_arrays(paths[name], known=known)
  return paths
