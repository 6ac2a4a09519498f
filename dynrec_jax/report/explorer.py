"""Every tested user's story beside every method's list, in small numbers.

Made for a page that holds hundreds of users: a video is named by its place in
one table of titles, and only titles that occur are in it.
"""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from dynrec_jax.report import stories, user_lists
from dynrec_jax.report.stories import Story

_WORDS = 5  # of a topic

# As the page embeds it, see `join`.
Explorer = Mapping[str, Any]


class _Videos:
  """Places of videos in a table that grows by those asked for."""

  def __init__(self, titles: Mapping[str, str]):
    self._titles, self._place = titles, {}

  def __call__(self, videos: Sequence[str]) -> list[int]:
    return [self._place.setdefault(v, len(self._place)) for v in videos]

  @property
  def titles(self) -> list[str]:
    """In the order of their places; the id of a video without a title."""
    return [self._titles.get(video) or video for video in self._place]


def join(
  directory: str, modes: Sequence[str], labels: Mapping[str, str]
) -> Explorer:
  """The stories of a split and the lists of all its methods.

  Args:
    directory: of the split; modes without stories are left out.
    modes: in the order to show.
    labels: method -> as a reader calls it, in the order to show; methods
      without a file of lists are left out.

  Returns:
    `videos`: titles; `modes`: of each its `name`, `words` (topic -> its first
    words), `methods` (labels) and `users`, of which each has what a `Story`
    has, with places in `videos` for ids, and `lists`, one per method.

  Raises:
    ValueError: a file is damaged, or a method has no list of a user who has a
      story; names the file.
  """
  modes = [m for m in modes if _exists(stories.path_of(directory, m))]
  if not modes:
    return {'videos': [], 'modes': []}
  videos = _Videos(stories.read_titles(directory))
  of_topic = enumerate(stories.read_topic_words(directory))
  words = {str(topic): ' '.join(own[:_WORDS]) for topic, own in of_topic}
  content = [
    _mode(directory, mode, labels, videos) | {'words': words} for mode in modes
  ]
  return {'videos': videos.titles, 'modes': content}


def together(parts: Sequence[Explorer]) -> Explorer:
  """The explorers of several studies as one."""
  videos: list[str] = []
  modes = []
  for part in parts:
    first = len(videos)
    videos += part['videos']
    for mode in part['modes']:
      users = [_moved(user, first) for user in mode['users']]
      modes.append(mode | {'users': users})
  return {'videos': videos, 'modes': modes}


def _moved(user: Mapping[str, Any], by: int) -> dict[str, Any]:
  """A user whose videos stand later in the table of titles."""
  return dict(user) | {
    'history': [[session, video + by] for session, video in user['history']],
    'truth': [video + by for video in user['truth']],
    'lists': [[video + by for video in videos] for videos in user['lists']],
  }


def read_lists(
  directory: str, mode: str, labels: Mapping[str, str]
) -> dict[str, dict[str, list[str]]]:
  """Of each method that left lists, by its label, each user's videos.

  Raises:
    ValueError: a file is damaged; names file and line.
  """
  paths = {
    label: user_lists.path_of(directory, mode, method)
    for method, label in labels.items()
  }
  found = {
    label: user_lists.read_lists(path)
    for label, path in paths.items()
    if _exists(path)
  }
  return {
    label: dict(zip(of.users, of.videos, strict=True))
    for label, of in found.items()
  }


def _mode(
  directory: str, mode: str, labels: Mapping[str, str], videos: _Videos
) -> dict[str, Any]:
  """One mode's users."""
  lists = read_lists(directory, mode, labels)
  users = []
  for story in stories.read_stories(directory, mode):
    for label, of_users in lists.items():
      if story.user not in of_users:
        raise ValueError(
          f'{stories.path_of(directory, mode)}: user {story.user!r} has no '
          f'list of {label}; right: stories and lists of one test'
        )
    own = [videos(of_users[story.user]) for of_users in lists.values()]
    users.append(_as_numbers(story, videos) | {'lists': own})
  return {'name': mode, 'methods': list(lists), 'users': users}


def _as_numbers(story: Story, videos: _Videos) -> dict[str, Any]:
  """A story with places for ids, and JSON's own kinds of keys."""
  watched = videos([video for _, video in story.history])
  sessions = [session for session, _ in story.history]
  # Keys of JSON objects are text.
  topics, interest = json.loads(json.dumps([story.topics, story.interest]))
  return {
    'user': story.user,
    'history': [list(pair) for pair in zip(sessions, watched, strict=True)],
    'behaviours': list(story.behaviours),
    'topics': topics,
    'interest': interest,
    'truth': videos(story.truth),
  }


def _exists(path: str) -> bool:
  return pathlib.Path(path).is_file()
