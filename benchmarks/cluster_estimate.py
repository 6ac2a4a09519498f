"""What a step would take on clusters that nobody lent us: paper work.

Operations and bytes of a step are counted, and each is set against what the
maker prints of one chip; the slowest of the two, and then the wire, make the
step. No overlap, no padding, nothing measured.
"""

import math
from typing import NamedTuple

POSITIONS = 3_200  # a chip's: 64 sequences of 50
_CHUNK, _LOGITS = 512, 1 << 27  # as `objective` cuts rows
_SHARED = 8_192
_FLOAT = 4


class Cluster(NamedTuple):
  """As many chips of a kind.

  Attributes:
    name: of the whole.
    chips: how many.
    flops: operations a second of products in bfloat16, of a chip.
    bandwidth: bytes a second of its memory.
    memory: bytes.
    wire: bytes a second that it sends to others.
  """

  name: str
  chips: int
  flops: float
  bandwidth: float
  memory: float
  wire: float


# Makers' data sheets: TPU v5e 197 TFLOP/s, 819 GB/s, 16 GB and 1,600 Gbit/s
# between chips; H100 SXM 989 TFLOP/s (dense), 3.35 TB/s, 80 GB, and 400 Gbit/s
# of InfiniBand for each GPU, which bounds what goes beyond eight of them.
CLUSTERS = (
  Cluster('v5e-256', 256, 197e12, 819e9, 16e9, 200e9),
  Cluster('64 H100', 64, 989e12, 3.35e12, 80e9, 50e9),
)


class Step(NamedTuple):
  """Of one chip.

  Attributes:
    flops: of products.
    moved: bytes to and from its memory.
    sent: bytes to other chips.
    held: bytes of weights, their gradients and features.
  """

  flops: float
  moved: float
  sent: float
  held: float


def counted(kind: str, videos: int, hidden: int, chips: int) -> Step:
  """A chip's share of a step.

  Args:
    kind: 'full', 'sharded' or 'sampled'.
    videos: V.
    hidden: H, of states and of what the GRU reads.
    chips: n.
  """
  gru = 3 * 2 * 3 * hidden * 2 * hidden * POSITIONS
  features = videos * 2 * 512  # half precision, 256 numbers a side
  if kind == 'sampled':
    rows = _SHARED + POSITIONS * chips  # all targets, were they all different
    rows = min(rows, videos)
    table, held = rows * hidden * _FLOAT, videos * hidden * _FLOAT + features
    flops = 6 * POSITIONS * hidden * rows
    return Step(
      gru + flops,
      moved=6 * table + 3 * POSITIONS * rows * _FLOAT,
      sent=2 * table,
      held=held,
    )
  local = videos if kind == 'full' else math.ceil(videos / chips)
  positions = POSITIONS if kind == 'full' else POSITIONS * chips
  size = max(1, min(_CHUNK, _LOGITS // local))
  table = local * hidden * _FLOAT
  # Of a chunk: the weights twice, their gradient out and in; logits thrice.
  moved = 4 * table * math.ceil(positions / size) + 3 * table
  moved += 3 * positions * local * _FLOAT
  sent = 2 * table  # the gradient, to all and from all
  if kind == 'sharded':
    sent = 2 * positions * hidden * _FLOAT  # states out, their gradients in
    features //= chips
  flops = 6 * positions * hidden * local
  return Step(gru + flops, moved, sent, 2 * table + features)


def us_per_position(
  kind: str, videos: int, hidden: int, cluster: Cluster
) -> float | None:
  """Of the whole cluster; None where a chip's memory is too small."""
  step = counted(kind, videos, hidden, cluster.chips)
  if step.held > 0.9 * cluster.memory:
    return None
  secs = max(step.flops / cluster.flops, step.moved / cluster.bandwidth)
  secs += step.sent / cluster.wire
  return 1e6 * secs / (POSITIONS * cluster.chips)
