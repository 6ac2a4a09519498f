"""VGG19 up to fc6, the visual feature of a frame.

Paper: "output of fc6" over "sampled frames", 4,096 numbers. Simonyan and
Zisserman (2015), configuration E, with torchvision's weights.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from dynrec_jax.features import weights
from dynrec_jax.features.frames import FrameShape
from dynrec_jax.features.weights import State, WeightFile
from dynrec_jax.typed import typed

WEIGHTS = WeightFile(
  'vgg19-dcbb9e9d.pth',
  "torchvision's VGG19_Weights.IMAGENET1K_V1, from the PyTorch project's"
  ' model downloads',
  'dcbb9e9d',
)

# What torchvision's transform of these weights does to a frame.
FRAME = FrameShape(resize=256, side=224)
_MEAN = (0.485, 0.456, 0.406)
_SCALE = (0.229, 0.224, 0.225)

_DEPTHS = (2, 2, 4, 4, 4)


class Vgg19(NamedTuple):
  """The network's sizes; other ones than the published are for tests.

  Attributes:
    widths: channels of the five blocks.
    fc_size: numbers of fc6.
    side: of the square frames, a multiple of 32.
    after_relu: fc6 after its ReLU (A34).
  """

  widths: tuple[int, ...] = (64, 128, 256, 512, 512)
  fc_size: int = 4096
  side: int = FRAME.side
  after_relu: bool = True

  @property
  def feature_size(self) -> int:
    """Numbers per frame."""
    return self.fc_size

  def convert(self, state: State) -> dict[str, Any]:
    """The parameters out of torchvision's state dict.

    Raises:
      ValueError: an array is missing, unknown or has another shape.
    """
    indices = _torchvision_indices()
    layers = [f'features.{index}' for index in indices] + ['classifier.0']
    names = [f'{x}.{end}' for x in layers for end in ('weight', 'bias')]
    weights.check_names(state, names, ('classifier.3.', 'classifier.6.'))
    params, inputs = {}, 3
    for layer, (name, width) in zip(layers, self._convs(), strict=False):
      params[name] = weights.conv(state, layer, (3, 3, inputs, width))
      inputs = width
    grid = (self.side // 32, self.side // 32, inputs)
    params['fc6'] = weights.dense(state, 'classifier.0', grid, self.fc_size)
    return {'params': params}

  def _convs(self) -> list[tuple[str, int]]:
    """Name and channels of every convolution, in order."""
    return [
      (f'conv{block + 1}_{layer + 1}', self.widths[block])
      for block, depth in enumerate(_DEPTHS)
      for layer in range(depth)
    ]

  def apply(self, params, frames):
    """`_Layers` on frames [B, side, side, 3] uint8: [B, fc_size]."""
    return _Layers(self).apply(params, frames)


class _Layers(nn.Module):
  """The layers themselves."""

  sizes: Vgg19

  @nn.compact
  @typed
  def __call__(
    self, frames: UInt8[Array, 'B side side 3']
  ) -> Float[Array, 'B D']:
    """The frames' fc6."""
    x = (frames / 255 - jnp.array(_MEAN)) / jnp.array(_SCALE)
    block = 1
    for name, width in self.sizes._convs():
      if int(name[4]) > block:
        x = nn.max_pool(x, (2, 2), (2, 2))
        block += 1
      x = nn.relu(nn.Conv(width, (3, 3), name=name)(x))
    x = nn.max_pool(x, (2, 2), (2, 2))
    x = nn.Dense(self.sizes.fc_size, name='fc6')(x.reshape(len(x), -1))
    return nn.relu(x) if self.sizes.after_relu else x


def _torchvision_indices() -> list[int]:
  """Places of the convolutions in torchvision's `features`."""
  indices, index = [], 0
  for depth in _DEPTHS:
    indices += [index + 2 * layer for layer in range(depth)]
    index += 2 * depth + 1  # each with a ReLU, and the pooling
  return indices
