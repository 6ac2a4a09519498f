"""The core of the training step alone: the GRU and the softmax, and PyTorch's.

`benchmarks.train` measures it beside the full step.
"""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import machine
from benchmarks.problem import HIDDEN, SAMPLES, STEPS, VIDEOS
from dynrec_jax import gru, packed_gru, softmax


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
  problem = core_problem()
  own, peer = own_core(problem), torch_core(problem)
  check_core(own, peer)
  runs = {
    **machine.peak_products(),
    'own': own,
    'torch': peer,
    'bfloat16': own_core(problem, jnp.bfloat16),
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
