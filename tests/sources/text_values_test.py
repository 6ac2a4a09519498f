import pathlib

import numpy as np
import pyarrow as pa
import pytest

from dynrec_jax.data.records import MISSING_TIME
from dynrec_jax.sources import text_values
from dynrec_jax.sources.text_tables import Piece


def piece(*texts):
  """Rows 11 and on of a file of one column, `x`."""
  return Piece(pathlib.Path('f.csv'), 11, {'x': pa.array(texts, pa.string())})


def test_numbers():
  found = text_values.numbers(piece('1', '-2.5', '1e3'), 'x')
  assert found.tolist() == [1, -2.5, 1000]
  found = text_values.numbers(piece('1', ''), 'x', may_be_empty=True)
  np.testing.assert_array_equal(found, [1, np.nan])
  assert text_values.numbers(piece(), 'x').tolist() == []


@pytest.mark.parametrize('wrong', ['', 'a', 'nan', 'inf', '1,5', '7'])
def test_what_is_no_number_is_named(wrong):
  message = f"f.csv, row 12, column 'x': found '{wrong}'; right: a number"
  with pytest.raises(ValueError, match=message):
    text_values.numbers(piece('1', wrong, wrong), 'x', low=0, high=5)


@pytest.mark.parametrize(
  ('unit', 'texts', 'wanted'),
  [
    ('s', ('0', '978300760.99', '1.5e9'), [0, 978_300_760, 1_500_000_000]),
    ('ms', ('1650485801999', '999'), [1_650_485_801, 0]),
    ('us', ('1650485801999999',), [1_650_485_801]),
    ('iso', ('1970-01-02', '1970-01-01T01:00:00+01:00'), [86_400, 0]),
  ],
)
def test_times_become_whole_seconds(unit, texts, wanted):
  found = text_values.seconds(piece(*texts), 'x', unit)
  assert found.dtype == np.int64
  assert found.tolist() == wanted


def test_a_time_may_be_missing_where_that_is_told():
  for unit in ('s', 'iso'):
    found = text_values.seconds(piece('', ''), 'x', unit, may_be_empty=True)
    assert found.tolist() == [MISSING_TIME] * 2
    with pytest.raises(ValueError, match='row 11'):
      text_values.seconds(piece('', ''), 'x', unit)


@pytest.mark.parametrize(
  ('unit', 'wrong', 'right'),
  [
    ('s', '-1', 'seconds since 1970 UTC, in years 1970 to 2999'),
    ('s', '1650485801999', 'seconds since 1970'),  # they are milliseconds
    ('ms', '1650485801999999', 'milliseconds since 1970'),
    ('iso', '1969-12-31', 'a time in years 1970 to 2999'),
    ('iso', 'today', 'a time as in 2013-06-01T12:30'),
  ],
)
def test_a_wrong_time_is_named(unit, wrong, right):
  first = '1970-01-02' if unit == 'iso' else '86400'
  with pytest.raises(ValueError, match=f"row 12, .*'{wrong}'; right: {right}"):
    text_values.seconds(piece(first, wrong), 'x', unit)


def test_days_and_ids():
  found = text_values.days(piece('1969-12-31', '', '1970-01-03'), 'x')
  assert found.tolist() == [-86_400, MISSING_TIME, 172_800]
  with pytest.raises(ValueError, match=r"'3\.1\.70'; right: a date as in 2020"):
    text_values.days(piece('3.1.70'), 'x')
  assert text_values.ids(piece('a', '07'), 'x').to_pylist() == ['a', '07']
  with pytest.raises(ValueError, match=r"row 13, .*found ''; right: an id"):
    text_values.ids(piece('a', 'b', ''), 'x')
