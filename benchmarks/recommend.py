"""Users per second of 5-step greedy generation, and the memory it takes.

python -m benchmarks.recommend [--json FILE]
"""

import argparse
import functools
import json
import multiprocessing
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import machine
from dynrec_jax import decode, gru
from dynrec_jax.models import recurrence
from dynrec_jax.models.network import DecodeTables
from dynrec_jax.parallel import host_memory

HIDDEN = 300
KNOWN = 50
STEPS = 5
# (videos, users at once, rounds)
SIZES = ((6_814, 256, 15), (1_000_000, 64, 3))


def make_tables(video_count: int) -> DecodeTables:
  """Spread-out weights, made in place: random ones take memory to make."""

  def fill(rows, scale):
    index = jnp.arange(rows * HIDDEN, dtype=jnp.uint32).reshape(rows, HIDDEN)
    mixed = (index * jnp.uint32(2654435769)) ^ (index >> 7)
    return scale * (mixed.astype(jnp.float32) / 2.0**31 - 1)

  table = jax.jit(fill, static_argnums=(0, 1))
  params = gru.init_gru(jax.random.key(0), HIDDEN, HIDDEN)
  inputs = table(video_count, 1.0)
  return DecodeTables(
    recurrence.Recurrence(params, inputs, None), table(video_count, 0.5)
  )


# The network's way to read a video, as its predictor hands it in.
generate = functools.partial(
  decode.greedy_decode, read_video=recurrence.read_video
)


def make_users(user_count: int, video_count: int) -> tuple[jax.Array, ...]:
  """First states [B, H] and known videos [B, M]."""
  rng = np.random.default_rng(0)
  state = np.tanh(rng.normal(size=(user_count, HIDDEN))).astype(np.float32)
  known = rng.integers(video_count, size=(user_count, KNOWN))
  return jnp.asarray(state), jnp.asarray(known, jnp.int32)


def flops_per_user(video_count: int) -> int:
  """Of the products that cannot be left out: logits and recurrent kernels."""
  return STEPS * 2 * HIDDEN * (video_count + 3 * HIDDEN)


def torch_run(tables, state, known):
  """The peer on the same numbers (the tables are shared, not copied)."""
  import torch

  from benchmarks import torch_peer

  unit = torch_peer.PaperGRU(HIDDEN, HIDDEN)
  recurrence = tables.recurrence
  unit.load(*(np.asarray(x) for x in recurrence.params[:2]))
  arrays = [
    torch.from_dlpack(x)
    for x in (recurrence.inputs, tables.output_kernel, state)
  ]
  seen = torch.tensor(np.asarray(known), dtype=torch.int64)
  return lambda: torch_peer.greedy_decode(unit, *arrays, seen, STEPS)


def measure(video_count: int, user_count: int, rounds: int) -> dict:
  """One size: users per second, fraction of peak, against torch."""
  tables = make_tables(video_count)
  state, known = make_users(user_count, video_count)
  peer = torch_run(tables, state, known)
  fast = tables if video_count > 100_000 else recurrence.fold_inputs(tables)

  def own():
    result = generate(fast, state, known, k=STEPS)
    return jax.block_until_ready(result)

  same = np.mean(np.asarray(own()[0]) == peer()[0].numpy())
  one = (state[:1], known[:1])

  def latency():
    result = generate(fast, *one, k=STEPS)
    return jax.block_until_ready(result)

  runs = {'own': own, 'torch': peer, 'one user': latency}
  secs = machine.time_alternately({**machine.peak_products(), **runs}, rounds)
  rate = user_count / np.median(secs['own'])
  return {
    'videos': video_count,
    'users_at_once': user_count,
    'users_per_sec': rate,
    'torch_users_per_sec': user_count / np.median(secs['torch']),
    'ratio_vs_torch': machine.ratio(secs, 'torch', 'own'),
    'fraction_of_peak': rate
    * flops_per_user(video_count)
    / machine.peak_flops(secs),
    'peak_gflops': machine.peak_flops(secs) / 1e9,
    'one_user_ms': 1e3 * np.median(secs['one user']),
    'same_ids_as_torch': float(same),
    'peak_memory_gb': peak_memory_gb(video_count, user_count),
  }


def peak_memory_gb(video_count: int, user_count: int) -> float:
  """Largest resident size of a process that only recommends."""
  context = multiprocessing.get_context('spawn')
  with context.Pool(1) as pool:
    return pool.apply(_largest_resident, (video_count, user_count))


def _largest_resident(video_count, user_count):
  """Recommends once; gigabytes of this process at its largest."""
  tables = make_tables(video_count)
  state, known = make_users(user_count, video_count)
  jax.block_until_ready(generate(tables, state, known, k=STEPS))
  # Not getrusage: its maximum counts the parent's memory before the exec.
  status = Path('/proc/self/status').read_text()
  return int(re.search(r'VmHWM:\s+(\d+) kB', status)[1]) * 1024 / 1e9


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--json', type=Path, help='also writes the table here')
  path = parser.parse_args().json
  kept = host_memory.keep_freed_memory()
  rows = [measure(*size) for size in SIZES]
  for row in rows:
    print(f'{row["videos"]:,} videos')
    for name, value in row.items():
      print(f'  {name:22s} {value:,.3f}')
  report = {**machine.describe(), 'keeps_freed_memory': kept, 'sizes': rows}
  if path is not None:
    path.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
  main()
