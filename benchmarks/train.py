"""Positions per second of training: the full step, and its core alone.

python -m benchmarks.train [--json FILE] [--rounds N]

The paper's sizes: 64 samples with a positive and a negative partner each,
6,814 videos with 8,192 visual and 300 text numbers, hidden 300, the paper's
preset (SGD, sums). The full step is `train.make_train_step`'s, all four losses
and the update, on a prepared batch; its operations are counted without padding.
The core is the GRU over all sequences and the softmax over the anchors'.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import machine, problem
from benchmarks.problem import HIDDEN, SAMPLES, STEPS, VIDEOS
from dynrec_jax import gru, losses, packed_gru, softmax, train
from dynrec_jax.data import batches
from dynrec_jax.features import catalogue
from dynrec_jax.parallel import devices, host_memory

ROUNDS = 9


def core_flops() -> dict[str, int]:
  """Of the products, forward and backward (three times forward)."""
  positions = SAMPLES * STEPS
  return {
    'gru': 3 * 3 * positions * 2 * (2 * HIDDEN) * (3 * HIDDEN),
    'softmax': 3 * positions * 2 * HIDDEN * VIDEOS,
  }


def core_problem() -> tuple:
  """GRU weights, output kernel, inputs [3B, T, H] and targets [B, T]."""
  keys = jax.random.split(jax.random.key(0), 3)
  params = gru.init_gru(keys[0], HIDDEN, HIDDEN)
  glorot = jax.nn.initializers.glorot_uniform()
  output = glorot(keys[1], (VIDEOS, HIDDEN))
  xs = jax.random.normal(keys[2], (3 * SAMPLES, STEPS, HIDDEN)) / 4
  rng = np.random.default_rng(0)
  targets = rng.integers(VIDEOS, size=(SAMPLES, STEPS))
  return params, output, xs, jnp.asarray(targets, jnp.int32)


def core_loss(params, output, xs, targets, *, product_dtype=None):
  """Eq. (8) of the anchors, and the last states of all, as Eq. (6) reads."""
  rows = len(xs)
  packed = jnp.swapaxes(xs, 0, 1).reshape(-1, HIDDEN)
  states = packed_gru.gru_scan_packed(
    params,
    jnp.pad(packed, ((0, rows), (0, 0))),
    jnp.full(STEPS, rows),
    row_count=rows,
    product_dtype=product_dtype,
  )[: len(packed)].reshape(STEPS, rows, HIDDEN)
  loss = softmax.fused_coherence_loss(
    states[:, :SAMPLES].reshape(-1, HIDDEN),
    output,
    targets.T.ravel(),
    product_dtype=product_dtype,
  )
  return loss + jnp.sum(states[-1] ** 2)


def own_core(problem, product_dtype=None):
  """A run of the loss and its gradients of weights and inputs."""

  def loss(params, output, xs, targets):
    return core_loss(params, output, xs, targets, product_dtype=product_dtype)

  step = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))
  return lambda: jax.block_until_ready(step(*problem))


def torch_core(problem):
  """The same in PyTorch."""
  import torch

  from benchmarks import torch_peer

  params, output, xs, targets = problem
  unit = torch_peer.PaperGRU(HIDDEN, HIDDEN)
  unit.load(*(np.asarray(x) for x in params[:2]))
  output, xs = (
    torch.tensor(np.asarray(x), requires_grad=True) for x in (output, xs)
  )
  targets = torch.tensor(np.asarray(targets), dtype=torch.int64).reshape(-1)
  arrays = [*unit.parameters(), output, xs]

  def run():
    states = unit(xs)
    anchors = states[:SAMPLES].reshape(-1, HIDDEN)
    loss = torch_peer.coherence_loss(anchors, output, targets)
    loss = loss + states[:, -1].square().sum()
    return loss.detach(), torch.autograd.grad(loss, arrays)

  return run


def check_core(own, peer) -> None:
  """Stops unless both make the same loss and the same gradient of inputs."""
  (value, grads), (torch_value, torch_grads) = own(), peer()
  np.testing.assert_allclose(value, torch_value, rtol=1e-5)
  grad = torch_grads[-1].numpy()
  atol = 1e-4 * np.abs(grad).max()
  np.testing.assert_allclose(grads[2], grad, rtol=1e-3, atol=atol)


def measure_core(rounds: int) -> dict[str, float]:
  """GRU and softmax, own in float32 and bfloat16 against torch, alternately."""
  problem_ = core_problem()
  own, peer = own_core(problem_), torch_core(problem_)
  check_core(own, peer)
  runs = {
    **machine.peak_products(),
    'own': own,
    'torch': peer,
    'bfloat16': own_core(problem_, jnp.bfloat16),
  }
  secs = machine.time_alternately(runs, rounds)
  peak = machine.peak_flops(secs)
  flops = sum(core_flops().values())
  return {
    'core_peak_gflops': peak / 1e9,
    'core_positions_per_sec': SAMPLES * STEPS / np.median(secs['own']),
    'core_ms': 1e3 * np.median(secs['own']),
    'torch_core_ms': 1e3 * np.median(secs['torch']),
    'core_fraction_of_peak': flops / np.median(secs['own']) / peak,
    'ratio_vs_torch_core': machine.ratio(secs, 'torch', 'own'),
    'ratio_bfloat16_core': machine.ratio(secs, 'own', 'bfloat16'),
  }


def own_step(data, features, batch, product_dtype=None):
  """A run of the full step that goes on from its own last state."""
  network, optimizer = problem.network(), problem.optimizer()
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
    state, metrics = step(state, features, batch)
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


def measure_step(rounds: int, *, ragged: bool) -> dict[str, float]:
  """The full step against the peak, torch and bfloat16 products."""
  data = problem.training_set(ragged=ragged)
  batch, frozen = problem.first_batch(data), problem.features()
  features = devices.replicate(catalogue.padded(frozen))
  own, peer = own_step(data, features, batch), torch_step(frozen, batch)
  check_step(own, peer)
  runs = {**machine.peak_products(), 'own': own, 'torch': peer}
  if not ragged:
    runs['bfloat16'] = own_step(data, features, batch, jnp.bfloat16)
    runs |= part_runs(features, batch)
  secs = machine.time_alternately(runs, rounds)
  peak = machine.peak_flops(secs)
  flops = problem.step_flops(data, batch)
  positions = int(batch.targets.where.sum())
  took = np.median(secs['own'])
  report = {
    'peak_gflops': peak / 1e9,
    'gflop': sum(flops.values()) / 1e9,
    'step_ms': 1e3 * took,
    'torch_step_ms': 1e3 * np.median(secs['torch']),
    'positions_per_sec': positions / took,
    'fraction_of_peak': sum(flops.values()) / took / peak,
    'ratio_vs_torch': machine.ratio(secs, 'torch', 'own'),
  }
  if ragged:
    return {f'ragged_{name}': value for name, value in report.items()}
  report['ratio_bfloat16'] = machine.ratio(secs, 'own', 'bfloat16')
  left = took
  for part in ('embedding', 'gru', 'softmax'):
    ms = np.median(secs[part])
    left -= ms
    report[f'{part}_ms'] = 1e3 * ms
    report[f'{part}_fraction_of_peak'] = flops[part] / ms / peak
  report['rest_ms'] = 1e3 * left
  return report | {'host_ms_per_batch': 1e3 * host_secs(data)}


def part_runs(features, batch) -> dict:
  """The step's three large parts alone, each with its gradients."""
  share = jax.tree.map(lambda field: jnp.asarray(field[0]), batch)
  network, sequences = problem.network(), share.sequences
  params = network.init(jax.random.key(0))
  table = jax.random.normal(
    jax.random.key(1), (len(sequences.video_ids) + 3 * SAMPLES, HIDDEN)
  )
  states = jax.random.normal(jax.random.key(2), (SAMPLES * STEPS, HIDDEN))

  def embedding(params):
    theta = network.theta.bind({'params': params})
    embedded = theta.embed(*features.take(sequences.video_ids))
    return jnp.sum(losses.unit(embedded.content))

  def scan(params, table):
    return jnp.sum(
      packed_gru.gru_scan_packed_table(
        params,
        table,
        sequences.inputs,
        sequences.step_counts,
        row_count=3 * SAMPLES,
      )[: SAMPLES * STEPS]
    )

  def cost(states, kernel):
    return softmax.fused_coherence_loss(
      states, kernel, share.targets.videos, where=share.targets.where
    )

  def timed(function, argnums, *arguments):
    run = jax.jit(jax.value_and_grad(function, argnums))
    return lambda: jax.block_until_ready(run(*arguments))

  kernels = {name: params[name] for name in ('visual_kernel', 'text_kernel')}
  rest = {name: x for name, x in params.items() if name not in kernels}
  return {
    'embedding': timed(lambda own: embedding(own | rest), 0, kernels),
    'gru': timed(scan, (0, 1), params['gru'], table),
    'softmax': timed(cost, (0, 1), states, params['output_kernel']),
  }


def host_secs(data) -> float:
  """Median time to make a batch on the host."""
  stream = batches.batches(data, problem.spec(1))
  next(stream)
  taken = []
  for _ in range(10):
    start = time.perf_counter()
    next(stream)
    taken.append(time.perf_counter() - start)
  return float(np.median(taken))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--json', type=Path, help='also writes the table here')
  parser.add_argument('--rounds', type=int, default=ROUNDS)
  arguments = parser.parse_args()
  kept = host_memory.keep_freed_memory()
  report = {**machine.describe(), 'keeps_freed_memory': kept}
  report |= measure_step(arguments.rounds, ragged=False)
  report |= measure_step(arguments.rounds, ragged=True)
  report |= measure_core(arguments.rounds)
  for name, value in report.items():
    shown = f'{value:,.3f}' if isinstance(value, float) else value
    print(f'{name:28s} {shown}')
  if arguments.json is not None:
    arguments.json.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
  main()
