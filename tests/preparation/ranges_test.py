"""Ranges one after the other are the canonical order of all ids."""

import numpy as np
import pyarrow as pa
import pytest

from dynrec_jax.data import canonical, records
from dynrec_jax.preparation import ranges

NAMES = [
  'v10',
  'v9',
  'ü',
  'zz',
  'a',
  'v1',
  '用用',
  'u\U0001f600',
  'u\uffff',
  'Z',
]


def strings(values):
  return pa.array(list(values), pa.large_string())


def test_the_order_is_the_canonical_one():
  order = ranges.order(strings(NAMES))
  wanted = canonical.id_order(records.object_array(NAMES))
  assert order.tolist() == wanted.tolist()


@pytest.mark.parametrize('count', [1, 3, 10])
def test_every_id_has_one_range_and_ranges_are_in_order(count):
  names = [f'u{n}' for n in range(130)] + NAMES
  starts = sorted(names, key=lambda name: (len(name), name))[9::13][:count]
  found = ranges.of(strings(names), starts)
  wanted = [
    sum((len(start), start) <= (len(name), name) for start in starts)
    for name in names
  ]
  assert found.tolist() == wanted
  assert len(set(wanted)) == count + 1


def test_without_borders_all_is_one_range():
  assert ranges.of(strings(NAMES), []).tolist() == [0] * len(NAMES)
  assert ranges.of(strings([]), ['a']).tolist() == []


@pytest.mark.parametrize('size', [1, 7, 1000])
def test_a_sample_does_not_depend_on_pieces(size):
  ids = strings(f'u{n}' for n in range(1000))
  whole = ranges.sample(ids, 0, 640)
  parts = [
    ranges.sample(ids.slice(row, size), row, 640)
    for row in range(0, 1000, size)
  ]
  assert [x for part in parts for x in part.to_pylist()] == whole.to_pylist()
  assert len(whole) == 100  # of a range 64


def test_ranges_hold_about_as_many_rows_as_asked():
  """Whoever has very many rows has a range, and is in it alone or nearly."""
  rng = np.random.default_rng(0)
  user = np.append(rng.integers(100, 999, 60_000), np.full(20_000, 500))
  ids = strings(f'u{n}' for n in rng.permutation(user))
  starts = ranges.borders(ranges.sample(ids, 0, 5_000), 5_000)
  rows = np.bincount(ranges.of(ids, starts))
  assert 10 < len(rows) < 18
  assert np.sort(rows)[-2] < 7_000
  assert 20_000 < rows.max() < 27_000


def test_little_is_one_range():
  ids = strings(f'u{n}' for n in range(100))
  assert ranges.borders(ranges.sample(ids, 0, 5_000), 5_000) == []


def test_columns_are_coded_together():
  ids, (one, none, other) = ranges.coded(
    strings(['b', 'aa', 'b']), strings([]), strings(['c', 'aa'])
  )
  assert ids.to_pylist() == ['b', 'c', 'aa']
  assert one.tolist() == [0, 2, 0]
  assert none.tolist() == []
  assert other.tolist() == [1, 2]
  assert one.dtype == np.int32
