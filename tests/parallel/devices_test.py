"""Sums over eight devices, and arrays on all of them."""

from saved_states import run_python


def test_sum_over_devices_is_the_sum_of_the_parts(tmp_path):
  run_python(
    """
    import jax, jax.numpy as jnp, numpy as np
    from dynrec_jax.parallel import devices
    assert devices.device_count() == 8
    rows = np.arange(48, dtype=np.float32).reshape(8, 2, 3)

    def step(weights, rows):
      part = {'sum': (rows * weights).sum(0), 'count': jnp.float32(len(rows))}
      return devices.sum_over_devices(part)

    run = devices.data_parallel(step, split=(False, True))
    got = run(np.array([1, 2, 3], np.float32), rows)
    # Column j of 16 rows: 3 * (0 + ... + 15) + 16 j, times j + 1.
    assert got['sum'].tolist() == [360, 752, 1176]
    assert got['count'] == 16
    """,
    tmp_path,
    devices=8,
  )


def test_rows_are_numbered_over_all_devices(tmp_path):
  run_python(
    """
    import numpy as np
    from dynrec_jax.parallel import devices

    def step(rows):
      right = rows == devices.row_numbers(len(rows))
      return devices.sum_over_devices(right.sum())

    run = devices.data_parallel(step, split=(True,))
    assert run(np.arange(24).reshape(8, 3)) == 24
    """,
    tmp_path,
    devices=8,
  )


def test_replicated_arrays_lie_whole_on_every_device(tmp_path):
  run_python(
    """
    import numpy as np
    from dynrec_jax.parallel import devices
    tree = {'a': np.arange(6.0, dtype=np.float32).reshape(2, 3), 'b': (7,)}
    got = devices.replicate(tree)
    for leaf, value in ((got['a'], tree['a']), (got['b'][0], 7)):
      assert leaf.is_fully_replicated
      assert len(leaf.addressable_shards) == 8
      for shard in leaf.addressable_shards:
        np.testing.assert_array_equal(shard.data, value)
    """,
    tmp_path,
    devices=8,
  )
