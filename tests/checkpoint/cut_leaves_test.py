"""Arrays cut over devices: saved and restored shard by shard, and verified."""

import shutil
import socket

import jax
import ml_dtypes
import numpy as np
import pytest
from saved_states import run_python, steps_in

from dynrec_jax import checkpoint
from dynrec_jax.checkpoint import cut_leaves

# What each program below has at hand; W is the array that all of them save.
PRELUDE = """
import logging, sys
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from dynrec_jax import checkpoint
from dynrec_jax.checkpoint import cut_leaves

W = np.random.default_rng(0).standard_normal((24, 40, 3)).astype(np.float32)

def sharding(spec, *shape):
  count = int(np.prod(shape))
  devices = np.array(jax.devices()[:count]).reshape(shape)
  return NamedSharding(Mesh(devices, ('a', 'b')[:len(shape)]), spec)

def like(spec, *shape):
  return jax.ShapeDtypeStruct(W.shape, W.dtype, sharding=sharding(spec, *shape))

def open_in(directory=DIRECTORY):
  return checkpoint.Checkpointer(
    directory, config={'model': 1}, must_match=['model'])
"""


def run(code, directory, *, devices=8, **settings):
  lines = [line.removeprefix('    ') for line in code.splitlines()]
  source = PRELUDE + '\n'.join(lines)
  return run_python(source, directory, devices=devices, **settings)


def checksum(array):
  return cut_leaves.checksums({'x': array})['x']


class TestChecksum:
  def test_is_the_sum_of_bits_times_weights(self):
    array = np.arange(1, 25, dtype=np.float32).reshape(2, 3, 4)
    weights = [
      cut_leaves._weights(axis, 0, n).tolist()
      for axis, n in enumerate(array.shape)
    ]
    total = 0
    for (i, j, k), bits in np.ndenumerate(array.view(np.uint32)):
      total += int(bits) * weights[0][i] * weights[1][j] * weights[2][k]
    assert checksum(array) == f'{total % 2**64:016x}'

  def test_weights_are_odd_and_all_different(self):
    weights = [cut_leaves._weights(axis, 0, 10_000) for axis in range(3)]
    assert all((w % 2 == 1).all() for w in weights)
    assert len(np.unique(np.concatenate(weights))) == 30_000
    np.testing.assert_array_equal(
      cut_leaves._weights(1, 700, 50), weights[1][700:750]
    )

  @pytest.mark.parametrize(
    'dtype', [np.bool_, np.int8, np.float16, ml_dtypes.bfloat16, np.int32]
  )
  def test_sees_every_element_and_every_swap(self, dtype):
    array = (np.arange(12).reshape(4, 3) % 2).astype(dtype)
    seen = {checksum(array)}
    for place in np.ndindex(array.shape):
      other = array.copy()
      other[place] = 1 - other[place]
      seen.add(checksum(other))
    seen.add(checksum(array[::-1]))
    seen.add(checksum(array[:, ::-1].copy() * 0))
    assert len(seen) == 1 + 12 + 2

  def test_blocks_and_memory_layout_do_not_count(self, monkeypatch):
    array = np.random.default_rng(0).standard_normal((7, 5))
    expected = checksum(array)
    assert checksum(np.asfortranarray(array)) == expected
    monkeypatch.setattr(cut_leaves, '_BLOCK', 10)
    assert checksum(array) == expected


def test_what_counts_as_cut():
  whole = jax.numpy.zeros((4, 2))
  for leaf in (whole, np.zeros(3), 0.5, None, jax.eval_shape(lambda: whole)):
    assert not cut_leaves.is_cut(leaf)


@pytest.mark.slow
def test_any_cut_restores_as_any_other_bit_for_bit(tmp_path):
  run(
    """
    saved = {
      'rows': (P('a'), 8),
      'columns': (P(None, 'a'), 8),
      'both': (P('a', 'b'), 4, 2),
      'twice': (P('a'), 2, 4),  # each shard on four devices
      'flat': (P(('b', 'a')), 2, 4),  # in another order than the devices
      'outer': (P('a', None, 'b'), 2, 3),
      'whole': (P(), 8),
    }
    state = {n: jax.device_put(W, sharding(*s)) for n, s in saved.items()}
    state['empty'] = jax.device_put(np.zeros((8, 0)), sharding(P('a'), 8))
    state['host'] = np.arange(5)
    with open_in() as c:
      c.save(1, state, {'n': 1})
      note = checkpoint.files.read_note(c._manager, 1)['leaves']
      cut = {n for n, d in note.items() if 'sum64' in d}
      assert cut == set(saved) - {'whole'}, cut
      # All cuts of one array have one checksum.
      expected = cut_leaves.checksums({'w': W})['w']
      assert {note[n]['sum64'] for n in cut} == {expected}
    wanted = [*saved.values(), (P('a'), 4), (P(None, 'a'), 4), (P('a'), 3)]
    wanted += [(P('a'), 1), (P(), 1)]
    with open_in() as c:
      for spec in wanted:
        template = {n: like(*spec) for n in saved}
        template['empty'], template['host'] = state['empty'], state['host']
        found = c.restore_latest(template)
        assert found.step == 1
        for name in saved:
          leaf = found.state[name]
          assert leaf.sharding == sharding(*spec), (name, leaf.sharding)
          np.testing.assert_array_equal(np.asarray(leaf), W)
        assert found.state['empty'].shape == (8, 0)
      template = {n: np.zeros_like(W) for n in saved} | {
        'empty': state['empty'], 'host': state['host']}
      found = c.restore_latest(template).state
      assert type(found['rows']) is np.ndarray
      np.testing.assert_array_equal(found['rows'], W)
    """,
    tmp_path,
  )


