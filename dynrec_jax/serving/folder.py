"""A trained network as a folder that needs neither this package nor the data.

`lists.stablehlo` makes lists of `weights.safetensors` and of inputs, which
`histories.py` reads of a user's history with `tables.safetensors` and
`videos.json`. `manifest.json` says what is what, and holds every file's digest.
"""

import inspect
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np

from dynrec_jax.serving import example, histories, tweet_reader
from dynrec_jax.serving.exported import Exported
from dynrec_jax.storage import digests, whole_files
from dynrec_jax.topics import stop_words, tweet_words

FORMAT = 1
MANIFEST = 'manifest.json'
FUNCTION = 'lists.stablehlo'
WEIGHTS = 'weights.safetensors'
TABLES = 'tables.safetensors'
VIDEOS = 'videos.json'
EXAMPLE = 'serve_example.py'
README = 'README.md'
# Of a folder whose histories are of tweets.
FOLD_IN = 'topics.stablehlo'
WORDS = 'words.json'
_PACKAGE = 'from dynrec_jax.topics.'


class Words(NamedTuple):
  """What tweets are read with.

  Attributes:
    vocabulary: [W] words.
    log_mixture: [W, K] float32, what each says of each topic.
    fold_in: the serialised function of `tweet_reader.TweetReader`.
  """

  vocabulary: Sequence[str]
  log_mixture: np.ndarray
  fold_in: bytes


class Contents(NamedTuple):
  """What a folder is made of.

  Attributes:
    lists: the function, its weights and inputs.
    reading: how histories are read, see `histories`.
    video_ids: [V] the catalogue's own ids.
    topics: [R, K] what histories are about; None where they bring vectors.
    words: of a folder whose histories are of tweets, else None.
    about: what else the manifest says: network, list length, versions.
  """

  lists: Exported
  reading: Mapping[str, Any]
  video_ids: Sequence[str]
  topics: np.ndarray | None
  words: Words | None
  about: Mapping[str, Any]


def write(path: str | os.PathLike[str], contents: Contents) -> None:
  """Writes the folder whole, in the place of an older export, or not at all.

  Args:
    path: of the folder.
    contents: of the folder.

  Raises:
    ValueError: something else lies there; names it.
  """
  place = pathlib.Path(path)
  free = not place.exists() or is_export(place)
  if not free and (not place.is_dir() or any(place.iterdir())):
    raise ValueError(
      f'{place} holds no {MANIFEST} of an export and would be lost; right: '
      'a folder of its own'
    )
  with whole_files.whole_folder(place) as part:
    _write_arrays(part, contents)
    _write_code(part, contents)
    manifest = _manifest(part, contents)
    whole_files.write_text(part / MANIFEST, json.dumps(manifest, indent=1))


def is_export(path: pathlib.Path) -> bool:
  """Whether a folder says that it is one."""
  try:
    manifest = json.loads((path / MANIFEST).read_text('utf-8'))
    return 'format' in manifest and 'files' in manifest
  except (OSError, ValueError, TypeError):
    return False


def _write_arrays(part: pathlib.Path, contents: Contents) -> None:
  """The function, what it reads, and what histories are read with."""
  from safetensors import numpy as safetensors

  ids, words = contents.video_ids, contents.words
  tables = {'ties': digests.numbers(ids)}
  if contents.topics is not None:
    tables['topics'] = contents.topics
  if words is not None:
    tables['log_mixture'] = words.log_mixture
    (part / FOLD_IN).write_bytes(words.fold_in)
    _write_json(part / WORDS, list(words.vocabulary))
  (part / FUNCTION).write_bytes(contents.lists.code)
  for name, arrays in ((WEIGHTS, contents.lists.weights), (TABLES, tables)):
    arrays = {key: np.ascontiguousarray(of) for key, of in arrays.items()}
    safetensors.save_file(arrays, part / name)
  _write_json(part / VIDEOS, list(ids))


def _write_json(path: pathlib.Path, value: Any) -> None:
  whole_files.write_text(path, json.dumps(value, ensure_ascii=False))


def _write_code(part: pathlib.Path, contents: Contents) -> None:
  """What reads histories, the example, and a page that says so."""
  modules: list[ModuleType] = [histories]
  if contents.words is not None:
    modules += [tweet_reader, tweet_words, stop_words]
  for module in modules:
    # Beside each other, they are modules of their own.
    text = inspect.getsource(module).replace(_PACKAGE, 'from ')
    name = module.__name__.rpartition('.')[2]
    whole_files.write_text(part / f'{name}.py', text.rstrip('\n'))
  of = contents.reading['of']
  whole_files.write_text(part / EXAMPLE, example.code(of))
  whole_files.write_text(
    part / README, example.page(of, contents.about, contents.lists.inputs)
  )


def _manifest(part: pathlib.Path, contents: Contents) -> dict[str, Any]:
  """What the folder is, and what lies in it."""
  return {
    'format': FORMAT,
    **contents.about,
    'videos': len(contents.video_ids),
    'jax': jax.__version__,
    'platforms': contents.lists.platforms,
    'inputs': contents.lists.inputs,
    'weights': {
      name: [of.shape, of.dtype.name]
      for name, of in contents.lists.weights.items()
    },
    'reading': contents.reading,
    'files': {
      file.name: {
        'bytes': file.stat().st_size,
        'sha256': digests.file_sha256(file),
      }
      for file in sorted(part.iterdir())
    },
  }
