"""A step of the part that grows with the catalogue, cut over all devices.

The full softmax of Eq (8) over V videos with its gradients, and the optimiser's
update of T_p: what `parallel.catalogue=sharded` does with them in training.

NPROC=8 XLA_FLAGS=--xla_force_host_platform_device_count=4 \\
  python -m benchmarks.cut_step [--videos 100000] [--hidden 64] [--json FILE]
"""

import argparse
import json
import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from dynrec_jax import train
from dynrec_jax.models.network import OF_VIDEOS
from dynrec_jax.models.theta import glorot
from dynrec_jax.parallel import catalogue, devices
from dynrec_jax.parallel.cut_softmax import cut_coherence_loss


class CutStep(NamedTuple):
  """A step, and what it is called with.

  Attributes:
    step: (state, batch) -> (state, loss); takes the state's buffers over.
    state: T_p and what the optimiser keeps of it, cut.
    batch: states and targets, stacked over this process's devices.
  """

  step: Callable
  state: Any
  batch: Any


def make_cut_step(
  video_count: int, hidden_size: int, row_count: int, optimizer: str = 'adam'
) -> CutStep:
  """A step over all devices of all processes.

  Args:
    video_count: V.
    hidden_size: H.
    row_count: states that predict a video each, over all devices; a multiple
      of their number.
    optimizer: of `train.OPTIMIZERS`.
  """
  cut = catalogue.over_all_devices(video_count, OF_VIDEOS)
  rule = train.make_optimizer(optimizer, learning_rate=1e-3, weight_decay=1e-4)

  def first():
    kernel = glorot(jax.random.key(0), (video_count, hidden_size))
    params = {'output_kernel': kernel}
    return params, rule.init(params)

  def step(state, batch):
    params, kept = state
    states, targets = batch

    def cost(params):
      return cut_coherence_loss(
        states, params['output_kernel'], targets, video_count=video_count
      )

    loss, grads = jax.value_and_grad(cost)(params)
    grads = catalogue.sum_gradients(grads, cut)
    updates, kept = rule.update(grads, kept, params)
    params = optax.apply_updates(params, updates)
    return (params, kept), devices.sum_over_devices(loss)

  run = catalogue.data_parallel(
    step,
    cut,
    split=(False, True),
    donate=(0,),
    results=lambda state, _: (state, 'loss'),
  )
  rng = np.random.default_rng(jax.process_index())
  rows = (devices.device_count(), row_count // cut.device_count)
  batch = (
    rng.normal(size=(*rows, hidden_size)).astype(np.float32),
    rng.integers(video_count, size=rows).astype(np.int32),
  )
  return CutStep(run, cut.build(first), batch)


def main() -> None:
  """Prints what a device holds, and a step's time."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--videos', type=int, default=100_000)
  parser.add_argument('--hidden', type=int, default=64)
  parser.add_argument('--rows', type=int, default=1024)
  parser.add_argument('--steps', type=int, default=5)
  parser.add_argument('--json')
  asked = parser.parse_args()
  step, state, batch = make_cut_step(asked.videos, asked.hidden, asked.rows)
  held = catalogue.bytes_per_device(state) / 2**20
  state, loss = step(state, batch)
  times = []
  for _ in range(asked.steps):
    start = time.perf_counter()
    state, loss = step(state, batch)
    loss.block_until_ready()
    times.append(time.perf_counter() - start)
  found = {
    'devices': jax.device_count(),
    'mib_per_device': round(held, 1),
    'ms_per_step': round(1e3 * float(np.median(times)), 1),
    'loss': float(loss),
  }
  print('| ' + ' | '.join(found) + ' |\n' + '|---' * len(found) + '|')
  print('| ' + ' | '.join(map(str, found.values())) + ' |')
  if asked.json:
    pathlib.Path(asked.json).write_text(json.dumps(found))


if __name__ == '__main__':
  main()
