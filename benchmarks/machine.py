"""The machine a benchmark ran on: what it is, how fast, and how to time it."""

import os
import platform
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

# Sides of the square products whose best median counts as the peak. Powers of
# two are slower: their rows fall into the same cache sets.
_PEAK_SIDES = (1536, 2000)


def describe() -> dict[str, object]:
  """Processor, cores, and versions, for the head of a report."""
  model = platform.processor()
  if os.path.exists('/proc/cpuinfo'):
    with open('/proc/cpuinfo') as lines:
      names = [x.split(':')[1].strip() for x in lines if 'model name' in x]
    model = names[0] if names else model
  return {
    'processor': model,
    'cores': len(os.sched_getaffinity(0)),
    'device': str(jax.devices()[0]),
    'python': platform.python_version(),
    'jax': jax.__version__,
    'load_before': os.getloadavg()[0],
  }


def peak_products() -> dict[str, Callable[[], object]]:
  """Square float32 products to time among the others, for `peak_flops`."""
  run = jax.jit(lambda a, b: a @ b)
  sides = {n: jnp.full((n, n), 0.1, jnp.float32) for n in _PEAK_SIDES}
  return {
    f'peak/{n}': (lambda a=a: jax.block_until_ready(run(a, a)))
    for n, a in sides.items()
  }


def peak_flops(secs: dict[str, np.ndarray]) -> float:
  """Float operations per second of the best of `peak_products`' medians."""
  return max(2 * n**3 / np.median(secs[f'peak/{n}']) for n in _PEAK_SIDES)


def time_alternately(
  runs: dict[str, Callable[[], object]], rounds: int
) -> dict[str, np.ndarray]:
  """Seconds of every run: each once per round, so that all see one machine.

  Args:
    runs: what to time; each blocks until it is done. Run once before, untimed.
    rounds: how often each is timed.

  Returns:
    [rounds] wall seconds per name.
  """
  for run in runs.values():
    run()
  secs = {name: [] for name in runs}
  for _ in range(rounds):
    for name, run in runs.items():
      start = time.perf_counter()
      run()
      secs[name].append(time.perf_counter() - start)
  return {name: np.array(taken) for name, taken in secs.items()}


def ratio(secs: dict[str, np.ndarray], slow: str, fast: str) -> float:
  """Median over the rounds of slow's seconds per fast's, round by round."""
  return float(np.median(secs[slow] / secs[fast]))
