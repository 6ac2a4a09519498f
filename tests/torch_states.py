"""Random state dicts in PyTorch's layout and names, from a seed.

The tests and fixtures/make_torch_fixtures.py both make their weights here, so
only PyTorch's outputs need to be stored.
"""

import numpy as np

from dynrec_jax.features.c3d import C3d
from dynrec_jax.features.efficientnet_lite0 import EfficientNetLite0, Stage
from dynrec_jax.features.vgg19 import Vgg19

# Small networks of the full depth; no two neighbouring widths are alike.
VGG19 = Vgg19(widths=(4, 6, 5, 8, 7), fc_size=12, side=64)
C3D = C3d(widths=(3, 5, 4, 6, 7), fc_size=10)
EFFICIENTNET = EfficientNetLite0(
  stem=6,
  stages=(
    Stage(1, 3, 1, 1, 4),
    Stage(2, 5, 2, 3, 8),
    Stage(2, 3, 2, 6, 10),
    Stage(1, 5, 1, 2, 12),
  ),
  feature_size=14,
  class_count=5,
)


def frames():
  """Frames for VGG19 and for EfficientNet: odd sides, so borders matter."""
  rng = np.random.default_rng(10)
  return (
    rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8),
    rng.integers(0, 256, (3, 45, 38, 3), dtype=np.uint8),
  )


def clips():
  """Two clips for C3D, of the full size: the last pooling rounds up."""
  rng = np.random.default_rng(11)
  return rng.integers(0, 256, (2, 16, 112, 112, 3), dtype=np.uint8)


def _layer(rng, name, shape):
  """A convolution or full layer that keeps its inputs' scale."""
  scale = np.sqrt(2 / np.prod(shape[1:]))
  return {
    f'{name}.weight': (scale * rng.standard_normal(shape)).astype(np.float32),
    f'{name}.bias': rng.normal(0, 0.1, shape[0]).astype(np.float32),
  }


def vgg19_state():
  """As torchvision names it, with the layers behind fc6."""
  rng = np.random.default_rng(1)
  state, inputs, index = {}, 3, 0
  for width, depth in zip(VGG19.widths, (2, 2, 4, 4, 4), strict=True):
    for _ in range(depth):
      state |= _layer(rng, f'features.{index}', (width, inputs, 3, 3))
      inputs, index = width, index + 2
    index += 1
  state |= _layer(rng, 'classifier.0', (12, inputs * 2 * 2))
  state |= _layer(rng, 'classifier.3', (12, 12))
  return state | _layer(rng, 'classifier.6', (9, 12))


def c3d_state():
  """As c3d-pytorch names it, with the layers behind fc6."""
  rng = np.random.default_rng(2)
  a, b, c, d, e = C3D.widths
  shapes = {
    'conv1': (a, 3),
    'conv2': (b, a),
    'conv3a': (c, b),
    'conv3b': (c, c),
    'conv4a': (d, c),
    'conv4b': (d, d),
    'conv5a': (e, d),
    'conv5b': (e, e),
  }
  state = {}
  for name, shape in shapes.items():
    state |= _layer(rng, name, (*shape, 3, 3, 3))
  state |= _layer(rng, 'fc6', (10, e * 4 * 4))
  return state | _layer(rng, 'fc7', (10, 10)) | _layer(rng, 'fc8', (6, 10))


def efficientnet_state():
  """As efficientnet-lite-pytorch names it."""
  rng = np.random.default_rng(3)
  state = {}

  def add(conv, norm, shape):
    size = shape[0]
    layer = _layer(rng, conv, shape)
    state[f'{conv}.weight'] = layer[f'{conv}.weight']
    numbers = {
      'weight': rng.uniform(0.5, 2, size),
      'bias': rng.normal(0, 1, size),
      'running_mean': rng.normal(0, 0.5, size),
      'running_var': rng.uniform(0.5, 2, size),
    }
    for end, value in numbers.items():
      state[f'{norm}.{end}'] = value.astype(np.float32)
    state[f'{norm}.num_batches_tracked'] = np.array(7)

  add('_conv_stem', '_bn0', (6, 3, 3, 3))
  inputs, number = 6, 0
  for stage in EFFICIENTNET.stages:
    for _ in range(stage.repeats):
      at, wide = f'_blocks.{number}.', inputs * stage.expand
      if stage.expand != 1:
        add(f'{at}_expand_conv', f'{at}_bn0', (wide, inputs, 1, 1))
      window = (stage.window, stage.window)
      add(f'{at}_depthwise_conv', f'{at}_bn1', (wide, 1, *window))
      add(f'{at}_project_conv', f'{at}_bn2', (stage.width, wide, 1, 1))
      inputs, number = stage.width, number + 1
  add('_conv_head', '_bn1', (14, inputs, 1, 1))
  return state | _layer(rng, '_fc', (5, 14))
