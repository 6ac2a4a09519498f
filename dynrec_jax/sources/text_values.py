"""Columns of a piece of text, every value checked, see `text_tables`."""

import datetime
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import columns as columns_lib
from dynrec_jax.sources.checked_tables import LATEST_SECOND
from dynrec_jax.sources.text_tables import Piece

_EPOCH = datetime.date(1970, 1, 1)
_DAY_SECS = 86_400


def ids(piece: Piece, name: str) -> pa.StringArray:
  """Ids, none of which is empty.

  Raises:
    ValueError: one is; names file, row and column.
  """
  column = piece.columns[name]
  empty = pc.equal(column, '').to_numpy(zero_copy_only=False)
  _refuse(piece, name, empty, 'an id, not empty')
  return column


def numbers(
  piece: Piece,
  name: str,
  *,
  low: float = -np.inf,
  high: float = np.inf,
  may_be_empty: bool = False,
) -> np.ndarray:
  """[n] float64, NaN where the file has nothing.

  Args:
    piece: of a file.
    name: the column.
    low: the smallest number that is right.
    high: the largest.
    may_be_empty: whether a value may be missing.

  Raises:
    ValueError: no number, or one outside of the range; names file, row, column.
  """
  right = 'a number'
  if np.isfinite([low, high]).any():
    right = f'a number from {low:g} to {high:g}'
  column = piece.columns[name]
  if may_be_empty:
    column = pc.if_else(
      pc.equal(column, ''), pa.scalar(None, pa.string()), column
    )
  try:
    found = column.cast(pa.float64())
  except pa.ArrowInvalid:
    _refuse_first(piece, name, column, right)
    raise
  is_missing = column.is_null().to_numpy(zero_copy_only=False)
  values = found.to_numpy(zero_copy_only=False)
  with np.errstate(invalid='ignore'):
    wrong = ~np.isfinite(values) | (values < low) | (values > high)
  _refuse(piece, name, wrong & ~is_missing, right)
  return values


def seconds(
  piece: Piece, name: str, unit: str = 's', *, may_be_empty: bool = False
) -> np.ndarray:
  """[n] int64 seconds since 1970 UTC, rounded down.

  Args:
    piece: of a file.
    name: the column.
    unit: one of `columns.UNITS`.
    may_be_empty: whether a time may be missing; `MISSING_TIME` then.

  Raises:
    ValueError: no time of the years 1970 to 2999; names file, row and column.
  """
  if unit == 'iso':
    return _parsed(piece, name, _since_1970, may_be_empty)
  values = numbers(piece, name, may_be_empty=may_be_empty)
  is_missing = np.isnan(values)
  secs = np.floor(values / columns_lib.PER_SECOND[unit])
  wrong = ~is_missing & ~((secs >= 0) & (secs < LATEST_SECOND))
  if wrong.any():
    raise piece.error(int(np.argmax(wrong)), name, _right_time(unit))
  secs[is_missing] = 0
  found = secs.astype(np.int64)
  found[is_missing] = records_lib.MISSING_TIME
  return found


def days(piece: Piece, name: str) -> np.ndarray:
  """[n] int64, midnight UTC of dates as in 2020-07-08; may be missing."""
  return _parsed(piece, name, day_seconds, may_be_empty=True)


def texts(piece: Piece, name: str) -> list[str]:
  """The values as they are."""
  return piece.columns[name].to_pylist()


def day_seconds(text: str) -> int:
  """Midnight UTC of a date as in 2020-07-08; negative before 1970.

  Raises:
    ValueError: it is none; says what is right.
  """
  try:
    day = datetime.date.fromisoformat(text)
  except ValueError:
    raise ValueError('a date as in 2020-07-08') from None
  return (day - _EPOCH).days * _DAY_SECS


def _parsed(
  piece: Piece, name: str, parse: Callable[[str], int], may_be_empty: bool
) -> np.ndarray:
  """[n] int64, what a function makes of each value; each value parsed once."""
  encoded = piece.columns[name].dictionary_encode()
  indices = encoded.indices.to_numpy()
  found = np.zeros(len(encoded.dictionary), np.int64)
  for place, text in enumerate(encoded.dictionary.to_pylist()):
    if not text and may_be_empty:
      found[place] = records_lib.MISSING_TIME
      continue
    try:
      found[place] = parse(text)
    except ValueError as right:
      index = int(np.argmax(indices == place))
      raise piece.error(index, name, str(right)) from None
  return found[indices]


def _since_1970(text: str) -> int:
  """The seconds of an ISO time.

  Raises:
    ValueError: it is none, or before 1970; says what is right.
  """
  secs = columns_lib.iso_seconds(text)
  if not 0 <= secs < LATEST_SECOND:
    raise ValueError('a time in years 1970 to 2999')
  return secs


def _right_time(unit: str) -> str:
  words = {'s': 'seconds', 'ms': 'milliseconds', 'us': 'microseconds'}[unit]
  return f'{words} since 1970 UTC, in years 1970 to 2999'


def _refuse(piece: Piece, name: str, wrong: np.ndarray, right: str) -> None:
  """Raises for the first wrong value."""
  if wrong.any():
    raise piece.error(int(np.argmax(wrong)), name, right)


def _refuse_first(piece: Piece, name: str, column, right: str) -> None:
  """Raises for the first value that Arrow reads no number of."""
  for index, value in enumerate(column):
    try:
      value.cast(pa.float64())
    except pa.ArrowInvalid:
      raise piece.error(index, name, right) from None
