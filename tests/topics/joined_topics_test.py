"""Joining topics: the cost against the whole joint law, and who is joined."""

from math import lgamma

import numpy as np
import pytest

from dynrec_jax.topics import joined_topics
from dynrec_jax.topics.joined_topics import Side, join_topics, joined


def log_joint(words, users, beta, alpha):
  """log p of both tables with all parameters integrated out, by loops."""
  total = 0.0
  for k in range(words.shape[1]):
    for n in words[:, k]:
      total += lgamma(n + beta) - lgamma(beta)
    total += lgamma(len(words) * beta)
    total -= lgamma(words[:, k].sum() + len(words) * beta)
  for row in users:  # sums over topics stay as they are
    for n in row:
      total += lgamma(n + alpha) - lgamma(alpha)
  return total


@pytest.mark.parametrize('topic', range(4))
def test_cost_is_the_loss_of_the_joint_law(topic):
  rng = np.random.default_rng(0)
  words = rng.integers(0, 5, (7, 4)).astype(np.float64)
  users = rng.integers(0, 4, (3, 4)).astype(np.float64)
  sides = (Side(words, 0.3, True), Side(users, 0.7, False))
  cost = joined_topics._costs([words.T, users.T], sides, topic)
  before = log_joint(words, users, 0.3, 0.7)
  for other in range(4):
    if other == topic:
      assert cost[other] == np.inf
      continue
    tables = [table.copy() for table in (words, users)]
    for table in tables:
      table[:, topic] += table[:, other]
      table[:, other] = 0  # a topic of nothing adds nothing
    after = log_joint(*tables, 0.3, 0.7)
    assert cost[other] == pytest.approx(before - after, abs=1e-9)


def test_halves_are_joined_before_small_topics():
  """Two large halves differ by more words than two tiny topics have."""
  rng = np.random.default_rng(1)
  words = np.zeros((90, 4))
  words[:60, 0] = rng.poisson(40, 60)
  words[:60, 2] = rng.poisson(40, 60)
  words[60:75, 1] = rng.poisson(4, 15)
  words[75:, 3] = rng.poisson(4, 15)
  label = join_topics([Side(words, 0.01, True)], 3)
  np.testing.assert_array_equal(label, [0, 1, 0, 2])
  sums = joined(words, label)
  np.testing.assert_array_equal(sums[:, 0], words[:, 0] + words[:, 2])
  np.testing.assert_array_equal(sums[:, 1:], words[:, [1, 3]])


def test_users_tell_apart_what_words_do_not():
  words = np.full((4, 3), 2.0)
  users = np.array([[9.0, 0, 9], [0, 9, 0]])
  sides = [Side(words, 0.5, True), Side(users, 0.5, False)]
  np.testing.assert_array_equal(join_topics(sides, 2), [0, 1, 0])


def test_all_in_one_and_none_at_all():
  words = np.arange(12.0).reshape(4, 3)
  side = [Side(words, 0.1, True)]
  np.testing.assert_array_equal(join_topics(side, 3), [0, 1, 2])
  np.testing.assert_array_equal(join_topics(side, 1), [0, 0, 0])
  np.testing.assert_array_equal(
    joined(words, np.zeros(3, int))[:, 0], words.sum(1)
  )
