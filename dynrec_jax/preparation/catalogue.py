"""The ids of all videos, in their order: what every worker holds of them.

That is the id and a few numbers of each video, 50 bytes or so; titles, texts
and features pass by in ranges as the users' events do.
"""

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynrec_jax.preparation import files, inputs, ranges
from dynrec_jax.preparation.inputs import Fragment
from dynrec_jax.storage import digests

_IDS = 'video-ids.arrow'
_PLACES = 'video-places.npz'


def store(
  folder: str, fragments: Sequence[Fragment], parts: Sequence[str]
) -> int:
  """Puts the ids in order, for all workers.

  Args:
    folder: where they go.
    fragments: of the table, for messages.
    parts: files of ids, in the order of the table; of each its 'id'.

  Returns:
    How many videos there are.

  Raises:
    ValueError: an id is there twice; names both rows.
  """
  tables = [files.read_table(part) for part in parts]
  given = pa.concat_tables(tables).column('id').combine_chunks()
  placed = ranges.order(given)
  ids = given.take(pa.array(placed))
  same = pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
  if same.any():
    raise ValueError(_twice(fragments, given, placed, same))
  files.write_table(files.join(folder, _IDS), [pa.record_batch({'id': ids})])
  place = np.empty(len(placed), np.int32)
  place[placed] = np.arange(len(placed), dtype=np.int32)
  files.write_arrays(files.join(folder, _PLACES), place=place)
  return len(ids)


def _twice(
  fragments: Sequence[Fragment],
  given: pa.Array,
  placed: np.ndarray,
  same: np.ndarray,
) -> str:
  """Which row says again what another has said; the first such row."""
  row = int(placed[1:][same].min())  # equal ids stand in their rows' order
  name = given[row].as_py()
  first = pc.index(given, pa.scalar(name, given.type)).as_py()
  return inputs.again(fragments, 'id', row, first, name)


@functools.lru_cache(maxsize=1)
def ids(folder: str) -> pa.Array:
  """[V] large strings, in order; kept by every process."""
  found = files.read_table(files.join(folder, _IDS)).column('id')
  return found.combine_chunks()


@functools.lru_cache(maxsize=1)
def places(folder: str) -> np.ndarray:
  """[V] int32, where the video of each row of the table stands."""
  return files.read_arrays(files.join(folder, _PLACES))['place']


def rows_of(folder: str, names: pa.Array) -> np.ndarray:
  """[n] int32, where each video stands; -1 is not listed."""
  coded = pc.dictionary_encode(names)
  found = pc.index_in(coded.dictionary, value_set=ids(folder))
  known = pc.fill_null(found, -1).to_numpy().astype(np.int32)
  return known[coded.indices.to_numpy()]


def numbers(folder: str, videos: np.ndarray) -> np.ndarray:
  """[n] uint64, `digests.numbers` of the ids at some places."""
  return digests.numbers(ids(folder).take(pa.array(videos)).to_pylist())
