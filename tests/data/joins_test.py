"""Joins of ids, told."""

from dynrec_jax.data import joins


def test_both_sides_are_counted_once_an_id():
  found = joins.join('videos', 'a.csv', ['x', 'y', 'x'], 'b.csv', ['y', 'z'])
  assert found.line == (
    'a.csv and b.csv: 1 videos in both, 1 only in a.csv, 1 only in b.csv'
  )
  assert not found.is_empty
  assert not found.hardly_any
  assert found.shown == "a.csv has 'x', b.csv 'z'"


def test_hardly_any_is_less_than_a_tenth_of_the_smaller_side():
  left = [f'u{i}' for i in range(1000)]
  right = [f'{i}.0' for i in range(20)]
  assert not joins.join('users', 'a', left, 'b', [*right, 'u3', 'u4', 'u5'])[2]
  found = joins.join('users', 'a', left, 'b', [*right, 'u3', 'u4'])
  assert found.hardly_any
  assert not found.is_empty
  assert found.shown == "a has 'u0' and 'u1', b '0.0' and '1.0'"
  assert joins.join('users', 'a', left, 'b', right).is_empty


def test_an_empty_side_is_no_fault():
  found = joins.join('users', 'a', ['x'], 'b', [])
  assert not found.is_empty
  assert not found.hardly_any
  assert found.shown == "a has 'x', b no other"


def test_long_ids_are_cut():
  assert len(joins.join('users', 'a', ['x' * 999], 'b', ['y']).shown) < 80
