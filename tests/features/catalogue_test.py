"""Features at unit length, block by block."""

import math

import numpy as np
import pytest

from dynrec_jax.features import catalogue
from dynrec_jax.features.catalogue import unit_blocks


def unit_loop(features, widths):
  out = np.zeros(features.shape)
  for v, row in enumerate(features):
    start = 0
    for width in widths:
      block = [float(x) for x in row[start : start + width]]
      length = math.sqrt(sum(x * x for x in block))
      out[v, start : start + width] = [x / (length or 1) for x in block]
      start += width
  return out


@pytest.mark.parametrize('at_once', [2, 5, 100])
@pytest.mark.parametrize('widths', [(7,), (4, 3), (1, 2, 4)])
def test_against_a_loop(widths, at_once, monkeypatch):
  monkeypatch.setattr(catalogue, '_ROWS_AT_ONCE', at_once)
  rng = np.random.default_rng(0)
  features = (rng.normal(size=(5, 7)) * 80).astype(np.float32)
  features[2, :4] = 0
  features[3] = 0
  got = unit_blocks(features, widths)
  np.testing.assert_allclose(got, unit_loop(features, widths), rtol=1e-6)
  assert got.dtype == np.float32


def test_by_hand_and_without_widths():
  features = np.array([[3, 4, 0, 12]], np.float32)
  np.testing.assert_allclose(
    unit_blocks(features, (2, 2)), [[0.6, 0.8, 0, 1]], rtol=1e-6
  )
  np.testing.assert_allclose(unit_blocks(features, ()), features / 13)
  assert features[0, 0] == 3  # the input is left alone


def test_float16_is_squared_in_float32():
  features = np.full((1, 4096), 200, np.float16)  # 4096 * 200^2 > 65504
  got = unit_blocks(features, ())
  assert got.dtype == np.float16
  np.testing.assert_allclose(got, np.full((1, 4096), 1 / 64), rtol=1e-3)


def test_no_row():
  assert unit_blocks(np.zeros((0, 3), np.float32), (1, 2)).shape == (0, 3)


@pytest.mark.parametrize('widths', [(4, 4), (3,), (8, -1), (7, 0)])
def test_widths_that_do_not_fit(widths):
  with pytest.raises(ValueError, match=r'widths is \(.* have 7 numbers'):
    unit_blocks(np.ones((2, 7), np.float32), widths)


@pytest.mark.parametrize(
  ('width', 'dtype', 'wider'),
  [
    (1024, np.float32, 1040),
    (2048, np.float16, 2064),
    (1024, np.float16, 1024),
    (12, np.float32, 12),
  ],
)
def test_rows_4_kib_apart_are_moved(width, dtype, wider):
  visual = np.ones((3, width), dtype)
  has = np.ones(3, bool)
  found = catalogue.padded(catalogue.Features(visual, visual, has, has))
  assert found.visual.shape == (3, wider)
  assert found.visual.dtype == dtype
  np.testing.assert_array_equal(found.visual[:, :width], visual)
  assert not np.any(found.visual[:, width:])
  assert found.text is visual
