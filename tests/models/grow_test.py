"""Rows for videos that came later, against a loop."""

import jax
import numpy as np
import pytest

from dynrec_jax.models import grow
from dynrec_jax.models.network import VideoRows

ROWS = {'out': VideoRows(0, 'mean'), 'in': VideoRows(1, 'zeros')}
PLACE = np.array([3, 0, 4])  # of three videos among five


def shaped(tree):
  return {k: jax.ShapeDtypeStruct(s, np.float32) for k, s in tree.items()}


def saved(prefix=''):
  rng = np.random.default_rng(0)
  shapes = {'out': (3, 2), 'in': (4, 3, 2), 'other': (3, 5), 'gru/0': (2,)}
  return {
    prefix + name: rng.normal(size=shape).astype(np.float32)
    for name, shape in shapes.items()
  }


WANTED = {'out': (5, 2), 'in': (4, 5, 2), 'other': (3, 5), 'gru/0': (2,)}


def test_parameters_go_with_their_videos():
  old = saved()
  new = grow.grown_leaves(old, shaped(WANTED), ROWS, PLACE)
  mean = sum(old['out'][v] for v in range(3)) / 3
  for place in range(5):
    row = PLACE.tolist().index(place) if place in PLACE else None
    want = mean if row is None else old['out'][row]
    np.testing.assert_allclose(new['out'][place], want, rtol=1e-6)
    for member in range(4):
      want = 0 if row is None else old['in'][member, row]
      np.testing.assert_array_equal(new['in'][member, place], want)
  for name in ('other', 'gru/0'):
    np.testing.assert_array_equal(new[name], old[name])


def test_the_mean_of_all_stays_the_mean_when_more_come():
  """Two days' new videos begin where those of one day would."""
  old = saved()
  once = grow.grown_leaves(old, shaped(WANTED), ROWS, PLACE)
  more = WANTED | {'out': (7, 2), 'in': (4, 7, 2)}
  twice = grow.grown_leaves(once, shaped(more), ROWS, np.array([0, 1, 2, 5, 6]))
  np.testing.assert_allclose(twice['out'][3], once['out'][1], rtol=1e-5)


def test_moments_of_new_rows_are_zeros():
  prefix = '0/mu/'
  wanted = shaped({prefix + name: shape for name, shape in WANTED.items()})
  old = saved(prefix)
  new = grow.grown_leaves(old, wanted, ROWS, PLACE, is_moments=True)
  np.testing.assert_array_equal(new[f'{prefix}out'][[1, 2]], 0)
  np.testing.assert_array_equal(new[f'{prefix}out'][PLACE], old[f'{prefix}out'])


@pytest.mark.parametrize(
  ('changes', 'told'),
  [
    ({'other': (4, 5)}, r'other: saved float32\[3, 5\], the grown state needs'),
    ({'one more': (1,)}, 'differ in one more'),
  ],
)
def test_what_does_not_grow_must_fit(changes, told):
  with pytest.raises(ValueError, match=told):
    grow.grown_leaves(saved(), shaped(WANTED | changes), ROWS, PLACE)
