"""What tables say of videos and users, by id."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import (
  feature_files,
  table_files,
  text_tables,
  text_values,
)
from dynrec_jax.sources.text_tables import Form, Piece


def column(path: pathlib.Path, form: Form, name: str) -> list[str]:
  """The ids of a table that has each once, in its order.

  Raises:
    ValueError: an empty one, or one twice; names file, row and column.
  """
  found: list[str] = []
  for piece in text_tables.pieces(path, form, [name]):
    found += text_values.ids(piece, name).to_pylist()
  refuse_repeats(path, name, found)
  if not found:
    raise ValueError(f'{path}: found no row; right: one row or more')
  return found


def refuse_repeats(path: pathlib.Path, name: str, ids: Sequence[str]) -> None:
  """Raises for the first id that stands in two rows."""
  if len(set(ids)) == len(ids):
    return
  first: dict[str, int] = {}
  for row, value in enumerate(ids, 1):
    if first.setdefault(value, row) != row:
      raise ValueError(
        f'{path}, row {row}, column {name!r}: found '
        f'{table_files.shown(value)} again (first in row {first[value]}); '
        'right: every value once'
      )


def blank(row_of: Mapping[str, int]) -> records_lib.Videos:
  """A catalogue that knows its ids alone, to be filled in.

  Args:
    row_of: row of each id, in order.
  """
  count = len(row_of)
  visual = feature_files.no_features(count)
  return records_lib.Videos(
    id=records_lib.object_array(row_of),
    title=records_lib.object_array([''] * count),
    description=records_lib.object_array([''] * count),
    tags=records_lib.object_array([()] * count),
    categories=records_lib.object_array([()] * count),
    upload_time=np.full(count, records_lib.MISSING_TIME, np.int64),
    view_count=np.full(count, records_lib.MISSING_COUNT, np.int64),
    visual=visual.rows,
    has_visual=visual.present,
  )


def rows(
  path: pathlib.Path,
  form: Form,
  key: str,
  wanted: Sequence[str],
  row_of: Mapping[str, int],
) -> Iterator[tuple[Piece, np.ndarray]]:
  """A table's pieces, and the catalogue's row of each of their rows, or -1."""
  for piece in text_tables.pieces(path, form, [key, *wanted]):
    names = text_values.ids(piece, key).to_pylist()
    places = (row_of.get(name, -1) for name in names)
    yield piece, np.fromiter(places, np.int64, len(names))


def profiles(
  path: pathlib.Path, form: Form, key: str, told: Mapping[str, str]
) -> dict[str, str]:
  """What a table says of each user, in words: `gender F, occupation writer`.

  Args:
    path: the table.
    form: how it is written.
    key: the column of the users' ids.
    told: the columns that are told, and how each is called.

  Raises:
    ValueError: a missing column, or a user twice.
  """
  profile_of: dict[str, str] = {}
  every: list[str] = []
  for piece in text_tables.pieces(path, form, [key, *told]):
    users = text_values.ids(piece, key).to_pylist()
    said = [text_values.texts(piece, name) for name in told]
    every += users
    for user, *values in zip(users, *said, strict=True):
      pairs = zip(told.values(), values, strict=True)
      profile_of[user] = ', '.join(f'{n} {v}' for n, v in pairs if v)
  refuse_repeats(path, key, every)
  return profile_of


def numbered(piece: Piece, name: str) -> list[tuple[str, ...]]:
  """Categories that have numbers alone, such as `12,65` or `[27, 9]`.

  Raises:
    ValueError: something else; names file, row and column.
  """
  found = []
  for index, text in enumerate(text_values.texts(piece, name)):
    inner = text.strip().removeprefix('[').removesuffix(']')
    parts = [part.strip() for part in inner.split(',')] if inner.strip() else []
    if parts == ['UNKNOWN']:
      parts = []
    if not all(part.isdecimal() for part in parts):
      raise piece.error(index, name, "numbers of categories, such as '12,65'")
    found.append(tuple(f'category{part}' for part in parts))
  return found


def counts(piece: Piece, name: str) -> np.ndarray:
  """[n] int64, whole numbers of 0 or more.

  Raises:
    ValueError: something else; names file, row and column.
  """
  found = text_values.numbers(piece, name, low=0, high=2.0**53)
  wrong = found != np.floor(found)
  if wrong.any():
    raise piece.error(int(np.argmax(wrong)), name, 'a whole number, 0 or more')
  return found.astype(np.int64)
