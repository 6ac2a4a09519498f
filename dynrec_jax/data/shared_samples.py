"""The videos that stand for the whole catalogue in a step's softmax.

All positions of a step share them: S draws of a proposal, and the targets of
the batch's other sequences. Both are made on the host from (seed, epoch, step)
and the whole batch, so they are the same on every device and for any number of
devices.
"""

import math
from typing import NamedTuple

import numpy as np

from dynrec_jax.data.batch import Candidates, Targets

# 'unigram': most draws by popularity, flattened as in word2vec, the rest
# uniform, so that every video comes up. 'log_uniform': by rank of popularity,
# Zipf's law. 'uniform': all alike.
RULES = ('unigram', 'log_uniform', 'uniform')
_POWER = 0.75
_UNIFORM = 0.1
_NO_WEIGHT = np.float32(-1e30)


class Proposal(NamedTuple):
  """What is drawn from, and what a batch's own targets are a sample of.

  Attributes:
    rule: one of RULES.
    counts: [V] int32, how often each video is a target in one epoch.
    sample_count: samples in one epoch.
    videos: [n] int32, what a draw's place stands for: of 'unigram' the videos
      with a target, of 'log_uniform' all, most popular first.
    ranks: [V] int32 places in `videos`; None but of 'log_uniform'.
    cumulative: [n] float64, of 'unigram' the sums of the flattened counts.
  """

  rule: str
  counts: np.ndarray
  sample_count: int
  videos: np.ndarray
  ranks: np.ndarray | None
  cumulative: np.ndarray


class Sample(NamedTuple):
  """What came up in a step.

  Attributes:
    videos: [R] int32, ascending, each once; the batch's targets among them.
    log_weights: [R] float32, log of how often it came up over how often it
      does in the mean; see `sampled_softmax`.
  """

  videos: np.ndarray
  log_weights: np.ndarray


def make_proposal(
  counts: np.ndarray, sample_count: int, *, rule: str
) -> Proposal:
  """The proposal of a training set.

  Args:
    counts: [V] how often each video is a target in one epoch.
    sample_count: samples in one epoch.
    rule: one of RULES.

  Raises:
    ValueError: for an unknown rule.
  """
  if rule not in RULES:
    raise ValueError(f'rule is {rule!r}; valid are {", ".join(RULES)}')
  counts = np.asarray(counts, np.int32)
  videos, ranks = np.zeros(0, np.int32), None
  cumulative = np.zeros(0)
  if rule == 'unigram':
    videos = np.flatnonzero(counts).astype(np.int32)
    cumulative = np.cumsum(counts[videos].astype(np.float64) ** _POWER)
  elif rule == 'log_uniform':
    videos = np.argsort(-counts, kind='stable').astype(np.int32)
    ranks = np.empty_like(videos)
    ranks[videos] = np.arange(len(videos), dtype=np.int32)
  return Proposal(rule, counts, sample_count, videos, ranks, cumulative)


def target_counts(videos: np.ndarray, video_count: int) -> np.ndarray:
  """[V] int32, how often each video is among some."""
  return np.bincount(videos, minlength=video_count).astype(np.int32)


def draw(
  proposal: Proposal, count: int, rng: np.random.Generator
) -> np.ndarray:
  """[count] int32 videos, independent, by the inverse of the distribution."""
  video_count = len(proposal.counts)
  uniform = rng.random(count)
  if proposal.rule == 'log_uniform':
    # P(rank < r) = log(r + 1) / log(V + 1)
    place = np.expm1(uniform * math.log(video_count + 1)).astype(np.int64)
    return proposal.videos[np.minimum(place, video_count - 1)]
  anyone = rng.integers(video_count, size=count).astype(np.int32)
  if proposal.rule == 'uniform' or not len(proposal.videos):
    return anyone
  place = np.searchsorted(
    proposal.cumulative, uniform * proposal.cumulative[-1], side='right'
  )
  popular = proposal.videos[np.minimum(place, len(proposal.videos) - 1)]
  return np.where(rng.random(count) < _UNIFORM, anyone, popular)


def probability(proposal: Proposal, videos: np.ndarray) -> np.ndarray:
  """[n] float64, how likely a draw is each of some videos; never 0."""
  video_count = len(proposal.counts)
  if proposal.rule == 'log_uniform':
    rank = proposal.ranks[videos].astype(np.float64)
    return np.log1p(1 / (rank + 1)) / math.log(video_count + 1)
  if proposal.rule == 'uniform' or not len(proposal.videos):
    return np.full(len(videos), 1 / video_count)
  popular = proposal.counts[videos].astype(np.float64) ** _POWER
  popular /= proposal.cumulative[-1]
  return (1 - _UNIFORM) * popular + _UNIFORM / video_count


def sample(
  proposal: Proposal,
  drawn: np.ndarray,
  targets: np.ndarray,
  *,
  sequence_count: int,
  in_batch: bool,
) -> Sample:
  """A step's candidates and their weights.

  For a sequence of the batch, the others are a random choice of B - 1 of the
  epoch's other samples. So a video that it does not watch is a target of theirs
  (B - 1) / (epoch's samples - 1) times its count in the mean, and S times its
  probability among the draws. One weight for both kinds: a video counts as
  often as it came up, over how often it does in the mean.

  Args:
    proposal: of the training set.
    drawn: [S] see `draw`.
    targets: of all sequences of the batch, over all devices, in any order.
    sequence_count: B, sequences in the batch.
    in_batch: whether targets stand for others too; else for themselves alone.
      Wrong where batches are composed, and not random.

  Returns:
    The candidates.
  """
  videos, place = np.unique(
    np.concatenate([drawn, targets]), return_inverse=True
  )
  came_up = np.bincount(place[: len(drawn)], minlength=len(videos))
  mean = len(drawn) * probability(proposal, videos)
  if in_batch:
    others = (sequence_count - 1) / max(proposal.sample_count - 1, 1)
    came_up += np.bincount(place[len(drawn) :], minlength=len(videos))
    mean += others * proposal.counts[videos]
  there = (came_up > 0) & (mean > 0)
  weights = np.where(there, came_up, 1) / np.where(there, mean, 1)
  log_weights = np.where(there, np.log(weights), _NO_WEIGHT)
  return Sample(videos.astype(np.int32), log_weights.astype(np.float32))


def placed(
  found: Sample, targets: Targets, size: int, video_count: int
) -> Candidates:
  """The candidates as a stacked batch holds them.

  Args:
    found: of the step.
    targets: of the batch, stacked over devices.
    size: rows of candidates, at least as many as there are.
    video_count: V; rows that fill up are numbered from it on, see `Candidates`.
  """
  extra = size - len(found.videos)
  fill = np.arange(video_count, video_count + extra, dtype=np.int32)
  log_weights = np.pad(
    found.log_weights, (0, extra), constant_values=_NO_WEIGHT
  )
  rows = np.searchsorted(found.videos, targets.videos)
  devices = len(targets.videos)
  return Candidates(
    videos=np.tile(np.concatenate([found.videos, fill]), (devices, 1)),
    log_weights=np.tile(log_weights, (devices, 1)),
    targets=np.where(targets.where, rows, 0).astype(np.int32),
  )
