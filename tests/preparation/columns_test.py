"""What is checked at once is what is checked value by value."""

import datetime
import pathlib

import pyarrow as pa
import pytest

from dynrec_jax.preparation import columns
from dynrec_jax.sources import checked_tables, table_files
from dynrec_jax.sources.table_files import Column, Table

SPECS = {
  'id': Column('id'),
  'text': Column('text', False, ''),
  'texts': Column('texts', False, ()),
  'time': Column('time'),
  'any_time': Column('any_time', False, -7),
  'count': Column('count', False, -1),
}
DAY = datetime.date(2014, 3, 1)
NOON = datetime.datetime(2014, 3, 1, 12, 0, 7, 500_000)
STRINGS = (
  pa.string(),
  pa.large_string(),
  pa.dictionary(pa.int32(), pa.string()),
)
RIGHT = [
  *[('id', kind, ['b', 'ü', 'b', '用']) for kind in STRINGS],
  ('id', pa.int64(), [5, -3, 2**62]),
  ('id', pa.uint64(), [2**64 - 1]),
  *[('text', kind, ['b', None, '']) for kind in STRINGS],
  ('texts', pa.list_(pa.string()), [['a', 'b'], [], None]),
  ('time', pa.int32(), [0, 2**31 - 1]),
  ('time', pa.timestamp('us'), [NOON]),
  ('time', pa.date32(), [DAY]),
  ('any_time', pa.int64(), [-62_135_596_800, None, 32_503_679_999]),
  ('any_time', pa.timestamp('ns', 'Europe/Berlin'), [NOON, None]),
  ('count', pa.int16(), [0, None, 9]),
  ('count', pa.null(), [None, None]),
]
WRONG = [
  ('id', pa.string(), ['a', '', 'b']),
  ('id', pa.string(), ['a', 'b', None]),
  ('id', pa.int64(), [1, None]),
  ('id', pa.bool_(), [True]),
  ('id', pa.float64(), [1.0, 2.0]),
  ('text', pa.int64(), [3]),
  ('texts', pa.list_(pa.string()), [['a'], ['']]),
  ('time', pa.int64(), [4, 32_503_680_000]),
  ('time', pa.int64(), [4, -1]),
  ('time', pa.int64(), [4, None]),
  ('time', pa.uint64(), [2**64 - 1]),
  ('time', pa.float64(), [4.0]),
  ('time', pa.bool_(), [True]),
  ('any_time', pa.int64(), [0, -62_135_596_801]),
  ('count', pa.int8(), [0, -1]),
  ('count', pa.bool_(), [False]),
]


def both(kind, of, values, first_row=41):
  """A column checked at once, and value by value."""
  column = pa.chunked_array(
    [pa.array(values[:1], of), pa.array(values[1:], of)]
  )
  spec = {'x': SPECS[kind]}
  read = table_files.parquet_values(pathlib.Path('f'), 'x', column, spec['x'])
  table = Table('f', {'x': read}, len(values), first_row=first_row)
  return (
    lambda: columns.checked('f', first_row, pa.table({'x': column}), spec),
    lambda: checked_tables.checked(table, 'x', spec['x']),
  )


@pytest.mark.parametrize(('kind', 'of', 'values'), RIGHT)
def test_right_values_are_the_same(kind, of, values):
  at_once, one_by_one = both(kind, of, values)
  found = at_once().column('x')
  assert found.type == columns.TYPES[kind]
  listed = [tuple(x) if isinstance(x, list) else x for x in found.to_pylist()]
  assert listed == one_by_one()


@pytest.mark.parametrize(('kind', 'of', 'values'), WRONG)
def test_wrong_values_are_the_same_error(kind, of, values):
  at_once, one_by_one = both(kind, of, values)
  with pytest.raises(ValueError, match='found') as wanted:
    one_by_one()
  with pytest.raises(columns.WrongRow) as found:
    at_once()
  assert str(found.value) == str(wanted.value)


def test_what_a_file_lacks_is_missing_and_the_first_column_is_named():
  spec = {'a': SPECS['id'], 'b': SPECS['text'], 'c': SPECS['time']}
  rows = pa.table({'a': ['x', 'y'], 'c': [3, 4]})
  found = columns.checked('f', 1, rows, spec)
  assert found.to_pydict() == {'a': ['x', 'y'], 'b': ['', ''], 'c': [3, 4]}
  rows = pa.table({'a': ['x', 'y'], 'b': [1, 2], 'c': [-3, -4]})
  with pytest.raises(columns.WrongRow, match="row 7, column 'b'") as error:
    columns.checked('f', 7, rows, spec)
  assert error.value.column == 1