@pytest.mark.slow
def test_rows_behind_those_that_count_are_no_part_of_a_step(tmp_path):
  """Of 22 rows 8 devices hold 24, 5 hold 25, and one has them whole."""
  run(
    """
    W = W[:22]
    def padded(count):
      size = -(-22 // count) * count
      rows = np.pad(W, ((0, size - 22), (0, 0), (0, 0)))
      return jax.device_put(rows, sharding(P('a'), count))
    def open_at(directory):
      return checkpoint.Checkpointer(
        directory, config={'model': 1}, must_match=['model'], cut_rows=22)
    states = {'8': padded(8), '5': padded(5), 'whole': jnp.asarray(W)}
    notes = {}
    for name, saved in states.items():
      with open_at(f'{DIRECTORY}/{name}') as c:
        c.save(1, {'w': saved}, {})
        notes[name] = checkpoint.files.read_note(c._manager, 1)['leaves']['w']
        for like in states.values():
          found = c.restore_latest({'w': like}).state['w']
          assert found.sharding == like.sharding
          np.testing.assert_array_equal(np.asarray(found), np.asarray(like))
        host = c.restore_latest({'w': np.zeros_like(W)}).state['w']
        np.testing.assert_array_equal(host, W)
        try:
          c.restore_latest({'w': jnp.zeros((23, 40, 3))})
        except ValueError as error:
          assert 'saved float32[22,40,3], this run needs float32[23' in str(
            error), error
        else:
          raise AssertionError('other rows')
    assert notes['8'] == notes['5'] and notes['8']['shape'] == [22, 40, 3]
    """,
    tmp_path,
  )


@pytest.mark.slow
def test_other_numbers_of_devices_and_inference(tmp_path):
  run(
    """
    with open_in() as c:
      params = {'w': jax.device_put(W, sharding(P('a'), 8))}
      c.save(1, {'params': params}, {}, score=0.5)
    """,
    tmp_path,
  )
  run(
    """
    assert jax.device_count() == 4
    template = {'w': like(P('a'), 4)}
    for found in (
        checkpoint.load_for_inference(DIRECTORY),
        checkpoint.load_for_inference(DIRECTORY, template)):
      np.testing.assert_array_equal(np.asarray(found.state['w']), W)
    assert found.state['w'].sharding == template['w'].sharding
    with open_in() as c:
      state = c.restore_latest({'params': template}).state
      c.save(2, state, {}, score=0.6)
    """,
    tmp_path,
    devices=4,
  )
  found = checkpoint.load_for_inference(tmp_path)
  assert found.step == 2
  whole = {'params': {'w': jax.numpy.asarray(found.state['w'])}}
  with checkpoint.Checkpointer(
    tmp_path, config={'model': 1}, must_match=['model']
  ) as checkpointer:
    restored = checkpointer.restore_latest(whole).state  # on one device
    np.testing.assert_array_equal(restored['params']['w'], found.state['w'])
    checkpointer.save(3, restored, {}, score=0.7)
  run(
    """
    with open_in() as c:
      found = c.restore_latest({'params': {'w': like(P('a'), 8)}})
      assert found.step == 3
      leaf = found.state['params']['w']
      assert len(leaf.sharding.device_set) == 8
      np.testing.assert_array_equal(np.asarray(leaf), W)
    """,
    tmp_path,
  )


@pytest.mark.slow
def test_buffers_may_be_donated_and_nothing_is_gathered(tmp_path):
  run(
    """
    cut = sharding(P('a'), 8)
    def gathered(array):  # JAX keeps the whole that it made for the host
      return getattr(array, '_npy_value', None) is not None
    sizes, sum_of_part = [], cut_leaves._sum_of_part
    def watched(part, start):
      sizes.append(part.nbytes)
      return sum_of_part(part, start)
    cut_leaves._sum_of_part = watched
    def fresh():
      return jnp.arange(16_000_000, dtype=jnp.float32).reshape(16_000, 1000)
    step = jax.jit(lambda x: x * 0.5 - 1, donate_argnums=0)
    state = {'w': jax.jit(fresh, out_shardings=cut)()}
    with open_in() as c:
      c.save(1, state, {})
      assert sizes == [state['w'].nbytes / 8] * 8
      assert not gathered(state['w'])
      for _ in range(5):
        state = {'w': step(state['w'])}
      state['w'].block_until_ready()
    with open_in() as c:
      template = jax.ShapeDtypeStruct(
        (16_000, 1000), jnp.float32, sharding=cut)
      found = c.restore_latest({'w': template}).state['w']
      assert sizes == [found.nbytes / 8] * 16
      assert not gathered(found)
      np.testing.assert_array_equal(np.asarray(found), np.asarray(fresh()))
      assert gathered(found)
    """,
    tmp_path,
  )


