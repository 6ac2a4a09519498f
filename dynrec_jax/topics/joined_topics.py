"""Too many topics joined to fewer, by what the joint law says of each pair."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Smaller counts (expected ones have no zeros) tell nothing of a pair.
_LEAST = 1e-2


class Side(NamedTuple):
  """Counts that topics come with, of one kind: words, or users.

  Attributes:
    counts: [n, K], at least 0.
    prior: Dirichlet parameter of each entry.
    of_topics: whether a topic has a Dirichlet law over the n entries (words);
      else each entry has one over the topics (users, documents).
  """

  counts: np.ndarray
  prior: float
  of_topics: bool


def join_topics(sides: Sequence[Side], topic_count: int) -> np.ndarray:
  """Which of the fewer topics each topic goes to.

  Greedy: the two topics are joined whose joining costs the least logarithm of
  the joint law with all parameters integrated out, until enough are gone. So
  halves of one topic are joined, which share words and users, before two small
  topics that differ.

  Args:
    sides: one or more, of the same topics.
    topic_count: topics to keep, at most as many as there are.

  Returns:
    [K] int64, in [0, topic_count), numbered by the first topic of each group.
  """
  rows = [np.array(side.counts.T, np.float64) for side in sides]
  count = len(rows[0])
  label = np.arange(count)
  cost = np.stack([_costs(rows, sides, topic) for topic in range(count)])
  for _ in range(count - topic_count):
    keep, gone = sorted(np.unravel_index(cost.argmin(), cost.shape))
    for table in rows:
      table[keep] += table[gone]
      table[gone] = 0
    label[label == gone] = keep
    absent = ~np.isin(np.arange(count), label)
    fresh = _costs(rows, sides, keep)
    fresh[absent] = np.inf
    cost[keep], cost[:, keep] = fresh, fresh
    cost[absent], cost[:, absent] = np.inf, np.inf
  return np.unique(label, return_inverse=True)[1]


def joined(counts: np.ndarray, label: np.ndarray) -> np.ndarray:
  """[n, topic_count] sums of the columns that share a label."""
  member = np.zeros((len(label), label.max(initial=-1) + 1), counts.dtype)
  member[np.arange(len(label)), label] = 1
  return counts @ member


def _costs(rows, sides, topic):
  """[K] what joining each with this topic costs; infinite with itself."""
  cost = np.zeros(len(rows[0]))
  for table, side in zip(rows, sides, strict=True):
    here = table[:, table[topic] > _LEAST]  # elsewhere the sum changes nothing
    cost -= _change(here, here[topic], side.prior).sum(1)
    if side.of_topics:
      whole = side.prior * table.shape[1]
      total = table.sum(1)
      cost += _change(total, total[topic], whole)
  cost[topic] = np.inf
  return cost


def _change(a, b, prior):
  """log Gamma of joined counts, less that of both apart."""
  from scipy.special import gammaln

  joint = gammaln(a + b + prior) + gammaln(prior)
  return joint - gammaln(a + prior) - gammaln(b + prior)
