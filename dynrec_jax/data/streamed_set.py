"""What training batches are made of, made anew from the log for each.

A `TrainingSet` holds every sample and its interest: hundreds of numbers per
user and session, which millions of users do not leave room for. Here a user's
samples are cut from the log when a batch asks for them, by the very functions
that make a `TrainingSet`, and dropped with the batch. What is held beside the
log is one number per user, where its samples begin.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import histories, inputs, sequences, shared_samples
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.inputs import InterestRows
from dynrec_jax.data.sequences import Moments, Samples
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.shared_samples import Proposal
from dynrec_jax.data.shuffled import Shuffled
from dynrec_jax.data.training_set import TrainingSet

_USERS_AT_ONCE = 4096


class Log(NamedTuple):
  """What is held: the events, and how samples are cut from them.

  Attributes:
    watches: of all users.
    behaviours: of all users, what interests are made of.
    topics: [R, K] what behaviours are about.
    clock: the borders.
    users: [n] train users, ascending; nothing of any other user is read.
    horizon: see `sequences.virtual_sequences`.
    max_target_len: as there.
    next_count: as there.
    history_mode: see `inputs`.
    norm: N_u of Eq (2).
    decay: lambda, per unit of age.
    unit_secs: seconds in a unit of age.
  """

  watches: Histories
  behaviours: Histories
  topics: np.ndarray
  clock: Sessions
  users: np.ndarray
  horizon: str
  max_target_len: int
  next_count: int
  history_mode: str
  norm: str
  decay: float
  unit_secs: float

  def all_samples(self) -> tuple[Samples, InterestRows]:
    """The samples, in order of (user, session), and their interests."""
    samples = sequences.virtual_sequences(
      self.watches,
      self.behaviours,
      self.clock,
      self.users,
      horizon=self.horizon,
      max_target_len=self.max_target_len,
      next_count=self.next_count,
    )
    return samples, self.interests_of(samples)

  def samples_at(self, moments: Moments) -> Samples:
    """The users' samples at any moments, see `sequences.sequences_at`."""
    return sequences.sequences_at(
      self.watches,
      self.behaviours,
      self.clock,
      self.users,
      moments,
      horizon=self.horizon,
      max_target_len=self.max_target_len,
      next_count=self.next_count,
    )

  def interests_of(self, samples: Samples) -> InterestRows:
    """What the log's samples read of interests."""
    return inputs.interest_rows(
      samples,
      self.behaviours,
      self.topics,
      self.clock,
      history_mode=self.history_mode,
      norm=self.norm,
      decay=self.decay,
      unit_secs=self.unit_secs,
    )

  def samples_of(self, users: np.ndarray) -> tuple[Samples, InterestRows]:
    """Those of some users; what it costs follows from their events alone.

    Args:
      users: [n] positions in the log, ascending, each once.
    """
    watches, _ = histories.take_rows(self.watches, users)
    made_of, _ = histories.take_rows(self.behaviours, users)
    items, place = np.unique(made_of.item, return_inverse=True)
    few = self._replace(
      watches=watches,
      behaviours=made_of._replace(item=place.astype(np.int32)),
      topics=self.topics[items],
      users=np.arange(len(users)),
    )
    samples, rows = few.all_samples()
    own = users[samples.user]
    start = self.watches.offsets[own]
    return samples._replace(user=own.astype(np.int32), watch_start=start), rows


class Totals(NamedTuple):
  """What one look at all samples tells.

  Attributes:
    offsets: [n + 1] int64, each train user's first sample.
    with_history: samples with a known watch.
    sequence_len: T, inputs of the longest sequence.
    max_interest_count: most interest rows of one sample.
    target_counts: [V] int32, how often each video is a target.
  """

  offsets: np.ndarray
  with_history: int
  sequence_len: int
  max_interest_count: int
  target_counts: np.ndarray


