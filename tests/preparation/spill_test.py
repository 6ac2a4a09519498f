"""Rows find their range, in the order of their table."""

import beam_there
import numpy as np
import pyarrow as pa

pytestmark = beam_there.needs_beam


def test_every_row_arrives_once_in_order(tmp_path):
  from dynrec_jax.preparation import spill

  rng = np.random.default_rng(0)
  range_of = rng.choice([0, 2, 5], 60).astype(np.int32)
  rows = pa.table({'row': np.arange(60), 'text': [f't{n}' for n in range(60)]})
  found = [
    spill.write(
      'tweets',
      (start // 20, 0),
      str(tmp_path),
      rows.slice(start, 20),
      range_of[start : start + 20],
    )
    for start in (40, 0, 20)
  ]
  other = spill.write('profiles', (0, 0), str(tmp_path), rows, range_of * 0)
  for number in (0, 2, 5):
    read = spill.read([other, *found], 'tweets', number)
    wanted = np.flatnonzero(range_of == number)
    assert read['row'].to_pylist() == wanted.tolist()
    assert read['text'].to_pylist() == [f't{n}' for n in wanted]
  assert spill.read(found, 'tweets', 1) is None
  assert spill.read(found, 'watches', 0) is None
  assert spill.write('a', (0, 0), str(tmp_path), rows[:0], range_of[:0]) is None


def test_a_second_try_leaves_one_file(tmp_path):
  from dynrec_jax.preparation import spill

  rows = pa.table({'row': [1, 2]})
  for _ in range(2):
    spill.write('a', (3, 1), str(tmp_path), rows, np.zeros(2, np.int32))
  assert [path.name for path in tmp_path.iterdir()] == ['a-000003-000001.arrow']
