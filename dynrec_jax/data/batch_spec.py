"""Sizes and rules of batches."""

from collections.abc import Sequence
from typing import NamedTuple

# Whose states Eq (6) compares an anchor's with: those of two more sequences
# each, drawn from all samples, or of other anchors of its batch.
PARTNERS = ('drawn', 'in_batch')


class BatchSpec(NamedTuple):
  """What batches are made by.

  Attributes:
    batch_size: B anchors per step, over all devices.
    device_count: devices that share a step, of all hosts.
    semantic_batch_size: rows of Eq (1) per step, over all devices; 0 leaves
      the term out.
    negative_count: N negatives per row and direction; 0 for 'in_batch'.
    negative: rule of the triplets' negatives, see `relevance`.
    seed: of everything drawn.
    unseen_count: videos that the user never watched, per prediction; 0 if no
      loss asks for them.
    partners: one of PARTNERS, see `in_batch`.
    shared_count: S, videos drawn in a step that stand for all others; 0 if no
      loss asks for them.
    in_batch_candidates: whether a batch's own targets stand for others too, see
      `shared_samples`.
    own_devices: the host's own of all these devices, whose shares it makes;
      None is all.
  """

  batch_size: int
  device_count: int
  semantic_batch_size: int
  negative_count: int
  negative: str
  seed: int
  unseen_count: int = 0
  partners: str = 'drawn'
  shared_count: int = 0
  in_batch_candidates: bool = True
  own_devices: Sequence[int] | None = None

  @property
  def made_here(self) -> Sequence[int]:
    """The devices whose shares of a step this host makes."""
    if self.own_devices is None:
      return range(self.device_count)
    return self.own_devices
