"""A catalogue cut over devices is the whole one: rows, softmax, lists."""

import cut_checks
import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from dynrec_jax.features.catalogue import Features
from dynrec_jax.models.network import OF_VIDEOS
from dynrec_jax.parallel import catalogue
from dynrec_jax.parallel.catalogue import Cut


def test_on_3_devices(tmp_path):
  """What is not slow of `test_on_any_number_of_devices`."""
  cut_checks.on_devices(
    """
import cut_checks
cut_checks.check_loss(7, chunk_size=6, whole=False)
cut_checks.check_rows(7)
cut_checks.check_lists(7, 3, kinds=['greedy'])
""",
    tmp_path,
    devices=3,
  )


@pytest.mark.slow
@pytest.mark.parametrize('count', [1, 2, 4, 8])
def test_on_any_number_of_devices(count, tmp_path):
  cut_checks.on_devices(
    f'import cut_checks\ncut_checks.run_checks(more={count == 8})',
    tmp_path,
    devices=count,
  )


@pytest.mark.slow
def test_over_two_processes(tmp_path):
  cut_checks.on_devices(
    'import cut_checks\ncut_checks.run_checks()',
    tmp_path,
    devices=2,
    processes=2,
  )


def test_what_is_cut_is_told_by_its_name():
  cut = catalogue.over_all_devices(5, OF_VIDEOS)
  rows, whole = PartitionSpec('devices'), PartitionSpec()
  params = {'output_kernel': 0, 'gru': {'bias': 0}, 'visual_kernel': 0}
  assert cut.specs({'params': params, 'mu': params}) == {
    name: {
      'output_kernel': rows,
      'gru': {'bias': whole},
      'visual_kernel': whole,
    }
    for name in ('params', 'mu')
  }
  assert cut.specs(Features(0, 0, 0, 0)) == Features(rows, rows, rows, rows)
  # A batch has inputs too: they are no table's.
  found = cut.specs({'sequences': {'inputs': 0}, 'recurrence': {'inputs': 0}})
  assert found == {
    'sequences': {'inputs': whole},
    'recurrence': {'inputs': rows},
  }


def test_another_number_of_rows_is_an_error():
  cut = catalogue.over_all_devices(5, OF_VIDEOS)
  message = r"\['output_kernel'\] has 4 rows; video_count is 5, and it is cut"
  with pytest.raises(ValueError, match=message):
    cut.place({'output_kernel': np.zeros((4, 2))})
  with pytest.raises(ValueError, match=message):
    cut.build(lambda: {'output_kernel': jax.numpy.zeros((4, 2))})


def test_fewer_videos_than_devices_is_an_error():
  message = r'^video_count is 0, fewer than the 1 devices that they are cut'
  with pytest.raises(ValueError, match=message):
    catalogue.over_all_devices(0, OF_VIDEOS)


def test_rows_are_as_many_on_each_device():
  class Mesh:
    size = 4

  assert Cut(9, (), Mesh()).rows_per_device == 3
  assert Cut(9, (), Mesh()).row_count == 12
  assert Cut(8, (), Mesh()).row_count == 8


def test_what_is_made_in_place_is_what_is_placed():
  cut = catalogue.over_all_devices(5, OF_VIDEOS)

  def make():
    return {'output_kernel': jax.random.normal(jax.random.key(3), (5, 2))}

  built, placed = cut.build(make), cut.place(jax.tree.map(np.asarray, make()))
  np.testing.assert_array_equal(built['output_kernel'], placed['output_kernel'])
  assert cut.place(built)['output_kernel'] is built['output_kernel']
  template = cut.template(jax.eval_shape(make))['output_kernel']
  assert template.sharding == built['output_kernel'].sharding
  assert template.shape == built['output_kernel'].shape
