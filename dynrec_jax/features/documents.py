"""The text of a video, from the fields of the catalogue that have words."""

from collections.abc import Sequence

import numpy as np

from dynrec_jax.data.records import Videos

FIELDS = ('title', 'description', 'tags', 'categories')


def video_documents(
  videos: Videos,
  fields: Sequence[str] = ('title', 'description', 'tags'),
) -> list[str]:
  """The text of every video: its fields, one a line, in the order given.

  Args:
    videos: the catalogue.
    fields: some of `FIELDS`; tags and categories are joined by commas.

  Returns:
    One string per video, '' if all its fields are empty.

  Raises:
    ValueError: a field is unknown, named twice, or none is named.
  """
  for field in fields:
    if field not in FIELDS:
      raise ValueError(
        f'text field {field!r} is unknown, expected some of {", ".join(FIELDS)}'
      )
  if not fields or len(set(fields)) < len(fields):
    raise ValueError(
      f'text fields are {tuple(fields)}, expected one or more different ones'
      f' of {", ".join(FIELDS)}'
    )
  columns = [getattr(videos, field) for field in fields]
  return [_join(row) for row in zip(*columns, strict=True)]


def _join(values):
  parts = [x if isinstance(x, str) else ', '.join(x) for x in values]
  return '\n'.join(part.strip() for part in parts if part.strip())


def has_words(documents: Sequence[str]) -> np.ndarray:
  """Which documents hold anything but white space: [V] bool."""
  return np.array([bool(text.strip()) for text in documents], dtype=bool)


def described(videos: Videos, fields: Sequence[str]) -> np.ndarray:
  """Which videos one of the fields is known of: [V] bool.

  Args:
    videos: the catalogue.
    fields: some of `FIELDS`, and `visual`.
  """
  texts = [name for name in fields if name != 'visual']
  found = np.zeros(len(videos.id), bool)
  if texts:
    found |= has_words(video_documents(videos, texts))
  if 'visual' in fields:
    found |= videos.has_visual
  return found
