"""All that training batches are made of; arrays are shared, never copied."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data import inputs
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.inputs import InterestRows
from dynrec_jax.data.relevance import Relevance
from dynrec_jax.data.sequences import Samples
from dynrec_jax.data.shared_samples import Proposal


class TrainingSet(NamedTuple):
  """The virtual sequences and what they refer to.

  Attributes:
    video_count: V.
    watches: of all users; only the samples' users are read.
    samples: S virtual sequences, in order of (user, session).
    interest_rows: their interests u.
    relevance: candidates of the triplets; None leaves the partners out of use.
    paired_videos: [n] int32, videos with both modalities, for Eq (1).
    history_mode: what is read before the first prediction, see `inputs`.
    max_len: longest target, and longest history read as input.
    decay: lambda of Eq (3), per unit of age.
    unit_secs: seconds in a unit of age.
    max_bag: latest known watches that Eq (3) is made of.
    target_weights: [S] float32, how much each target of a sample counts, see
      `sequences.target_weights`; None is 1 each.
    proposal: of videos that stand for all; None if no loss asks for any.
  """

  video_count: int
  watches: Histories
  samples: Samples
  interest_rows: InterestRows
  relevance: Relevance | None
  paired_videos: np.ndarray
  history_mode: str
  max_len: int
  decay: float
  unit_secs: float
  max_bag: int
  target_weights: np.ndarray | None = None
  proposal: Proposal | None = None

  @property
  def sample_count(self) -> int:
    """S."""
    return len(self.samples.user)

  @property
  def with_history(self) -> int:
    """Samples with a known watch."""
    return int(np.sum(self.samples.history_count > 0))

  def take(self, chosen: np.ndarray) -> Samples:
    """The named samples."""
    return self.samples.take(chosen)

  def shuffled(self, rng: np.random.Generator) -> np.ndarray:
    """[S] all samples in a random order."""
    return rng.permutation(self.sample_count)

  @property
  def sequence_len(self) -> int:
    """T: inputs of the longest sequence."""
    counts = inputs.prefix_counts(
      self.samples,
      self.interest_rows,
      history_mode=self.history_mode,
      max_history_len=self.max_len,
    )
    return int(np.max(counts + self.samples.target_count - 1))

  @property
  def max_interest_count(self) -> int:
    """Most interest rows of one sample."""
    return int(np.max(np.diff(self.interest_rows.offsets)))

  def prefixes(
    self, chosen: np.ndarray
  ) -> tuple[InterestRows, inputs.Prefixes]:
    """The chosen samples' interests, renumbered, and first inputs."""
    own = inputs.take_rows(self.interest_rows, chosen)
    return own, inputs.prefixes(
      self.samples.take(chosen),
      own,
      self.watches,
      self.video_count,
      history_mode=self.history_mode,
      max_history_len=self.max_len,
    )
