"""Draws that stand for the catalogue: their law, their weights, their place."""

import math

import numpy as np
import pytest

from dynrec_jax.data import shared_samples
from dynrec_jax.data.batch import Targets
from dynrec_jax.sampled_softmax import NO_WEIGHT

COUNTS = np.array([0, 16, 1, 0, 81, 2])


def make(rule, counts=COUNTS, sample_count=21):
  return shared_samples.make_proposal(counts, sample_count, rule=rule)


def law(rule):
  """By hand."""
  if rule == 'uniform':
    return [1 / 6] * 6
  if rule == 'log_uniform':
    rank = [4, 1, 3, 5, 0, 2]  # ties to the lower id
    return [math.log((r + 2) / (r + 1)) / math.log(7) for r in rank]
  flat = [0, 8, 1, 0, 27, 2**0.75]
  return [0.9 * x / sum(flat) + 0.1 / 6 for x in flat]


@pytest.mark.parametrize('rule', shared_samples.RULES)
def test_draws_follow_the_law_that_weights_are_of(rule):
  proposal = make(rule)
  chance = shared_samples.probability(proposal, np.arange(6))
  np.testing.assert_allclose(chance, law(rule), rtol=1e-12)
  np.testing.assert_allclose(chance.sum(), 1, rtol=1e-12)
  count = 200_000
  drawn = shared_samples.draw(proposal, count, np.random.default_rng(0))
  assert drawn.dtype == np.int32
  share = np.bincount(drawn, minlength=6) / count
  error = np.sqrt(chance * (1 - chance) / count)
  assert (np.abs(share - chance) < 4.5 * error).all()


def test_nobody_watches_anything():
  """Without a target the popular ones are all alike."""
  proposal = make('unigram', counts=np.zeros(4))
  drawn = shared_samples.draw(proposal, 100, np.random.default_rng(0))
  assert set(drawn) == {0, 1, 2, 3}
  chance = shared_samples.probability(proposal, np.arange(4))
  np.testing.assert_allclose(chance, 0.25)


def test_unknown_rule():
  with pytest.raises(
    ValueError, match="rule is 'zipf'; valid are unigram, log"
  ):
    make('zipf')


def test_weights_by_hand():
  """6 draws and the targets of 5 sequences, of 21 in the epoch."""
  proposal = make('uniform')
  drawn, targets = np.array([4, 4, 0, 1, 4, 3]), np.array([4, 1, 1, 2])
  kinds = {'sequence_count': 5}
  found = shared_samples.sample(
    proposal, drawn, targets, **kinds, in_batch=True
  )
  np.testing.assert_array_equal(found.videos, [0, 1, 2, 3, 4])
  others = 4 / 20  # of the epoch's other samples
  want = [
    1 / 1,
    (1 + 2) / (1 + others * 16),
    1 / (1 + others * 1),
    1 / 1,
    (3 + 1) / (1 + others * 81),
  ]
  np.testing.assert_allclose(found.log_weights, np.log(want), atol=1e-6)
  found = shared_samples.sample(
    proposal, drawn, targets, **kinds, in_batch=False
  )
  np.testing.assert_array_equal(found.videos, [0, 1, 2, 3, 4])
  np.testing.assert_allclose(
    found.log_weights, [0, 0, NO_WEIGHT, 0, math.log(3)], atol=1e-6
  )


def test_places_in_a_batch_of_two_devices():
  found = shared_samples.Sample(
    np.array([2, 5, 7], np.int32), np.array([0.5, -1, 0], np.float32)
  )
  videos = np.array([[5, 2, 0], [7, 0, 0]], np.int32)
  where = np.array([[True, True, False], [True, False, False]])
  targets = Targets(videos, videos, videos, where, None, None)
  placed = shared_samples.placed(found, targets, 5, video_count=9)
  np.testing.assert_array_equal(placed.videos, [[2, 5, 7, 9, 10]] * 2)
  np.testing.assert_array_equal(placed.targets, [[1, 0, 0], [2, 0, 0]])
  np.testing.assert_array_equal(
    placed.log_weights, [np.float32([0.5, -1, 0, NO_WEIGHT, NO_WEIGHT])] * 2
  )
