"""What a source holds, as one number."""

import hashlib


def digest(records):
  """SHA-256 of everything that a source holds."""
  out = hashlib.sha256()
  for table in (records.watches, records.videos, records.tweets):
    for column in table:
      text = column.dtype == object
      out.update(repr(column.tolist()).encode() if text else column.tobytes())
  out.update(repr(records.user_ids.tolist()).encode())
  out.update(repr(records.profiles.tolist()).encode())
  return out.hexdigest()
