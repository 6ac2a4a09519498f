"""Packed sequences against loops over lists."""

import numpy as np
import pytest

from dynrec_jax.data import packed

ROWS = {
  'mixed': [[3, 1], [], [4, 1, 5, 9], [2], [6, 5, 3], [5, 8]],
  'equal': [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]],
  'ascending': [[], [1], [2, 3], [4, 5, 6]],
  'one': [[7, 0, 7]],
  'empty': [[], [], []],
  'nobody': [],
}
WIDTH = 5  # more than any has


@pytest.fixture(params=ROWS)
def rows(request):
  return ROWS[request.param]


def packing_of(rows, width=WIDTH):
  return packed.Packing(np.array([len(row) for row in rows], int), width)


def expected_places(rows):
  """(row, step) of every input in packed order: the longest row first."""
  order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
  return [
    (row, step)
    for step in range(WIDTH)
    for row in order
    if step < len(rows[row])
  ]


def ragged(rows, start=0):
  """(row, step, token) of every token, steps counted from start."""
  triples = [
    (row, start + step, token)
    for row, tokens in enumerate(rows)
    for step, token in enumerate(tokens)
  ]
  return tuple(np.array(triples, int).reshape(-1, 3).T)


class TestPacking:
  def test_by_hand(self):
    """Rows by length: 2 (4), 4 (3), 0 and 5 (2), 3 (1), 1 (0)."""
    packing = packing_of(ROWS['mixed'])
    np.testing.assert_array_equal(packing.step_counts, [5, 4, 2, 1, 0])
    np.testing.assert_array_equal(
      packing.pack([ragged(ROWS['mixed'])]),
      [4, 6, 3, 5, 2, 1, 5, 1, 8, 5, 3, 9],
    )
    np.testing.assert_array_equal(
      packing.last()[[0, 2, 3, 4, 5]], [7, 11, 4, 10, 8]
    )

  def test_step_counts(self, rows):
    want = [sum(len(row) > step for row in rows) for step in range(WIDTH)]
    np.testing.assert_array_equal(packing_of(rows).step_counts, want)

  def test_the_width_may_be_the_longest(self, rows):
    longest = max(map(len, rows), default=0)
    counts = packing_of(rows, longest).step_counts
    np.testing.assert_array_equal(
      counts, packing_of(rows).step_counts[:longest]
    )

  def test_places(self, rows):
    row, step = np.array(expected_places(rows), int).reshape(-1, 2).T
    places = packing_of(rows).place(row, step)
    np.testing.assert_array_equal(places, np.arange(len(row)))

  def test_pack(self, rows):
    row, step, token = ragged(rows)
    order = np.random.default_rng(0).permutation(len(row))
    got = packing_of(rows).pack([(row[order], step[order], token[order])])
    want = [rows[row][step] for row, step in expected_places(rows)]
    np.testing.assert_array_equal(got, want)

  def test_parts_follow_each_other_and_the_last_token_is_no_input(self):
    """Prefixes, then targets: each row's last target is only predicted."""
    first = [[1], [2, 3, 4], [5, 6]]
    then = [[10, 11, 12], [20], [30, 31]]
    lengths = [len(a) + len(b) - 1 for a, b in zip(first, then, strict=True)]
    rows = [
      (a + b)[:-1] for a, b in zip(first, then, strict=True)
    ]  # [1 10 11], [2 3 4], [5 6 30]
    packing = packed.Packing(np.array(lengths), WIDTH)
    row, step, token = ragged(then)
    step += np.array([len(part) for part in first])[row]
    got = packing.pack([ragged(first), (row, step, token)])
    np.testing.assert_array_equal(got, [1, 2, 5, 10, 3, 6, 11, 4, 30])
    want = [rows[row][step] for row, step in expected_places(rows)]
    np.testing.assert_array_equal(got, want)

  def test_the_last_of_each(self, rows):
    places = expected_places(rows)
    last = packing_of(rows).last()
    assert last.shape == (len(rows),)
    for row, tokens in enumerate(rows):
      if tokens:
        assert last[row] == places.index((row, len(tokens) - 1))

  def test_the_last_of_an_empty_row_lies_within_the_room_behind(self, rows):
    """Arrays have room for a step more than there are inputs."""
    packing = packing_of(rows)
    last = packing.last()
    assert (last >= 0).all()
    assert (last < packing.step_counts.sum() + max(len(rows), 1)).all()


class TestPad:
  def test_one_axis(self):
    values = np.array([5, 6], np.int32)
    got = packed.pad(values, 4)
    np.testing.assert_array_equal(got, [5, 6, 0, 0])
    assert got.dtype == np.int32
    np.testing.assert_array_equal(packed.pad(values, 2), values)

  def test_rows(self):
    values = np.array([[1.5, 2, 3], [4, 5, 6]], np.float32)
    got = packed.pad(values, 3)
    np.testing.assert_array_equal(got, [[1.5, 2, 3], [4, 5, 6], [0, 0, 0]])
    assert got.dtype == np.float32
    assert packed.pad(values[:0], 2).tolist() == [[0, 0, 0]] * 2

  def test_what_does_not_fit(self):
    with pytest.raises(ValueError, match='negative'):
      packed.pad(np.arange(3), 2)
    with pytest.raises(ValueError, match='negative'):
      packed.pad(np.arange(1), 0)


@pytest.mark.parametrize('marked', [4, 100])
def test_tables_of_small_and_of_large_catalogues(marked, monkeypatch):
  """Rows by an array over all videos, or by a search: the same."""
  monkeypatch.setattr(packed, 'MARKED_VIDEOS', marked)
  parts = [np.array([[7, 2], [7, 9]]), np.array([], np.int64), np.array([2, 0])]
  table = packed.videos_among(parts, 11)
  assert table.tolist() == [0, 2, 7, 9]
  assert table.dtype == np.int32
  rows = packed.TableRows(table, 11)
  assert len(rows) == 11
  found = rows[np.array([[9, 0], [2, 7]])]
  assert found.tolist() == [[3, 0], [1, 2]]
  assert found.dtype == np.int32
  tokens = np.array([12, 9, 0, 11, 7])
  found = packed.local_tokens(tokens, rows, 6)
  assert found.tolist() == [7, 3, 0, 6, 2]


class TestLocalTokens:
  def test_by_hand(self):
    """Of V = 7, videos 5, 2 and 6 are rows 0, 1, 2 of a table of 4."""
    row_of = np.zeros(7, np.int32)
    row_of[[5, 2, 6]] = [0, 1, 2]
    tokens = np.array([7, 5, 6, 2, 9, 2, 8])
    got = packed.local_tokens(tokens, row_of, 4)
    np.testing.assert_array_equal(got, [4, 0, 2, 1, 6, 1, 5])
    assert got.dtype == np.int32

  def test_they_read_the_same_values(self):
    rng = np.random.default_rng(1)
    videos, interests = rng.normal(size=(11, 2)), rng.normal(size=(4, 2))
    whole = np.concatenate([videos, interests])
    tokens = rng.choice([1, 3, 4, 8, 10, 11, 12, 13, 14], size=40)
    table = np.unique(tokens[tokens < 11])
    row_of = np.zeros(11, np.int32)
    row_of[table] = np.arange(len(table))
    size = len(table) + 3
    padded = np.concatenate([packed.pad(videos[table], size), interests])
    got = packed.local_tokens(tokens, row_of, size)
    np.testing.assert_array_equal(padded[got], whole[tokens])

  def test_no_video_at_all(self):
    got = packed.local_tokens(np.array([6, 5]), np.zeros(5, np.int32), 0)
    np.testing.assert_array_equal(got, [1, 0])
