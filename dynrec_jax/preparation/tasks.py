"""What workers do with a fragment of a table: look through it, send it on.

survey: which users there are, about; the ids of videos.
scatter: all rows, checked and joined with what lies beside them, by range.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from dynrec_jax.preparation import (
  catalogue,
  files,
  inputs,
  ranges,
  spill,
  stored,
  vectors,
)
from dynrec_jax.preparation.inputs import Fragment, Piece
from dynrec_jax.preparation.shared import Read, Shared
from dynrec_jax.preparation.stages import Facts
from dynrec_jax.preparation.vectors import Vectors
from dynrec_jax.sources import own_folder, table_files


def survey(task: Read, shared: Shared) -> Iterator[Facts]:
  """Users of some rows, or the ids of videos in a file; how many rows."""
  fragment = task.of
  if fragment.table == 'videos':
    rows = [piece.rows for piece in inputs.pieces(fragment, 'id')]
    if rows:
      path = shared.path(f'ids-{fragment.number:06d}.arrow')
      table = pa.concat_tables(rows).combine_chunks()
      files.write_table(path, table.to_batches())
      yield {'ids': [path], 'videos': len(table)}
    return
  for piece in inputs.pieces(fragment, 'user'):
    users = stored.whole(piece.rows.column('user'))
    found = ranges.sample(users, piece.row, shared.rows_per_range)
    yield {'users': found.to_pylist(), fragment.table: len(users)}


def scatter(task: Read, shared: Shared) -> Iterator[Facts]:
  """The rows in files by range; what of them is kept out."""
  if isinstance(task.of, Vectors):
    yield from _scatter_vectors(task, shared)
    return
  table = task.of.table
  for part, piece in enumerate(inputs.pieces(task.of)):
    rows, facts = _joined(task.of, piece, shared)
    if table == 'videos':
      range_of = rows.column('place').to_numpy() // shared.videos_per_range
    else:
      users = stored.whole(rows.column('user'))
      range_of = ranges.of(users, shared.starts)
    order = (task.number, part)
    found = spill.write(table, order, shared.folder, rows, range_of)
    facts['odd'] = list(piece.odd)
    yield facts | {'spilled': [found] if found else []}


def _joined(
  fragment: Fragment, piece: Piece, shared: Shared
) -> tuple[pa.Table, Facts]:
  """A piece with what belongs to its rows, and what it tells."""
  rows = piece.rows
  if fragment.table == 'watches':
    return _listed(fragment, piece, shared)
  if fragment.table == 'videos':
    places = catalogue.places(shared.folder)
    places = places[piece.row : piece.row + len(rows)]
    return rows.append_column('place', pa.array(places)), {}
  if fragment.table == 'profiles':
    row = np.arange(piece.row, piece.row + len(rows))
    return rows.append_column('row', pa.array(row)), {}
  if shared.topics:
    topics = stored.as_column(_topics(piece, shared))
    rows = rows.append_column('topics', topics)
  return rows, {}


def _listed(
  fragment: Fragment, piece: Piece, shared: Shared
) -> tuple[pa.Table, Facts]:
  """Watches of listed videos, by their places; how many others there are."""
  names = stored.whole(piece.rows.column('video'))
  places = catalogue.rows_of(shared.folder, names)
  listed = places >= 0
  rows = piece.rows.set_column(1, 'video', pa.array(places))
  count = int(listed.sum())
  facts: Facts = {'listed': count, 'unlisted': len(listed) - count}
  if facts['unlisted']:
    row = int(np.argmin(listed))
    facts['first_unlisted'] = [
      piece.row + row,
      f'{fragment.path.rpartition("/")[2]}, row {piece.file_row + row + 1}, '
      f"column 'video': found {table_files.shown(names[row].as_py())}",
    ]
    rows = rows.filter(pa.array(listed))
  return rows, facts


def _topics(piece: Piece, shared: Shared) -> np.ndarray:
  """[n, K], the topics of a piece of the tweets."""
  of = Vectors(shared.topics, piece.row, len(piece.rows))
  found = [np.zeros((0, shared.topics_shape.width), shared.topics_shape.dtype)]
  for row, some in vectors.rows(of):
    own_folder.check_shares(shared.topics, some, row + 1)
    found.append(some)
  return np.concatenate(found)


def _scatter_vectors(task: Read, shared: Shared) -> Iterator[Facts]:
  """Features of videos, by the places of the videos."""
  places = vectors.places(task.of.path, shared.folder)
  for part, (row, found) in enumerate(vectors.rows(task.of)):
    here = places[row : row + len(found)]
    rows = pa.table({'place': here, 'feature': stored.as_column(found)})
    range_of = here // shared.videos_per_range
    order = (task.number, part)
    spilled = spill.write('visual', order, shared.folder, rows, range_of)
    yield {'spilled': [spilled], 'featured': len(found)}
