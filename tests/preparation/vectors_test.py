"""Vectors read in pieces are those of the whole file."""

import beam_there
import numpy as np
import pytest

from dynrec_jax.sources import feature_files

pytestmark = beam_there.needs_beam


@pytest.fixture
def vectors(monkeypatch):
  """The module, which reads some 40 numbers at a time."""
  from dynrec_jax.preparation import vectors

  monkeypatch.setattr(vectors, '_BYTES_AT_ONCE', 160)
  return vectors


def read(vectors, path):
  """All rows of a file, by the parts that it is cut into."""
  parts = vectors.cut(path, vectors.shape(path))
  return [piece for part in parts for piece in vectors.rows(part)]


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64, '>f4'])
@pytest.mark.parametrize('suffix', ['npy', 'npz'])
def test_pieces_are_the_file(vectors, tmp_path, suffix, dtype):
  whole = np.random.default_rng(0).normal(size=(35, 4)).astype(dtype)
  path = str(tmp_path / f'visual.{suffix}')
  if suffix == 'npy':
    np.save(path, whole)
    wanted = feature_files.rows_from_npy(path, 35, 'video')
  else:
    np.savez(path, id=np.arange(35), feature=whole)
    row_of = {str(row): row for row in range(35)}
    wanted = feature_files.features_from_npz(path, 'id', row_of).rows
  shape = vectors.shape(path)
  assert shape == (35, 4, wanted.dtype.name)
  parts = vectors.cut(path, shape)
  assert len(parts) == (4 if suffix == 'npy' else 1)
  found = read(vectors, path)
  assert [row for row, _ in found] == [0, 10, 20, 30]
  rows = np.concatenate([piece for _, piece in found])
  assert rows.dtype == wanted.dtype
  np.testing.assert_array_equal(rows, wanted)


@pytest.mark.parametrize(
  'array',
  [
    np.zeros((3, 4), int),
    np.zeros(3, np.float32),
    np.zeros((3, 0), np.float32),
    np.array([None]),
  ],
)
def test_other_arrays_are_refused(vectors, tmp_path, array):
  np.save(tmp_path / 'visual.npy', array)
  with pytest.raises(ValueError, match='right: '):
    vectors.shape(str(tmp_path / 'visual.npy'))


def test_columns_one_after_the_other_are_refused(vectors, tmp_path):
  np.save(tmp_path / 'visual.npy', np.ones((3, 4), np.float32, order='F'))
  with pytest.raises(ValueError, match='Fortran order; right: rows'):
    vectors.shape(str(tmp_path / 'visual.npy'))


def test_a_number_that_is_none_is_named_by_its_row(vectors, tmp_path):
  rows = np.ones((35, 4), np.float32)
  rows[23, 2] = np.nan
  path = str(tmp_path / 'visual.npy')
  np.save(path, rows)
  told = 'the array, row 24, column 3: found nan'
  with pytest.raises(ValueError, match=told):
    read(vectors, path)


def test_a_file_that_ends_early_is_an_error(vectors, tmp_path):
  path = tmp_path / 'visual.npy'
  np.save(path, np.ones((35, 4), np.float32))
  path.write_bytes(path.read_bytes()[:-6])
  with pytest.raises(ValueError, match='an end amid the rows'):
    read(vectors, str(path))
