"""Frames and clips per second of the visual networks, and of the decoder.

python -m benchmarks.features [--json FILE] [--rounds N]

Every network at its published size with random weights, in the batches that
`visual_encoder` makes, timed among square float32 products: `_of_peak` is the
network's own products (no activations, no pooling) per second over the best of
those. Two rows say why the layers are written as they are: XLA's own 3-D
convolution and its grouped convolution, against ours, on one layer each.
Decoding reads a 640 x 360 MPEG-4 video of 200 frames that is made here.
"""

import argparse
import json
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core

from benchmarks import machine
from dynrec_jax.features import c3d, efficientnet_lite0, frames, vgg19
from dynrec_jax.parallel import host_memory

ROUNDS = 5
DECODED_FRAMES = 200
NETS = {
  'vgg19': (vgg19, vgg19.Vgg19(), (8, 224, 224, 3)),
  'c3d': (c3d, c3d.C3d(), (2, 16, 112, 112, 3)),
  'efficientnet_lite0': (
    efficientnet_lite0,
    efficientnet_lite0.EfficientNetLite0(),
    (8, 224, 224, 3),
  ),
}


def forward(name: str):
  """A run of a network on one batch, and its products' operations."""
  module, net, shape = NETS[name]
  rng = np.random.default_rng(0)
  batch = jnp.asarray(rng.integers(0, 256, shape, dtype=np.uint8))
  params = jax.jit(module._Layers(net).init)(jax.random.key(0), batch)
  run = jax.jit(net.apply)
  flops = product_flops(jax.make_jaxpr(net.apply)(params, batch).jaxpr)
  if name == 'efficientnet_lite0':
    flops += shape[0] * depthwise_flops(net, shape[1])
  return (lambda: jax.block_until_ready(run(params, batch))), flops


def product_flops(jaxpr) -> int:
  """Of the convolutions and matrix products: two per multiplication."""
  total = 0
  for equation in jaxpr.eqns:
    if equation.primitive.name in ('conv_general_dilated', 'dot_general'):
      # Both kernels end in the outputs' axis, which is no factor of its own.
      kernel = equation.invars[1].aval.shape
      total += 2 * equation.outvars[0].aval.size * int(np.prod(kernel[:-1]))
    for inner in core.jaxprs_in_params(equation.params):
      total += product_flops(inner)
  return total


def depthwise_flops(net, side: int) -> int:
  """Of the layers that are written as sums of shifted products, per frame."""
  side, total = -(-side // 2), 0
  for block, inputs in net._blocks():
    side = -(-side // block.stride)
    total += 2 * side**2 * block.window**2 * inputs * block.expand
  return total


def layer_forms() -> dict:
  """One layer of C3D and of EfficientNet, ours and as XLA would have it."""
  keys = iter(jax.random.split(jax.random.key(1), 4))
  clip = jax.random.normal(next(keys), (2, 16, 56, 56, 64))
  frame = jax.random.normal(next(keys), (8, 56, 56, 144))
  time_conv = c3d._TimeConv(128)
  depth_conv = efficientnet_lite0._DepthConv(5, 2)
  of_clip = time_conv.init(next(keys), clip)
  of_frame = depth_conv.init(next(keys), frame)
  cube = of_clip['params']['kernel'].reshape(3, 3, 3, 64, 128)
  cube = jnp.moveaxis(cube, 2, 0)
  window = of_frame['params']['kernel']

  def own_3d(x, kernel):
    axes = ('NDHWC', 'DHWIO', 'NDHWC')
    return lax.conv_general_dilated(
      x, kernel, (1, 1, 1), 'SAME', dimension_numbers=axes
    )

  def grouped(x, kernel):
    axes = ('NHWC', 'HWIO', 'NHWC')
    return lax.conv_general_dilated(
      x,
      kernel,
      (2, 2),
      'SAME',
      dimension_numbers=axes,
      feature_group_count=144,
    )

  runs = {
    'conv2': (time_conv.apply, of_clip, clip),
    'xla_conv2': (own_3d, clip, cube),
    'depth': (depth_conv.apply, of_frame, frame),
    'xla_depth': (grouped, frame, window),
  }
  for name in ('conv2', 'depth'):
    (ours, *own), (theirs, *same) = runs[name], runs[f'xla_{name}']
    np.testing.assert_allclose(ours(*own), theirs(*same), atol=1e-2)
  return {name: timed(*run) for name, run in runs.items()}


def timed(function, *arguments):
  run = jax.jit(function)
  return lambda: jax.block_until_ready(run(*arguments))


def decoding(folder: str) -> dict:
  """Runs of both readers over the whole video."""
  path = Path(folder) / 'made.mp4'
  write_video(path)
  return {
    'decode_clips': lambda: list(frames.clips(path, c3d.FRAME)),
    'decode_frames': lambda: list(frames.sampled_frames(path, vgg19.FRAME)),
  }


def write_video(path: Path) -> None:
  """Waves that move, 25 frames per second."""
  import av

  rows, columns = np.mgrid[:360, :640] / 20
  with av.open(str(path), 'w') as container:
    stream = container.add_stream('mpeg4', rate=25)
    stream.width, stream.height, stream.pix_fmt = 640, 360, 'yuv420p'
    stream.bit_rate = 1_500_000
    for number in range(DECODED_FRAMES):
      waves = [np.sin(rows + columns * i + number / 9) for i in range(3)]
      picture = (127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)
      frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
      container.mux(stream.encode(frame))
    container.mux(stream.encode())


def measure(rounds: int) -> dict[str, float]:
  """Everything, alternately."""
  nets = {name: forward(name) for name in NETS}
  with tempfile.TemporaryDirectory() as folder:
    secs = machine.time_alternately(
      {
        **machine.peak_products(),
        **{name: run for name, (run, _) in nets.items()},
        **layer_forms(),
        **decoding(folder),
      },
      rounds,
    )
  peak = machine.peak_flops(secs)
  report = {'peak_gflops': peak / 1e9}
  for name, (_, flops) in nets.items():
    took, batch = np.median(secs[name]), NETS[name][2][0]
    unit = 'clips' if name == 'c3d' else 'frames'
    report[f'{name}_gflop'] = flops / batch / 1e9
    report[f'{name}_{unit}_per_sec'] = batch / took
    report[f'{name}_of_peak'] = flops / took / peak
  for name in ('conv2', 'depth'):
    slower = machine.ratio(secs, f'xla_{name}', name)
    report[f'xla_{name}_times_ours'] = slower
  for name in ('decode_clips', 'decode_frames'):
    rate = DECODED_FRAMES / np.median(secs[name])
    report[f'{name}_video_frames_per_sec'] = rate
  return report


def main() -> None:
  """Measures all and prints one line per figure."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--json', type=Path, help='also writes the table here')
  parser.add_argument('--rounds', type=int, default=ROUNDS)
  arguments = parser.parse_args()
  kept = host_memory.keep_freed_memory()
  report = {**machine.describe(), 'keeps_freed_memory': kept}
  report |= measure(arguments.rounds)
  for name, value in report.items():
    shown = f'{value:,.3f}' if isinstance(value, float) else value
    print(f'{name:36s} {shown}')
  if arguments.json is not None:
    arguments.json.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
  main()
