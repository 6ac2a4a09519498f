"""Where an event stands in the files that a source was read from."""

import pathlib
from collections.abc import Mapping, Sequence

from dynrec_jax.data.spread import Event
from dynrec_jax.sources import checked_tables, folder_files, own_folder
from dynrec_jax.sources import columns as columns_lib
from dynrec_jax.sources.columns import Named

_COLUMNS = {'watches': ('user', 'video', 'time'), 'tweets': ('user', 'time')}


def of_files(
  manual_dir: str, events: Sequence[Event], columns: str = ''
) -> list[str]:
  """The file and row of each event in a folder that the source `files` reads.

  Args:
    manual_dir: the folder.
    events: some of its events.
    columns: what the files call them, see `columns.parse`.

  Returns:
    'watches.csv, row 7' of each; rows count from 1, below a heading. Of rows
    that say the same it is the first.
  """
  paths = folder_files.folder_paths(manual_dir)
  named = columns_lib.parse(columns)
  first = {
    name: _first_rows(paths[name], name, named.get(name))
    for name in sorted({event.table for event in events})
  }
  found = []
  for event in events:
    told = {'user': event.user, 'video': event.video, 'time': event.time}
    key = tuple(told[name] for name in _COLUMNS[event.table])
    row = first[event.table][key]
    found.append(f'{paths[event.table].name}, row {row}')
  return found


def _first_rows(
  path: pathlib.Path, name: str, named: Mapping[str, Named] | None
) -> dict[tuple, int]:
  """The first row of every event of a table."""
  spec = own_folder.EVENTS[name]
  table = checked_tables.read_table(path, spec, named)
  columns = [
    checked_tables.checked(table, column, spec[column])
    for column in _COLUMNS[name]
  ]
  rows: dict[tuple, int] = {}
  for row, key in enumerate(zip(*columns, strict=True), 1):
    rows.setdefault(key, row)
  return rows
