"""What a catalogue cut over devices must do, on however many there are.

Each check is run in processes of their own, as the number of devices is chosen
before JAX starts: `python -c` of `run_checks`.
"""

import functools
import os
import pathlib
import re
import socket
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
from saved_states import run_python

from dynrec_jax import decode, gru, softmax
from dynrec_jax.models import recurrence
from dynrec_jax.models.network import OF_VIDEOS, DecodeTables
from dynrec_jax.parallel import catalogue, devices
from dynrec_jax.parallel.cut_softmax import cut_coherence_loss

P, H = 5, 4  # positions of each device, units


def cut_over_all(video_count):
  return catalogue.over_all_devices(video_count, OF_VIDEOS)


def stacked(array):
  """This process's part of what is stacked over all devices."""
  own = array.shape[0] // jax.process_count()
  return array[jax.process_index() * own :][:own]


def assert_parts(found, want, **tolerance):
  """A cut array against the whole one; behind its rows stand zeros."""
  extra = found.shape[0] - want.shape[0]
  want = np.pad(want, [(0, extra)] + [(0, 0)] * (want.ndim - 1))
  for shard in found.addressable_shards:
    np.testing.assert_allclose(shard.data, want[shard.index], **tolerance)
    behind = np.arange(found.shape[0])[shard.index[0]] >= len(want) - extra
    assert not np.asarray(shard.data)[behind].any()


def problem(video_count, *, seed=0):
  """T_p, bias, and every device's states, targets, weights and counts."""
  rng = np.random.default_rng(seed)
  n = jax.device_count()
  weights = {
    'output_kernel': rng.normal(size=(video_count, H)).astype(np.float32),
    'output_bias': rng.normal(size=video_count).astype(np.float32),
  }
  rows = (
    rng.normal(size=(n, P, H)).astype(np.float32) * 3,
    rng.integers(video_count, size=(n, P)).astype(np.int32),
    rng.uniform(0.5, 2, size=(n, P)).astype(np.float32),
    np.arange(P) < rng.integers(0, P + 1, size=(n, 1)),  # some have none
  )
  rows[-1][0, :2] = True
  return weights, rows


def by_hand(weights, rows, factor):
  """The loss and its gradients, row by row in float64."""
  kernel = weights['output_kernel'].astype(np.float64)
  bias = weights['output_bias'].astype(np.float64)
  states, targets, mass, where = rows
  loss, d_kernel, d_bias = 0.0, np.zeros_like(kernel), np.zeros_like(bias)
  d_states = np.zeros(states.shape)
  for place in zip(*np.nonzero(where), strict=True):
    h, target = states[place].astype(np.float64), targets[place]
    logits = kernel @ h + bias
    exps = np.exp(logits - logits.max())
    p = exps / exps.sum()
    w = factor * mass[place]
    loss -= w * np.log(p[target])
    p[target] -= 1
    d_states[place] = w * kernel.T @ p
    d_kernel += w * np.outer(p, h)
    d_bias += w * p
  return loss, d_states, {'output_kernel': d_kernel, 'output_bias': d_bias}


def check_loss(video_count, *, chunk_size=512, bias=True, whole=True):
  """Loss and gradients against a loop, and against the whole softmax."""
  factor = 1.7
  weights, rows = problem(video_count)
  cut = cut_over_all(video_count)
  if not bias:
    weights['output_bias'] *= 0

  def step(weights, states, targets, mass, where):
    def loss(weights, states):
      return factor * cut_coherence_loss(
        states,
        weights['output_kernel'],
        targets,
        video_count=video_count,
        where=where,
        weights=mass,
        output_bias=weights['output_bias'] if bias else None,
        chunk_size=chunk_size,
      )

    alone = loss(weights, states)
    value, grads = jax.value_and_grad(loss, (0, 1))(weights, states)
    values = devices.sum_over_devices((alone, value))
    return values, devices.all_rows(grads[1]), grads[0]

  run = catalogue.data_parallel(
    step,
    cut,
    split=(False, True, True, True, True),
    results=lambda weights, *_: (0, 0, weights),
  )
  junk = rows[0].copy()
  junk[~rows[-1]] = 1e6  # rows that do not count may hold anything
  got = run(cut.place(weights), *map(stacked, (junk, *rows[1:])))
  loss, d_states, d_weights = by_hand(weights, rows, factor)
  np.testing.assert_allclose(got[0], [loss, loss], rtol=1e-5)
  close = {'rtol': 1e-5, 'atol': 1e-5}
  flat = d_states.reshape(-1, H)
  np.testing.assert_allclose(got[1], flat, **close)
  assert_parts(got[2]['output_kernel'], d_weights['output_kernel'], **close)
  if bias:
    assert_parts(got[2]['output_bias'], d_weights['output_bias'], **close)
  if whole:
    _check_whole(weights, rows, got, close, factor, bias)


