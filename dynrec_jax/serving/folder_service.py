"""An exported folder's lists for whoever asks, without package data."""

import json
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import export

from dynrec_jax.predict import ROWS
from dynrec_jax.serving import folder
from dynrec_jax.serving.asked import Asked, BadRequest, Limits, NewVideo
from dynrec_jax.serving.histories import Reader
from dynrec_jax.serving.service import Answer
from dynrec_jax.serving.tweet_reader import TweetReader
from dynrec_jax.storage import digests
from dynrec_jax.topics.tweet_words import tokenize

_FEW = 64  # known videos that there is room for; for more, twice as much
_EVENTS = {'watches': 'watches', 'tweets': 'tweets', 'vectors': ''}


class FolderService:
  """See `service.Service`; all who ask are new.

  Attributes:
    about: what is served, in a few words.
    limits: what requests may be.
  """

  def __init__(self, path: str | os.PathLike[str], most_events: int):
    """Reads the folder; compiles what makes its lists.

    Args:
      path: of the folder.
      most_events: of a history.

    Raises:
      ValueError: it is no export, or damaged; names folder or file.
    """
    place = pathlib.Path(path)
    manifest = read_manifest(place)
    weights, tables = (
      _arrays(place / name) for name in (folder.WEIGHTS, folder.TABLES)
    )
    self._ids = _json(place / folder.VIDEOS)
    self._known = frozenset(self._ids)
    self._lists = jax.jit(_function(place / folder.FUNCTION))
    self._weights = jax.device_put(weights)
    topics_of = None
    if manifest['reading']['of'] == 'tweets':
      topics_of = TweetReader(
        _json(place / folder.WORDS),
        tables['log_mixture'],
        jax.jit(_function(place / folder.FOLD_IN)),
        tokenize,
      )
    self._reader = Reader(manifest, self._ids, tables, topics_of)
    events = _EVENTS[manifest['reading']['of']]
    self.limits = Limits(events, most_events, manifest['k'])
    self.about = {
      'network': manifest['network'],
      'videos': len(self._ids),
      'k': manifest['k'],
      'version': manifest['catalogue'],
    }
    self.answers([Asked('', (), 1)])

  def check(self, asked: Asked) -> None:
    """Raises BadRequest for a user of the data, whom no folder knows."""
    if asked.user:
      raise BadRequest(
        f'user: found {asked.user[:60]!r}; an exported folder knows no users; '
        f'right: {self.limits.events or "a server of the run"}',
        404,
      )

  def answers(self, asked: Sequence[Asked]) -> list[Answer]:
    """A list for each, in blocks of one shape."""
    found = []
    for start in range(0, len(asked), ROWS):
      found += self._block(asked[start : start + ROWS])
    return found

  def add(self, videos: Sequence[NewVideo]) -> int:
    """Raises BadRequest: a folder holds what its export knew."""
    del videos
    raise BadRequest(
      'an exported folder takes no video; right: mode=serve of the run', 409
    )

  def _block(self, asked: Sequence[Asked]) -> list[Answer]:
    """The answers of a block or less."""
    empty = [()] * (ROWS - len(asked))
    inputs = self._reader.inputs([*(of.history for of in asked), *empty])
    width = _FEW
    while width < inputs['known'].shape[1]:
      width *= 2
    room = width - inputs['known'].shape[1]
    inputs['known'] = np.pad(
      inputs['known'], ((0, 0), (0, room)), constant_values=-1
    )
    ids, scores = map(np.asarray, self._lists(self._weights, inputs))
    return [
      self._answer(of, ids[row], scores[row]) for row, of in enumerate(asked)
    ]

  def _answer(
    self, asked: Asked, ids: np.ndarray, scores: np.ndarray
  ) -> Answer:
    """One of them."""
    real = np.flatnonzero(ids >= 0)[: asked.k]
    unlisted = 0
    if self.limits.events == 'watches':
      unlisted = sum(video not in self._known for video, _ in asked.history)
    return Answer(
      [self._ids[place] for place in ids[real]],
      [float(f'{score:.6g}') for score in scores[real]],
      unlisted,
    )


def read_manifest(place: pathlib.Path) -> dict[str, Any]:
  """A folder's manifest, once every file is what it says.

  Raises:
    ValueError: it is no export, of a later version, or damaged.
  """
  if not folder.is_export(place):
    raise ValueError(
      f'{place} holds no {folder.MANIFEST} of an export; right: a folder of '
      'mode=export'
    )
  manifest = _json(place / folder.MANIFEST)
  if manifest['format'] != folder.FORMAT:
    raise ValueError(
      f'{place}: found format {manifest["format"]}; right: {folder.FORMAT}, '
      'by an export of this version'
    )
  for name, told in manifest['files'].items():
    path = place / name
    if not path.is_file() or digests.file_sha256(path) != told['sha256']:
      raise ValueError(
        f'{path}: lost or damaged, by its digest in {folder.MANIFEST}; right: '
        'an export anew'
      )
  return manifest


def _json(path: pathlib.Path) -> Any:
  return json.loads(path.read_text('utf-8'))


def _arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
  from safetensors.numpy import load_file

  return load_file(path)


def _function(path: pathlib.Path) -> Callable:
  return export.deserialize(bytearray(path.read_bytes())).call
