"""Bases of features against singular values, and what they leave out."""

import numpy as np
import pytest

from dynrec_jax.features import basis


def low_rank(rows, columns, rank, seed=0):
  rng = np.random.default_rng(seed)
  left = rng.normal(size=(rows, rank)) * 0.7 ** np.arange(rank)
  return (left @ rng.normal(size=(rank, columns))).astype(np.float32)


def left_out(features, found):
  """Share of the squared lengths outside of the basis, in float64."""
  rows, vectors = features.astype(np.float64), found.vectors.astype(np.float64)
  rest = rows - (rows @ vectors) @ vectors.T
  return np.sum(rest**2) / np.sum(rows**2)


@pytest.mark.parametrize(
  ('rows', 'columns', 'rank'),
  [(40, 90, 5), (90, 40, 5), (700, 900, 11), (6, 9, 6), (1, 7, 1)],
)
def test_the_rank_is_found_and_nothing_is_left(rows, columns, rank):
  features = low_rank(rows, columns, rank)
  found = basis.find_basis(features)
  vectors = found.vectors
  assert vectors.dtype == np.float32
  assert vectors.shape == (columns, rank)
  np.testing.assert_allclose(vectors.T @ vectors, np.eye(rank), atol=2e-6)
  assert left_out(features, found) < 1e-12
  assert found.kept == pytest.approx(1, abs=1e-6)
  assert found.kept <= 1
  inside = found.coordinates(features)
  np.testing.assert_allclose(inside @ vectors.T, features, rtol=1e-5, atol=3e-6)
  # Lengths and cosines are as they were.
  np.testing.assert_allclose(
    inside @ inside.T, features @ features.T, rtol=1e-5, atol=2e-3
  )


def test_more_directions_than_a_block_holds():
  features = low_rank(300, 350, 300)
  features = np.linalg.qr(features.T)[0].T[:290]  # all directions count alike
  found = basis.find_basis(features)
  assert found.vectors.shape == (350, 290)
  assert left_out(features, found) < 1e-11
  product = found.vectors.T @ found.vectors
  np.testing.assert_allclose(product, np.eye(290), atol=3e-6)


@pytest.mark.parametrize('ordered', [0, 2048])
def test_as_many_directions_as_rows(ordered, monkeypatch):
  """All that the rows span, whether or not they are put in order."""
  monkeypatch.setattr(basis, '_TURNED', ordered)
  rng = np.random.default_rng(3)
  features = rng.normal(size=(300, 500)).astype(np.float32)
  found = basis.find_basis(features)
  assert found.vectors.shape == (500, 300)
  assert left_out(features, found) < 1e-11


def test_no_basis_where_it_would_be_as_large():
  rng = np.random.default_rng(3)
  assert basis.find_basis(rng.normal(size=(50, 20)).astype(np.float32)) is None
  # Rounding to half precision fills all directions.
  half = low_rank(90, 40, 5).astype(np.float16)
  assert basis.find_basis(half) is None
  found = basis.find_basis(half, 0.99999)
  assert found.vectors.shape == (40, 5)


@pytest.mark.parametrize('kept', [0.5, 0.9, 0.99, 0.999])
def test_no_more_directions_than_the_share_asks_for(kept):
  features = low_rank(200, 80, 30, seed=2)
  energies = np.linalg.svd(features.astype(np.float64))[1] ** 2
  shares = np.cumsum(energies) / energies.sum()
  found = basis.find_basis(features, kept)
  assert found.vectors.shape[1] == 1 + np.argmax(shares >= kept)
  assert found.kept >= kept
  assert found.kept == pytest.approx(1 - left_out(features, found), abs=1e-5)
  # These are the leading ones, in order.
  lengths = np.sum(found.coordinates(features) ** 2, axis=0)
  np.testing.assert_allclose(lengths, energies[: len(lengths)], rtol=1e-3)


def test_the_same_each_time():
  features = low_rank(300, 350, 40)
  one, two = basis.find_basis(features), basis.find_basis(features)
  np.testing.assert_array_equal(one.vectors, two.vectors)


def test_a_later_video_keeps_what_it_shares():
  features = low_rank(40, 90, 5)
  found = basis.find_basis(features)
  strange = np.random.default_rng(8).normal(size=90).astype(np.float32)
  strange -= found.vectors @ (found.vectors.T @ strange)
  later = features[3] + strange
  np.testing.assert_allclose(
    found.coordinates(np.stack([later, strange])),
    found.coordinates(np.stack([features[3], 0 * strange])),
    atol=1e-5,
  )


def test_features_of_zeros():
  found = basis.find_basis(np.zeros((4, 6), np.float16))
  assert found.vectors.shape == (6, 1)
  assert not found.coordinates(np.zeros((4, 6), np.float16)).any()


@pytest.mark.parametrize('kept', [0, -1, 1.1])
def test_the_share_must_be_one(kept):
  with pytest.raises(ValueError, match=rf'kept is {kept}; it must lie in'):
    basis.find_basis(np.ones((4, 6), np.float32), kept)
