"""All digests: names for content, the same in every process.

They name cached files and prepared copies and go into checkpoints, so a
change of any value makes what lies on disk unusable.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def file_sha256(path: str | os.PathLike[str]) -> str:
  """The SHA-256 of a file's bytes, 64 hexadecimal digits."""
  with open(path, 'rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def joined_sha256(*parts: str | np.ndarray) -> str:
  """The SHA-256 of parts one after the other, 64 hexadecimal digits.

  Neither type, shape nor where a part ends counts, see `content_hash`.

  Args:
    parts: text, taken as UTF-8, or arrays, taken as their bytes in C order.
  """
  return _joined(hashlib.sha256(), parts)


def fingerprint(*parts: str | np.ndarray) -> str:
  """A short `joined_sha256` by another function, 16 hexadecimal digits."""
  return _joined(hashlib.blake2b(digest_size=8), parts)


def files_digest(sha256_by_name: Mapping[str, str]) -> str:
  """A short name for a set of files: equal content, equal name."""
  lines = [f'{name} {sha}\n' for name, sha in sorted(sha256_by_name.items())]
  return joined_sha256(*lines)[:20]


def content_hash(value: Any) -> str:
  """A SHA-256 of nested sequences of arrays, strings and numbers, in hex.

  It is the same in every process, and differs wherever type, shape, order or
  content does (lists and tuples are alike).

  Args:
    value: array, str, bytes, bool, int, float, None, or a list or tuple.

  Returns:
    64 hexadecimal digits.

  Raises:
    ValueError: the value, or an item of it, has another type.
  """
  digest = hashlib.sha256()
  _feed(digest, value)
  return digest.hexdigest()


def drawn_numbers(names: Iterable[str], *purpose: str | int) -> np.ndarray:
  """A number for each name, as if drawn uniformly from [0, 1).

  It follows from the name and the purpose alone: not from the others, their
  order or their count.

  Args:
    names: n texts.
    purpose: what the numbers are for; other purposes, other numbers.

  Returns:
    [n] float64, multiples of 2^-53.
  """
  drawn = _numbers(names, repr(purpose))
  return (drawn >> np.uint64(11)) / 2.0**53


def numbers(names: Iterable[str | bytes]) -> np.ndarray:
  """[n] uint64, a number for each name, which tells it from all others."""
  return _numbers(names, '')


def mixed(*columns: np.ndarray) -> np.ndarray:
  """[n] uint64, one number for the numbers of each row.

  Args:
    columns: [n] integers of 64 bits; their order counts.
  """
  found = np.zeros(len(columns[0]), np.uint64)
  for column in columns:
    # The finisher of SplitMix64: every bit moves every other.
    found = found + np.uint64(0x9E3779B97F4A7C15) + column.view(np.uint64)
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found ^= found >> np.uint64(31)
  return found


def _numbers(names: Iterable[str | bytes], start: str) -> np.ndarray:
  """The digests of names after some text, as numbers."""
  empty = hashlib.blake2b(start.encode(), digest_size=8)
  found = []
  for name in names:
    digest = empty.copy()
    if isinstance(name, str):
      name = name.encode('utf-8', 'surrogatepass')
    digest.update(name)
    found.append(digest.digest())
  return np.frombuffer(b''.join(found), '<u8').astype(np.uint64)


def _joined(digest, parts):
  for part in parts:
    content = part.encode() if isinstance(part, str) else _bytes_of(part)
    digest.update(content)
  return digest.hexdigest()


def _bytes_of(array):
  """An array's bytes in C order, whatever its dtype."""
  return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _feed(digest, value):
  """Adds type, length and content, so that no two values spell the same."""
  if isinstance(value, np.generic):
    value = np.asarray(value)
  if isinstance(value, np.ndarray) and not value.dtype.hasobject:
    digest.update(f'array {value.dtype.str} {value.shape} '.encode())
    digest.update(_bytes_of(value))
  elif isinstance(value, list | tuple) or getattr(value, 'ndim', 0) > 0:
    digest.update(f'sequence {len(value)} '.encode())
    for item in value:
      _feed(digest, item)
  elif isinstance(value, str | bytes):
    if isinstance(value, str):
      digest.update(b'text ')
      value = value.encode('utf-8', 'surrogatepass')
    digest.update(f'bytes {len(value)} '.encode())
    digest.update(value)
  elif value is None or isinstance(value, bool | int | float):
    digest.update(f'{type(value).__name__} {value!r} '.encode())
  else:
    raise ValueError(
      f'cannot hash a {type(value).__name__}, expected arrays, strings,'
      ' numbers, None or sequences of them'
    )
