"""Which videos Eq (1) is of, step by step."""

import numpy as np


def draw_semantic(
  videos: np.ndarray,
  shape: tuple[int, int],
  negative_count: int,
  rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Anchors of Eq (1) for every step, and their negatives.

  Anchors run through random orders of all videos, one order after the other;
  a step's anchors are distinct, so the few that do not fill a last step of an
  order are left to the next one. Negatives are uniform over the other videos.

  Args:
    videos: [n] those with both modalities, whoever watched them, as content
      tells nothing of a user (A6); fewer than 2 give no anchor.
    shape: steps, rows per step.
    negative_count: N.
    rng: of this epoch.

  Returns:
    anchors [steps, rows] and negative visual and text [steps, rows, N], which
    are videos, and the anchors that exist, [rows] bool, the same every step.
  """
  steps, rows = shape
  count = len(videos) if len(videos) > 1 else 0
  used = min(rows, count)
  per_order = max(
    1, count // max(1, rows)
  )  # steps that one random order serves
  orders = -(-steps // per_order)
  place = np.zeros((steps, rows), np.int64)
  place[:, :used] = np.stack(
    [rng.permutation(count)[: per_order * used] for _ in range(orders)]
  ).reshape(per_order * orders, used)[:steps]
  drawn = rng.integers(max(1, count - 1), size=(2, steps, rows, negative_count))
  drawn += drawn >= place[..., None]  # uniform over all but the anchor itself
  table = videos if count else np.zeros(2, np.int32)
  where = np.arange(rows) < used
  return (table[place], *table[drawn], where)