def _check_whole(weights, rows, got, close, factor, bias):
  """The same against the softmax of level 0."""
  states, targets, mass, where = (np.concatenate(x) for x in rows)

  def loss(weights, states):
    return factor * softmax.fused_coherence_loss(
      states,
      weights['output_kernel'],
      targets,
      where=where,
      weights=mass,
      output_bias=weights['output_bias'] if bias else None,
    )

  value, grads = jax.value_and_grad(loss, (0, 1))(weights, states)
  np.testing.assert_allclose(got[0][1], value, rtol=1e-5)
  np.testing.assert_allclose(got[1], grads[1], **close)
  for name in ('output_kernel', 'output_bias'):
    assert_parts(got[2][name], np.asarray(grads[0][name]), **close)


def check_rows(video_count):
  """Rows of any video, to the bit, each device its own or all the same."""
  rng = np.random.default_rng(1)
  n = jax.device_count()
  columns = {
    'visual': rng.normal(size=(video_count, 3)).astype(np.float16),
    'text': rng.normal(size=(video_count, 2)).astype(np.float32),
    'has_text': rng.uniform(size=video_count) < 0.5,
  }
  ids = rng.integers(video_count, size=(n, 6)).astype(np.int32)
  ids[:, 0] = video_count - 1
  cut = cut_over_all(video_count)

  def step(columns, ids, shared):
    own = cut.readable(columns, alike=False)
    same = cut.readable(columns, alike=True)
    got = {name: own[name][ids] for name in columns}
    return (
      jax.tree.map(devices.all_rows, got),
      {name: same[name][shared] for name in columns},
    )

  run = catalogue.data_parallel(step, cut, split=(False, True, False))
  placed = cut.place(columns)
  got, same = run(placed, stacked(ids), ids[0].reshape(2, 3))
  for name, column in columns.items():
    assert got[name].dtype == column.dtype
    np.testing.assert_array_equal(got[name], column[ids.ravel()])
    np.testing.assert_array_equal(same[name], column[ids[0].reshape(2, 3)])
    assert_parts(placed[name], column)
    held = placed[name].addressable_shards[0].data
    assert len(held) == -(-video_count // n)
  held = catalogue.bytes_per_device(placed)
  assert held == cut.rows_per_device * (3 * 2 + 2 * 4 + 1)


def whole_numbers(video_count):
  """Tables whose scores are whole numbers, with many ties over all devices."""
  rng = np.random.default_rng(2)

  def draw(*size):
    return jnp.asarray(rng.integers(-1, 2, size=size), jnp.float32)

  params = gru.GRUParams(draw(3, 3 * H) / 2, draw(H, 3 * H) / 2, None)
  tables = DecodeTables(
    recurrence.Recurrence(params, draw(video_count, 3), None),
    draw(video_count, H),
    draw(video_count),
  )
  return tables, draw(6, H)


KINDS = {
  'topk_first': decode.topk_first,
  'greedy': functools.partial(
    decode.greedy_decode, read_video=recurrence.read_video
  ),
  'repeats': functools.partial(
    decode.greedy_decode,
    read_video=recurrence.read_video,
    mask_generated=False,
  ),
}


def check_lists(video_count, k, chunk_size=None, kinds=tuple(KINDS)):
  """Lists, ties and masks, against the whole catalogue."""
  tables, state = whole_numbers(video_count)
  rng = np.random.default_rng(3)
  known = rng.integers(-1, video_count + 2, size=(6, 4)).astype(np.int32)
  where = rng.uniform(size=known.shape) < 0.7
  known[-1], where[-1] = 0, False
  cut = cut_over_all(video_count)
  settings = {'k': k, 'chunk_size': chunk_size}
  for name in kinds:
    make = KINDS[name]

    def lists(tables, state, known, where, make=make):
      rows = cut.readable(tables, alike=True).recurrence
      own = tables._replace(recurrence=rows)
      return make(own, state, known, known_where=where, cut=cut, **settings)

    run = catalogue.data_parallel(lists, cut, split=(False,) * 4)
    ids, log_p = run(cut.place(tables), np.asarray(state), known, where)
    want = make(tables, state, known, known_where=where, k=k)
    np.testing.assert_array_equal(ids, want[0], err_msg=name)
    np.testing.assert_allclose(log_p, want[1], rtol=1e-5, atol=1e-5)
    if name == 'topk_first':
      np.testing.assert_array_equal(
        ids, _ranked(tables, state, known, where, k)
      )


def _ranked(tables, state, known, where, k):
  """The k best of each row, ties to the lower id, by sorting."""
  logits = np.asarray(state @ tables.output_kernel.T + tables.output_bias)
  rows = []
  for row, ids, counts in zip(logits, known, where, strict=True):
    order = sorted(range(len(row)), key=lambda v: (-row[v], v))
    left = [v for v in order if v not in set(ids[counts].tolist())]
    rows.append((left + [-1] * k)[:k])
  return rows


def check_norm(video_count):
  """Gradients that are summed, and their length."""
  rng = np.random.default_rng(4)
  n = jax.device_count()
  whole = {'output_kernel': rng.normal(size=(video_count, 2))}
  whole = {'output_kernel': whole['output_kernel'].astype(np.float32)}
  parts = rng.normal(size=(n, 3)).astype(np.float32)
  cut = cut_over_all(video_count)

  def step(whole, parts):
    grads = catalogue.sum_gradients({**whole, 'gru': parts}, cut)
    return grads['gru'], catalogue.norm(grads, cut)

  run = catalogue.data_parallel(step, cut, split=(False, True))
  summed, length = run(cut.place(whole), stacked(parts))
  np.testing.assert_allclose(summed, parts.sum(0), rtol=1e-5)
  want = np.sum(whole['output_kernel'] ** 2) + np.sum(parts.sum(0) ** 2)
  np.testing.assert_allclose(length, np.sqrt(want), rtol=1e-5)


def check_nothing_is_whole(video_count=4001):
  """No device makes an array of V of anything, nor of the logits of all."""
  cut = cut_over_all(video_count)
  weights, rows = problem(video_count)
  tables, state = whole_numbers(video_count)

  def loss(weights, states, targets):
    def own(weights, states):
      kernel, bias = weights['output_kernel'], weights['output_bias']
      return cut_coherence_loss(
        states, kernel, targets, video_count=video_count, output_bias=bias
      )

    return jax.grad(own, (0, 1))(weights, states)[0]

  def lists(tables, state, known):
    rows = cut.readable(tables, alike=True).recurrence
    own = tables._replace(recurrence=rows)
    return KINDS['greedy'](own, state, known, k=3, cut=cut)

  programs, jit = [], jax.jit
  jax.jit = lambda *args, **settings: (
    programs.append(jit(*args, **settings)) or programs[-1]
  )
  try:
    catalogue.data_parallel(
      loss, cut, split=(False, True, True), results=lambda weights, *_: weights
    )
    catalogue.data_parallel(lists, cut, split=(False,) * 3)
  finally:
    jax.jit = jit
  known = np.zeros((6, 2), np.int32)
  for program, args in zip(
    programs,
    ((cut.place(weights), *rows[:2]), (cut.place(tables), state, known)),
    strict=True,
  ):
    text = program.lower(*args).compile().as_text()
    sizes = re.findall(r'\w\d+\[([\d,]+)\]', text)
    most = max(int(x) for size in sizes for x in size.split(','))
    assert most == cut.rows_per_device, most


def run_checks(*, more=False):
  """Numbers of videos that devices divide or do not; more of them if asked."""
  n = jax.device_count()
  check_loss(23, chunk_size=3 * n)
  check_rows(23)
  check_norm(23)
  check_lists(23, 5, chunk_size=2, kinds=('topk_first', 'greedy'))
  if not more:
    return
  check_loss(n + 1, bias=False, chunk_size=1)  # some devices have no video
  check_rows(n + 1)
  check_lists(9, 9, kinds=('topk_first', 'greedy'))  # more than are left
  check_lists(4 * n, 3, kinds=('repeats',))
  check_nothing_is_whole()


def on_devices(code, directory, *, devices, processes=1):
  """Runs code in processes that share devices, each with as many."""
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
  here = str(pathlib.Path(__file__).parent)
  running = []
  for index in range(processes):
    start = f'import sys\nsys.path.insert(0, {here!r})\nimport jax\n'
    start += "jax.config.update('jax_disable_most_optimizations', True)\n"
    if processes > 1:
      start += f"""
import faulthandler
faulthandler.dump_traceback_later(500, exit=True)
jax.distributed.initialize('127.0.0.1:{port}', {processes}, {index})
assert jax.device_count() == {processes * devices}
"""
    running.append(
      run_python(start + code, directory, devices=devices, wait=False)
    )
  for process in running:
    try:
      output, _ = process.communicate(timeout=600)
    except subprocess.TimeoutExpired:
      for other in running:
        os.kill(other.pid, 9)
      raise
    assert process.returncode == 0, output
