"""Parts of scores against logits of loops in float64."""

import numpy as np

from dynrec_jax.models import score_parts
from dynrec_jax.models.network import DecodeTables

V, H, K = 7, 3, 4
RNG = np.random.default_rng(5)
KERNEL = RNG.normal(size=(V, H)).astype(np.float32)
BIAS = RNG.normal(size=V).astype(np.float32)
STATES = RNG.normal(size=(2, H)).astype(np.float32)
IDS = np.array([[4, 0, 6, 2], [1, 5, 4, 3]])


def read_video(tables, h, ids):
  """A step that knows the video and the state."""
  return 0.5 * h + tables.recurrence[ids]


def centred_logits(row, *, greedy=True, bias=True):
  """[K] logit less the mean logit of each video of a list, step by step."""
  kernel, h = KERNEL.astype(np.float64), STATES[row].astype(np.float64)
  found = []
  for video in IDS[row]:
    logits = np.array(
      [sum(kernel[v, i] * h[i] for i in range(H)) for v in range(V)]
    )
    if bias:
      logits += BIAS
    found.append(logits[video] - logits.mean())
    if greedy:
      h = 0.5 * h + INPUTS[video]
  return found


INPUTS = RNG.normal(size=(V, H))


def test_parts_add_up_to_the_logit_at_every_step():
  tables = DecodeTables(INPUTS.astype(np.float32), KERNEL, BIAS)
  parts = score_parts.of_sequence(tables, read_video, STATES, IDS)
  assert set(parts) == {'history', 'list', 'video'}
  total = sum(np.asarray(values, np.float64) for values in parts.values())
  for row in range(2):
    np.testing.assert_allclose(total[row], centred_logits(row), atol=1e-5)
  np.testing.assert_array_equal(parts['list'][:, 0], 0)  # nothing above
  assert np.abs(parts['list'][:, 1:]).min() > 1e-3


def test_history_is_what_the_first_state_says():
  tables = DecodeTables(INPUTS.astype(np.float32), KERNEL)
  parts = score_parts.of_sequence(tables, read_video, STATES, IDS)
  assert 'video' not in parts  # no bias
  for row in range(2):
    wanted = centred_logits(row, greedy=False, bias=False)
    np.testing.assert_allclose(parts['history'][row], wanted, atol=1e-5)


def test_a_share_has_no_mean_over_the_catalogue():
  everything = np.arange(V)[None].repeat(2, axis=0)
  share = np.asarray(score_parts.share(KERNEL, STATES, everything))
  np.testing.assert_allclose(share.mean(axis=1), 0, atol=1e-6)
  moved = score_parts.share(KERNEL + 3, STATES, everything)
  np.testing.assert_allclose(moved, share, atol=1e-5)
