"""What is odd about files and no error, told at every reading of a copy.

Whoever prepares a copy finds it, and it is stored beside the copy: a line that
is told once, when nobody looks, is not told.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from absl import logging

from dynrec_jax.data import joins


class Notes(NamedTuple):
  """Lines for the log.

  Attributes:
    told: what everybody may want to know.
    warned: what is probably a mistake.
  """

  told: list[str]
  warned: list[str]

  def add_join(self, join: joins.Join) -> None:
    """Tells a join; where hardly any id met, with two ids of each side."""
    if join.hardly_any:
      shown = f'. {join.shown}' if join.shown else ''
      self.warned.append(
        f'{join.line}: hardly any{shown}; right: the same ids, spelled alike'
      )
    else:
      self.told.append(join.line)


def no_notes() -> Notes:
  """To add to."""
  return Notes([], [])


def log(notes: Notes | Mapping[str, Any]) -> None:
  """Tells the lines.

  Args:
    notes: or what was stored of them.
  """
  lines = notes._asdict() if isinstance(notes, Notes) else notes
  for line in lines.get('told', ()):
    logging.info('%s', line)
  for line in lines.get('warned', ()):
    logging.warning('%s', line)