class StreamedSet(NamedTuple):
  """`TrainingSet` to whoever makes batches of it; what is the same is there.

  It knows no relevance, so Eq (6) has no partners, and no weights of targets.

  Attributes:
    log: what is held.
    totals: of all samples.
    video_count: V.
    paired_videos: see `TrainingSet`.
    max_bag: see `TrainingSet`.
    proposal: see `TrainingSet`.
  """

  log: Log
  totals: Totals
  video_count: int
  paired_videos: np.ndarray
  max_bag: int
  proposal: Proposal | None = None

  relevance = None
  target_weights = None
  watches = property(lambda self: self.log.watches)
  decay = property(lambda self: self.log.decay)
  unit_secs = property(lambda self: self.log.unit_secs)
  max_len = property(lambda self: self.log.max_target_len)
  sequence_len = property(lambda self: self.totals.sequence_len)
  max_interest_count = property(lambda self: self.totals.max_interest_count)
  with_history = property(lambda self: self.totals.with_history)
  sample_count = property(lambda self: int(self.totals.offsets[-1]))

  def shuffled(self, rng: np.random.Generator) -> Shuffled:
    """All samples in a random order, which is not held."""
    return Shuffled(self.sample_count, rng)

  def take(self, chosen: np.ndarray) -> Samples:
    """The named samples."""
    samples, _, places = self._cut(chosen)
    return samples.take(places)

  def prefixes(
    self, chosen: np.ndarray
  ) -> tuple[InterestRows, inputs.Prefixes]:
    """The chosen samples' interests, renumbered, and first inputs."""
    samples, rows, places = self._cut(chosen)
    own = inputs.take_rows(rows, places)
    return own, inputs.prefixes(
      samples.take(places),
      own,
      self.watches,
      self.video_count,
      history_mode=self.log.history_mode,
      max_history_len=self.max_len,
    )

  def _cut(
    self, chosen: np.ndarray
  ) -> tuple[Samples, InterestRows, np.ndarray]:
    """The samples of all users that are chosen from, and places in them."""
    offsets = self.totals.offsets
    owner = np.searchsorted(offsets, chosen, side='right') - 1
    owners, place = np.unique(owner, return_inverse=True)
    samples, rows = self.log.samples_of(self.log.users[owners])
    counts = offsets[owners + 1] - offsets[owners]
    first = np.cumsum(counts) - counts
    return samples, rows, first[place] + chosen - offsets[owner]


# What batches are made of.
AnySet = TrainingSet | StreamedSet


def make_streamed_set(
  log: Log,
  *,
  video_count: int,
  paired_videos: np.ndarray,
  max_bag: int,
  proposal_rule: str | None,
) -> StreamedSet:
  """The set, after one look at all samples.

  Args:
    log: what they are cut from.
    video_count: V.
    paired_videos: see `TrainingSet`.
    max_bag: see `TrainingSet`.
    proposal_rule: see `shared_samples.make_proposal`; None if no loss asks for
      a proposal.
  """
  totals = _totals(log, video_count)
  proposal = None
  if proposal_rule is not None:
    proposal = shared_samples.make_proposal(
      totals.target_counts, int(totals.offsets[-1]), rule=proposal_rule
    )
  return StreamedSet(log, totals, video_count, paired_videos, max_bag, proposal)


def _totals(log: Log, video_count: int) -> Totals:
  """Of all samples, some users' at a time."""
  offsets = np.zeros(len(log.users) + 1, np.int64)
  targets = np.zeros(video_count, np.int32)
  with_history, longest, most = 0, 0, 0
  for samples, rows in _blocks(log):
    owner = np.searchsorted(log.users, samples.user)
    np.add.at(offsets, owner + 1, 1)
    _, videos = sequences.targets_of(samples, log.watches)
    np.add.at(targets, videos, 1)
    with_history += int(np.sum(samples.history_count > 0))
    counts = inputs.prefix_counts(
      samples,
      rows,
      history_mode=log.history_mode,
      max_history_len=log.max_target_len,
    )
    longest = max(longest, int(np.max(counts + samples.target_count - 1)))
    most = max(most, int(np.max(np.diff(rows.offsets))))
  return Totals(np.cumsum(offsets), with_history, longest, most, targets)


def _blocks(log: Log) -> Iterator[tuple[Samples, InterestRows]]:
  """Samples and interests of some users at a time, where they have any."""
  for start in range(0, len(log.users), _USERS_AT_ONCE):
    samples, rows = log.samples_of(log.users[start : start + _USERS_AT_ONCE])
    if len(samples.user):
      yield samples, rows