@pytest.mark.slow
def test_a_flipped_byte_in_a_shard_is_found(tmp_path):
  """Read in shards or whole: the run goes one step back."""
  run(
    """
    for name in ('shards', 'whole'):
      with open_in(f'{DIRECTORY}/{name}') as c:
        for step in (1, 2):
          c.save(step, {'w': jax.device_put(W * step, sharding(P('a'), 8))}, {})
    """,
    tmp_path,
  )
  for name in ('shards', 'whole'):
    state = tmp_path / name / '2' / 'state'
    files = [p for p in state.rglob('*') if p.is_file()]
    path = max(files, key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(bytes(content))
  output = run(
    """
    logging.basicConfig(level='WARNING')
    for name, spec in (('shards', P('a')), ('whole', P())):
      with open_in(f'{DIRECTORY}/{name}') as c:
        found = c.restore_latest({'w': like(spec, 8)})
        assert found.step == 1
        np.testing.assert_array_equal(np.asarray(found.state['w']), W)
    """,
    tmp_path,
  )
  for name in ('shards', 'whole'):
    place = f'step 2 in {tmp_path}/{name}'
    assert f'skipping a damaged checkpoint: {place}' in output


@pytest.mark.slow
def test_orbax_alone_misses_a_shard_that_we_find(tmp_path):
  """The files of another state, whole in themselves."""
  run(
    """
    for name, value in (('ours', W), ('other', np.where(W > 2.9, 0, W))):
      with open_in(f'{DIRECTORY}/{name}') as c:
        c.save(1, {'w': jax.device_put(value, sharding(P('a'), 8))}, {})
    """,
    tmp_path,
  )
  ours = tmp_path / 'ours' / '1' / 'state'
  shutil.rmtree(ours)
  shutil.copytree(tmp_path / 'other' / '1' / 'state', ours)
  run(
    """
    for spec in (P('a'), P(None, 'a'), P()):
      with open_in(DIRECTORY + '/ours') as c:
        try:
          c.restore_latest({'w': like(spec, 8)})
        except ValueError as error:
          assert 'not the bytes that were saved in w' in str(error), error
        else:
          raise AssertionError(f'not found by {spec}')
    """,
    tmp_path,
  )


@pytest.mark.slow
def test_two_processes_save_their_shards(tmp_path):
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
  code = """
    jax.distributed.initialize('127.0.0.1:PORT', 2, INDEX)
    assert (jax.local_device_count(), jax.device_count()) == (2, 4)
    def global_array(value, spec):
      return jax.make_array_from_callback(
        value.shape, sharding(spec, 4), lambda index: value[index])
    with open_in() as c:
      for step in (1, 2):
        state = {
          'rows': global_array(W * step, P('a')),
          'columns': global_array(W * step, P(None, 'a')),
          'whole': global_array(W * step, P()),
          'own': jnp.asarray(W * step)}
        c.save(step, state, {})
    if INDEX == 0:
      import pathlib
      files = (pathlib.Path(DIRECTORY) / '2' / 'state').rglob('*')
      path = max((p for p in files if p.is_file()),
                 key=lambda p: p.stat().st_size)
      content = bytearray(path.read_bytes())
      content[len(content) // 2] ^= 0x55
      path.write_bytes(bytes(content))
    from dynrec_jax.parallel import hosts
    hosts.wait_for_all('flipped')
    with open_in() as c:
      found = c.restore_latest(state)
      assert found.step == 1
      for name, leaf in found.state.items():
        assert leaf.sharding == state[name].sharding
        for shard in leaf.addressable_shards:
          np.testing.assert_array_equal(shard.data, W[shard.index])
    """.replace('PORT', str(port))
  processes = [
    run(code.replace('INDEX', str(i)), tmp_path, devices=2, wait=False)
    for i in range(2)
  ]
  for process in processes:
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
  assert steps_in(tmp_path) == [1]
  run(
    """
    with open_in() as c:
      names = ('rows', 'columns', 'whole', 'own')
      state = c.restore_latest({n: like(P('a'), 8) for n in names}).state
      for leaf in state.values():
        np.testing.assert_array_equal(np.asarray(leaf), W)
    """,
    tmp_path,
  )
