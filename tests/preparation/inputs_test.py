"""Which files a folder has, and every row of them once, in order."""

import beam_there
import pyarrow as pa
import pyarrow.parquet
import pytest

pytestmark = beam_there.needs_beam


@pytest.fixture
def inputs():
  from dynrec_jax.preparation import inputs

  return inputs


def write(folder, name, start, count, groups=3):
  rows = range(start, start + count)
  table = pa.table({'user': [f'u{n}' for n in rows], 'text': ['x'] * count})
  pa.parquet.write_table(table, folder / name, row_group_size=groups)


@pytest.fixture
def folder(tmp_path):
  """Profiles in three parts, one of them empty."""
  for name, start, count in (('a', 0, 7), ('b', 7, 0), ('c', 7, 5)):
    write(tmp_path, f'profiles-{name}.parquet', start, count)
  for name in ('watches', 'videos'):
    (tmp_path / f'{name}.csv').write_text('id\nv1\n')
  return tmp_path


def test_rows_of_parts_are_rows_of_one_table(inputs, folder):
  (folder / '.hidden.csv').touch()
  (folder / 'notes.txt').touch()
  found = inputs.find(str(folder))
  parts = inputs.fragments(found, 'profiles')
  assert [(part.row, part.file_row, part.count) for part in parts] == [
    (0, 0, 3),
    (3, 3, 3),
    (6, 6, 1),
    (7, 0, 3),
    (10, 3, 2),
  ]
  rows = [piece for part in parts for piece in inputs.pieces(part, 'user')]
  users = [user for piece in rows for user in piece.rows['user'].to_pylist()]
  assert users == [f'u{n}' for n in range(12)]
  assert all(piece.rows.column_names == ['user'] for piece in rows)
  assert inputs.fragments(found, 'tweets') == []


def test_a_value_again_is_named_by_files_and_rows(inputs, folder):
  parts = inputs.fragments(inputs.find(str(folder)), 'profiles')
  told = inputs.again(parts, 'user', 11, 4, 'ann')
  assert told == (
    f"{folder}/profiles-c.parquet, row 5, column 'user': found 'ann' again "
    f'(first in row 5 of {folder}/profiles-a.parquet); right: every value once'
  )


@pytest.mark.parametrize(
  ('name', 'told'),
  [
    ('watch.parquet', 'a data file of unknown name'),
    ('visual-1.npy', 'a data file of unknown name'),
    ('profiles.parquet', 'one file, or parts in Parquet alone'),
    ('watches.parquet', 'one file, or parts in Parquet alone'),
    ('tweet_topics.npy', 'and no tweets file'),
  ],
)
def test_files_that_do_not_go_together_are_refused(inputs, folder, name, told):
  (folder / name).touch()
  with pytest.raises(ValueError, match=told):
    inputs.find(str(folder))


def test_what_must_be_there_is_missed(inputs, folder):
  (folder / 'videos.csv').unlink()
  with pytest.raises(
    ValueError, match=r'found no videos file; right: videos\.'
  ):
    inputs.find(str(folder))
  with pytest.raises(ValueError, match='found no watches file'):
    inputs.find(str(folder / 'nowhere'))


def test_two_forms_of_one_array_are_refused(inputs, folder):
  for suffix in ('npy', 'npz'):
    (folder / f'visual.{suffix}').touch()
  with pytest.raises(ValueError, match='right: one'):
    inputs.find(str(folder))


def test_what_is_no_parquet_is_refused_by_name(inputs, folder):
  (folder / 'profiles-a.parquet').write_bytes(b'no')
  with pytest.raises(ValueError, match=r'profiles-a.parquet: found .* Parquet'):
    inputs.fragments(inputs.find(str(folder)), 'profiles')
