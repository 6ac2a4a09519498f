"""States to save, and runs that save them, for the tests of checkpoints."""

import os
import pathlib
import subprocess
import sys
import textwrap
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dynrec_jax import checkpoint

CONFIG = {
  'model': {'hidden': 4, 'gates': (1, 2), 'gru': {'bias': False}},
  'loss': {'margin': 0.5},
  'train': {'total_steps': 10},
}


class Weights(NamedTuple):
  kernel: Any
  bias: Any


class State(NamedTuple):
  params: Any
  optimizer: Any
  step: Any


def make_state(seed=0, width=3):
  rng = np.random.default_rng(seed)
  kernel = rng.standard_normal((2, width)).astype(np.float32)
  return State(
    params={
      'gru': Weights(jnp.asarray(kernel), jnp.arange(5, dtype=jnp.bfloat16)),
      'topic': jnp.asarray(rng.standard_normal((4, 1)), jnp.float32),
    },
    optimizer=(
      {'mean': jnp.asarray(kernel * 2)},
      (),
      jnp.zeros((0, 7), jnp.float32),
      jnp.array([True, False, True]),
    ),
    step=jnp.asarray(seed, jnp.int32),
  )


def make_template(width=3):
  return jax.eval_shape(lambda: make_state(width=width))


def open_in(directory, config=None, **settings):
  return checkpoint.Checkpointer(
    directory,
    config=config or CONFIG,
    must_match=('model', 'loss.margin'),
    **settings,
  )


def save_run(directory, scores, **settings):
  """Saves steps 1, 2, ... with these scores, each state made from its step."""
  with open_in(directory, **settings) as checkpointer:
    for step, score in enumerate(scores, start=1):
      position = {'epoch': step, 'batch': 0}
      checkpointer.save(step, make_state(step), position, score=score)


def steps_in(directory):
  return sorted(int(d) for d in os.listdir(directory) if d.isdigit())


def assert_same(found, expected):
  assert jax.tree.structure(found) == jax.tree.structure(expected)
  pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
  for a, b in pairs:
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def snapshot(directory):
  return {
    str(p): p.read_bytes() if p.is_file() else None
    for p in sorted(pathlib.Path(directory).rglob('*'))
  }


def run_python(code, directory, *, devices=1, wait=True):
  """Runs code in a process of its own, with DIRECTORY and fake devices."""
  root = pathlib.Path(__file__).parents[1]
  flags = os.environ.get('XLA_FLAGS', '')
  environment = {
    **os.environ,
    'PYTHONPATH': str(root),
    'JAX_PLATFORMS': 'cpu',
    'NPROC': '8',  # threads enough for as many devices, whatever the machine
    'XLA_FLAGS': f'{flags} --xla_force_host_platform_device_count={devices}',
  }
  source = f'DIRECTORY = {str(directory)!r}\n' + textwrap.dedent(code)
  process = subprocess.Popen(
    [sys.executable, '-c', source],
    env=environment,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )
  if not wait:
    return process
  output, _ = process.communicate(timeout=120)
  assert process.returncode == 0, f'exit {process.returncode}: {output}'
  return output
