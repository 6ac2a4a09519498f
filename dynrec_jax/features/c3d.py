"""C3D up to fc6, the motion feature of a clip of 16 frames.

Paper: "output of fc6" over "sampled clips", 4,096 numbers. Tran et al. (2015),
trained on Sports-1M.

A 3x3x3 convolution is done as a 3x3 one over the channels of three neighbouring
frames side by side: XLA's own 3-D convolution takes 0.9 to 2 times as long on
the CPU, and 5 times in the first layer.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from dynrec_jax.features import weights
from dynrec_jax.features.frames import FrameShape
from dynrec_jax.features.weights import State, WeightFile
from dynrec_jax.typed import typed

WEIGHTS = WeightFile(
  'c3d.pickle',
  "the Sports-1M weights of the project DavideA/c3d-pytorch; also OpenMMLab's"
  ' c3d_sports1m_pretrain_20201016-dcc47ddc.pth from mmaction2',
  '',
)

FRAME = FrameShape(resize=(128, 171), side=112)
# Of Sports-1M, blue, green, red: the weights come from Caffe, which reads
# images in that order, and were trained on differences from the mean clip.
_MEAN = (90.0, 98.0, 102.0)
CLIP_LEN = 16

# Layers and the block whose width they have; a pooling ends each block.
_CONVS = (
  ('conv1', 0),
  ('conv2', 1),
  ('conv3a', 2),
  ('conv3b', 2),
  ('conv4a', 3),
  ('conv4b', 3),
  ('conv5a', 4),
  ('conv5b', 4),
)
# The same layers' names elsewhere, by what the first one is called.
_SEQUENTIAL = (0, 3, 6, 8, 11, 13, 16, 18)
_NAMINGS = {
  'conv1': [name for name, _ in _CONVS] + ['fc6'],
  'conv1a.conv': [
    f'{name}.conv' if name[-1] in 'ab' else f'{name}a.conv'
    for name, _ in _CONVS
  ]
  + ['fc6'],
  'features.0': [f'features.{i}' for i in _SEQUENTIAL] + ['classifier.0'],
}
_IGNORED = ('fc7.', 'fc8.', 'cls_head.', 'classifier.')


class C3d(NamedTuple):
  """The network's sizes; other ones than the published are for tests.

  Attributes:
    widths: channels of the five blocks.
    fc_size: numbers of fc6.
    side: of the square frames; 112, or 16 n for a test.
    clip_len: frames of a clip, a multiple of 16.
    after_relu: fc6 after its ReLU (A34).
  """

  widths: tuple[int, ...] = (64, 128, 256, 512, 512)
  fc_size: int = 4096
  side: int = FRAME.side
  clip_len: int = CLIP_LEN
  after_relu: bool = True

  @property
  def feature_size(self) -> int:
    """Numbers per clip."""
    return self.fc_size

  def convert(self, state: State) -> dict[str, Any]:
    """The parameters out of a state dict with one of three namings.

    conv1 ... conv5b, fc6 (c3d-pytorch); conv1a.conv ... fc6, with or without
    'backbone.' (mmaction2); features.0 ... classifier.0 (ports of Caffe's).

    Raises:
      ValueError: an array is missing, unknown or has another shape.
    """
    arrays = {
      name.removeprefix('backbone.'): x for name, x in state.arrays.items()
    }
    state = state._replace(arrays=arrays)
    first = [x for x in _NAMINGS if f'{x}.weight' in arrays] or ['conv1']
    layers = _NAMINGS[first[0]]
    names = [f'{x}.{end}' for x in layers for end in ('weight', 'bias')]
    weights.check_names(state, names, _IGNORED)
    params, inputs = {}, 3
    for layer, (name, block) in zip(layers, _CONVS, strict=False):
      width = self.widths[block]
      params[name] = _over_frames(
        weights.conv(state, layer, (3, 3, 3, inputs, width))
      )
      inputs = width
    side = -(-(self.side // 16) // 2)
    grid = (self.clip_len // 16, side, side, inputs)
    params['fc6'] = weights.dense(state, layers[-1], grid, self.fc_size)
    return {'params': params}

  def apply(self, params, clips):
    """`_Layers` on clips [B, T, side, side, 3] uint8: [B, fc_size]."""
    return _Layers(self).apply(params, clips)


class _Layers(nn.Module):
  """The layers themselves."""

  sizes: C3d

  @nn.compact
  @typed
  def __call__(
    self, clips: UInt8[Array, 'B T side side 3']
  ) -> Float[Array, 'B D']:
    """The clips' fc6."""
    x = clips[..., ::-1] - jnp.array(_MEAN)
    block = 0
    for name, own_block in _CONVS:
      if own_block > block:
        x = _pool(x, frames=1 if block == 0 else 2)
        block = own_block
      x = nn.relu(_TimeConv(self.sizes.widths[block], name=name)(x))
    # 7 x 7 to 4 x 4 as Caffe rounds, which the weights were trained in: the
    # last row and column stand alone. The ports to PyTorch pad on both sides,
    # which leaves the first alone and moves what fc6 reads by one.
    odd = x.shape[2] % 2
    x = jnp.pad(x, ((0, 0), (0, 0), (0, odd), (0, odd), (0, 0)))
    x = _pool(x, frames=2).reshape(len(x), -1)
    x = nn.Dense(self.sizes.fc_size, name='fc6')(x)
    return nn.relu(x) if self.sizes.after_relu else x


class _TimeConv(nn.Module):
  """A 3x3x3 convolution, see the file's head; parameters as nn.Conv's."""

  width: int

  @nn.compact
  def __call__(self, x):
    """[B, T, H, W, C] to [B, T, H, W, width]."""
    batch, frames, *grid, channels = x.shape
    kernel = self.param(
      'kernel',
      nn.initializers.lecun_normal(),
      (3, 3, 3 * channels, self.width),
    )
    bias = self.param('bias', nn.initializers.zeros, (self.width,))
    wide = jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0), (0, 0)))
    wide = jnp.concatenate(
      [wide[:, shift : shift + frames] for shift in range(3)], axis=-1
    )
    out = jax.lax.conv_general_dilated(
      wide.reshape(batch * frames, *grid, 3 * channels),
      kernel,
      window_strides=(1, 1),
      padding='SAME',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )
    return out.reshape(batch, frames, *grid, self.width) + bias


def _over_frames(layer: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """[3, 3, 3, C, O], time first, as [3, 3, 3C, O], time before channels."""
  kernel = np.moveaxis(layer['kernel'], 0, 2)
  height, width, _, _, outputs = kernel.shape
  return layer | {'kernel': kernel.reshape(height, width, -1, outputs)}


def _pool(x, *, frames: int):
  """The largest of every 2 x 2 pixels of `frames` frames."""
  window = (frames, 2, 2)
  return nn.max_pool(x, window, window)
