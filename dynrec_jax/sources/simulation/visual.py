"""Visual features: what two frozen networks would make of the pictures."""

import numpy as np

from dynrec_jax.sources.simulation.streams import scaled_probability, stream
from dynrec_jax.sources.simulation.world import WorldConfig

_CHUNK = 2048
_TOPIC_GAIN = 1.6  # of the first layer, against a style of unit variance
_STYLE_GAIN = 0.7


def visual_features(
  world: WorldConfig, theta: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
  """([V, size] float16, [V] bool): features, and which videos have one.

  Each half, the still frames' and the clips', is ReLU(random two-layer map of
  [theta, style]) plus noise, with a style of its own. Which pictures mislead
  (show another video's topics) has nothing to do with which texts do.
  """
  rng = stream(seed, 'visual')
  count, noise = len(theta), world.visual_noise
  off = rng.random(count) < scaled_probability(noise.off_topic, noise.strength)
  shown = np.where(off, rng.permutation(count), np.arange(count))
  has = rng.random(count) >= scaled_probability(noise.missing, noise.strength)
  content = theta[shown] * np.float32(
    _TOPIC_GAIN * world.visual_signal.strength
  )
  out = np.zeros((count, world.visual.size), np.float16)
  middle = world.visual.size // 2
  for name, half in (('frames', out[:, :middle]), ('clips', out[:, middle:])):
    _fill_half(world, content, half, stream(seed, 'visual', name))
  out[~has] = 0
  return out, has


def _fill_half(world: WorldConfig, content, out: np.ndarray, rng) -> None:
  """Writes one network's half of the features, block by block."""
  visual = world.visual
  style = rng.standard_normal((len(content), visual.style), dtype=np.float32)
  style *= np.float32(_STYLE_GAIN / np.sqrt(visual.style))
  inputs = np.concatenate([content, style], axis=1)
  first = rng.standard_normal((inputs.shape[1], visual.hidden), np.float32)
  second = rng.standard_normal((visual.hidden, out.shape[1]), np.float32)
  hidden = np.maximum(inputs @ first, 0)  # [V, hidden]
  # Unit scale on average, so that noise has a meaning at every signal.
  hidden /= max(np.sqrt((hidden**2).sum(axis=1).mean()), 1e-6)
  deviation = np.float32(world.visual_noise.noise * world.visual_noise.strength)
  for at in range(0, len(out), _CHUNK):
    rows = slice(at, at + _CHUNK)
    block = np.maximum(hidden[rows] @ second, 0)
    block += deviation * rng.standard_normal(block.shape, np.float32)
    out[rows] = block
