"""Features from .npy and .npz files: what is read and what is refused."""

import numpy as np
import pytest

from dynrec_jax.sources import feature_files

ROW_OF = {'7': 0, 'b': 1, 'z': 2}

GOOD = np.arange(6, dtype=np.float32).reshape(3, 2)


def changed(value) -> np.ndarray:
  array = GOOD.astype(type(value) if isinstance(value, np.floating) else float)
  array[1, 0] = value
  return array


@pytest.mark.parametrize(
  ('array', 'message'),
  [
    (changed(np.float16('nan')), 'row 2, column 1: found nan; right: a finite'),
    (changed(-np.inf), 'row 2, column 1: found -inf; right: a finite float32'),
    (changed(1e39), 'row 2, column 1: found 1e+39; right: a finite float32'),
    (GOOD.astype(int), 'found int64 [3, 2]; right: float16 or float32'),
    (GOOD[0], 'found float32 [2]; right: float16 or float32 [rows, D]'),
    (GOOD[:, :0], 'found float32 [3, 0]; right: float16 or float32'),
    (GOOD.astype(object), 'visual.npy: found Object arrays cannot be loaded'),
  ],
)
def test_wrong_features_are_named(tmp_path, array, message):
  path = tmp_path / 'visual.npy'
  np.save(path, array)
  with pytest.raises(ValueError, match=r'visual\.npy') as error:
    feature_files.features_from_npy(path, 3)
  assert message in str(error.value)


@pytest.mark.parametrize(
  ('arrays', 'message'),
  [
    ({'id': ['7'], 'features': GOOD[:1]}, 'found features, id; right: id and'),
    ({'id': ['7'], 'feature': GOOD}, "array 'id': found <U1 [1]; right: 3 str"),
    ({'id': ['7', 'q'], 'feature': GOOD[:2]}, "row 2: found 'q'; right: the i"),
    ({'id': ['z', 'z'], 'feature': GOOD[:2]}, "row 2: found 'z' again (first"),
    ({'id': [7.0], 'feature': GOOD[:1]}, "array 'id': found float64 [1]; righ"),
    (
      {'id': ['7', 'z'], 'feature': changed(np.nan)[:2]},
      'row 2, column 1: fou',
    ),
  ],
)
def test_wrong_keyed_features_are_named(tmp_path, arrays, message):
  path = tmp_path / 'visual.npz'
  np.savez(path, **arrays)
  with pytest.raises(ValueError, match=r'visual\.npz') as error:
    feature_files.features_from_npz(path, 'id', ROW_OF)
  assert message in str(error.value)


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64, '>f4'])
def test_keyed_features_leave_the_others_without(tmp_path, dtype):
  path = tmp_path / 'visual.npz'
  np.savez(path, id=['z', '7'], feature=GOOD[:2].astype(dtype))
  found = feature_files.features_from_npz(path, 'id', ROW_OF)
  assert found.present.tolist() == [True, False, True]
  assert found.rows.tolist() == [[2, 3], [0, 0], [0, 1]]
  wanted = np.float16 if dtype is np.float16 else np.float32
  assert found.rows.dtype == wanted


def test_videos_that_filters_removed_may_be_left_out(tmp_path):
  path = tmp_path / 'text.npz'
  np.savez(path, id=['q', 'z', 'r'], feature=GOOD)
  found = feature_files.features_from_npz(path, 'id', ROW_OF, all_listed=False)
  assert found.present.tolist() == [False, False, True]
  assert found.rows.tolist() == [[0, 0], [0, 0], [2, 3]]


@pytest.mark.parametrize(
  ('ids', 'message'),
  [
    (['q', 'r', 's'], "found 'q' and so on, no id .* right: such as '7'"),
    (['q', 'z', 'q'], "row 3: found 'q' again \\(first in row 1"),
  ],
)
def test_ids_that_are_left_out_are_still_checked(tmp_path, ids, message):
  path = tmp_path / 'text.npz'
  np.savez(path, id=ids, feature=GOOD)
  with pytest.raises(ValueError, match=rf'text\.npz.*{message}'):
    feature_files.features_from_npz(path, 'id', ROW_OF, all_listed=False)


def test_a_bad_number_is_found_beyond_the_first_rows(tmp_path):
  array = np.zeros((3000, 2), np.float16)
  array[2500, 1] = np.inf
  np.save(tmp_path / 'visual.npy', array)
  with pytest.raises(ValueError, match='row 2501, column 2: found inf'):
    feature_files.features_from_npy(tmp_path / 'visual.npy', 3000)


def test_one_array_under_the_name_of_several(tmp_path):
  np.save(tmp_path / 'visual.npy', GOOD)
  path = (tmp_path / 'visual.npy').rename(tmp_path / 'visual.npz')
  with pytest.raises(ValueError, match='found one array; right: id and feat'):
    feature_files.features_from_npz(path, 'id', ROW_OF)
