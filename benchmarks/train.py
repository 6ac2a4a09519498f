"""Positions per second of training: the full step, and its core alone.

python -m benchmarks.train [--json FILE] [--rounds N]

The paper's sizes: 64 samples with a positive and a negative partner each,
6,814 videos with 8,192 visual and 300 text numbers, hidden 300, the paper's
preset (SGD, sums). The full step is `train.make_train_step`'s, all four losses
and the update, on a prepared batch; its operations are counted without padding.
It is made by the paper's letter and with keys that do less work: `rel.partners`
in the batch, and `features.basis` of full rank and of a low one.
The core is the GRU over all sequences and the softmax over the anchors'.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import machine, problem
from benchmarks.problem import HIDDEN, VIDEOS
from benchmarks.train_core import measure_core
from dynrec_jax import losses, packed_gru, softmax, train
from dynrec_jax.data import batches
from dynrec_jax.data.batch_spec import PARTNERS
from dynrec_jax.features import catalogue
from dynrec_jax.features.catalogue import Features
from dynrec_jax.parallel import devices, host_memory

ROUNDS = 9
LOW_RANK = 512


class Way(NamedTuple):
  """A way to make the same step: the paper's letter, or with keys.

  Attributes:
    name: of the way; '' is the letter, `rel.partners` drawn and
      `features.basis` given.
    partners: value of `rel.partners`.
    features: on the device, in the basis.
    visual_size: numbers of v in it.
  """

  name: str
  partners: str
  features: Features
  visual_size: int


def ways() -> list[Way]:
  """Without the keys, with each, and with both.

  The span of features of full rank has as many dimensions as there are videos;
  a low rank stands for features that repeat each other, or are cut.
  """
  found = []
  for name, size in (
    ('', problem.VISUAL),
    ('span', VIDEOS),
    ('low_rank_span', LOW_RANK),
  ):
    features = devices.replicate(catalogue.padded(problem.features(size)))
    found += [
      Way(_join(prefix, name), partners, features, size)
      for prefix, partners in (('', 'drawn'), ('in_batch', 'in_batch'))
    ]
  return found


def own_step(data, way: Way, product_dtype=None):
  """A run of the full step that goes on from its own last state."""
  network, optimizer = problem.network(way.visual_size), problem.optimizer()
  batch = problem.first_batch(data, way.partners)
  step = train.make_train_step(
    network,
    optimizer,
    problem.settings(product_dtype),
    reduction='sum',
  )
  step = train.balanced(step, problem.balance(data), seed=0)
  state = devices.replicate(train.init_state(network, optimizer, 0))

  def run():
    nonlocal state
    state, metrics = step(state, way.features, batch)
    return jax.block_until_ready(metrics)['loss']

  return run


def torch_step(features, batch):
  """The same step in PyTorch."""
  import torch

  from benchmarks import torch_peer

  theta = train.init_state(problem.network(), problem.optimizer(), 0).params
  model = torch_peer.FullModel(theta)
  rule = torch.optim.SGD(model.parameters(), lr=1e-3, weight_decay=2e-4)
  fields = torch_peer.as_tensors(batch, problem.rectangle(batch))
  visual, text = torch.tensor(features.visual), torch.tensor(features.text)

  def run():
    rule.zero_grad()
    loss = model(visual, text, fields)
    loss.backward()
    rule.step()
    return loss.detach()

  return run


def check_step(own, peer) -> None:
  """Stops unless both go through the same losses for three steps."""
  for _ in range(3):
    np.testing.assert_allclose(own(), peer(), rtol=1e-4)


def measure_step(
  rounds: int, found: list[Way], *, ragged: bool
) -> dict[str, float]:
  """The full step in all ways against the peak and torch, alternately.

  `torch` is the paper's letter, `torch_in_batch` has partners in the batch too.
  """
  data = problem.training_set(ragged=ragged)
  runs = {way.name or 'own': own_step(data, way) for way in found}
  frozen = problem.features()
  for name, partners in (('torch', 'drawn'), ('torch_in_batch', 'in_batch')):
    batch = problem.first_batch(data, partners)
    runs[name] = torch_step(frozen, batch)
  check_step(runs['own'], runs['torch'])
  check_step(runs['in_batch'], runs['torch_in_batch'])
  if not ragged:
    runs['bfloat16'] = own_step(data, found[0], jnp.bfloat16)
  for way in (found[0], found[3]):
    parts = part_runs(way, problem.first_batch(data, way.partners))
    runs |= {_join(way.name, part): run for part, run in parts.items()}
  secs = machine.time_alternately(runs | machine.peak_products(), rounds)
  report = {'peak_gflops': machine.peak_flops(secs) / 1e9}
  for way in found:
    report |= _of_way(way, data, secs)
  for way in (found[0], found[3]):
    report |= _shares(way, secs)
  for name in ('torch', 'torch_in_batch'):
    report[f'{name}_step_ms'] = 1e3 * np.median(secs[name])
  report['in_batch_ratio_vs_torch_in_batch'] = machine.ratio(
    secs, 'torch_in_batch', 'in_batch'
  )
  if ragged:
    return {f'ragged_{name}': value for name, value in report.items()}
  report['ratio_bfloat16'] = machine.ratio(secs, 'own', 'bfloat16')
  return report | host_ms(data)


def _join(*parts: str) -> str:
  """A name of those that are one."""
  return '_'.join(filter(None, parts))


def _of_way(way: Way, data, secs) -> dict[str, float]:
  """What one way took."""
  name = way.name or 'own'
  batch = problem.first_batch(data, way.partners)
  flops = sum(problem.step_flops(batch, way.visual_size).values())
  took = np.median(secs[name])
  report = {
    'gflop': flops / 1e9,
    'step_ms': 1e3 * took,
    'positions_per_sec': int(batch.targets.where.sum()) / took,
    'fraction_of_peak': flops / took / machine.peak_flops(secs),
    'ratio_vs_torch': machine.ratio(secs, 'torch', name),
  }
  return {_join(way.name, key): value for key, value in report.items()}


def _shares(way: Way, secs) -> dict[str, float]:
  """Milliseconds of a step's three large parts, and of the rest."""
  left = np.median(secs[way.name or 'own'])
  report = {}
  for part in ('embedding', 'gru', 'softmax'):
    ms = np.median(secs[_join(way.name, part)])
    left -= ms
    report[_join(way.name, part, 'ms')] = 1e3 * ms
  return report | {_join(way.name, 'rest_ms'): 1e3 * left}


def part_runs(way: Way, batch) -> dict:
  """The step's three large parts alone, each with its gradients."""
  share = jax.tree.map(lambda field: jnp.asarray(field[0]), batch)
  network, sequences = problem.network(way.visual_size), share.sequences
  params = network.init(jax.random.key(0))
  rows, inputs = sequences.last.size, int(batch.sequences.step_counts.sum())
  table = jax.random.normal(
    jax.random.key(1), (len(sequences.video_ids) + rows, HIDDEN)
  )
  states = jax.random.normal(
    jax.random.key(2), (len(share.targets.where), HIDDEN)
  )

  def embedding(params):
    theta = network.theta.bind({'params': params})
    embedded = theta.embed(*way.features.take(sequences.video_ids))
    return jnp.sum(losses.unit(embedded.content))

  def scan(params, table):
    return jnp.sum(
      packed_gru.gru_scan_packed_table(
        params,
        table,
        sequences.inputs,
        sequences.step_counts,
        row_count=rows,
      )[:inputs]
    )

  def cost(states, kernel):
    return softmax.fused_coherence_loss(
      states, kernel, share.targets.videos, where=share.targets.where
    )

  kernels = {name: params[name] for name in ('visual_kernel', 'text_kernel')}
  rest = {name: x for name, x in params.items() if name not in kernels}
  return {
    'embedding': _timed(lambda own: embedding(own | rest), 0, kernels),
    'gru': _timed(scan, (0, 1), params['gru'], table),
    'softmax': _timed(cost, (0, 1), states, params['output_kernel']),
  }


def _timed(function, argnums, *arguments):
  """A run of a function and its gradients."""
  run = jax.jit(jax.value_and_grad(function, argnums))
  return lambda: jax.block_until_ready(run(*arguments))


def host_ms(data) -> dict[str, float]:
  """Medians of making an epoch's draws, and a batch, on the host."""

  def median(run, count=5):
    taken = []
    for at in range(count):
      start = time.perf_counter()
      run(at)
      taken.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken))

  report = {}
  for partners in PARTNERS:
    spec = problem.spec(1, partners)
    epoch = batches.draw_epoch(data, spec, 0)
    report |= {
      f'{partners}_host_ms_per_epoch': median(
        lambda at, spec=spec: batches.draw_epoch(data, spec, at)
      ),
      f'{partners}_host_ms_per_batch': median(
        lambda at, of=(spec, epoch): batches.make_batch(data, *of, at)
      ),
    }
  return report


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--json', type=Path, help='also writes the table here')
  parser.add_argument('--rounds', type=int, default=ROUNDS)
  arguments = parser.parse_args()
  kept = host_memory.keep_freed_memory()
  rounds, found = arguments.rounds, ways()
  report = {}
  for measure in (
    lambda: {**machine.describe(), 'keeps_freed_memory': kept},
    lambda: measure_step(rounds, found, ragged=False),
    lambda: measure_step(rounds, found, ragged=True),
    lambda: measure_core(rounds),
  ):
    part = measure()
    for name, value in part.items():
      shown = f'{value:,.3f}' if isinstance(value, float) else value
      print(f'{name:36s} {shown}', flush=True)
    report |= part
  if arguments.json is not None:
    arguments.json.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
  main()
