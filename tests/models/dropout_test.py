"""Masks by row: the same on one device and on two."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from saved_states import run_python

from dynrec_jax.models import dropout
from dynrec_jax.parallel import devices


def on_one_device(run, *arguments):
  """Inside of a step, which has something to split."""
  step = devices.data_parallel(
    lambda _, *rest: run(*rest), split=[True] + [False] * len(arguments)
  )
  return step(np.zeros((1, 1)), *arguments)


def mask(seed, shape=(400, 50), rate=0.3):
  run = lambda key: dropout.keep_mask(key, shape, rate=rate)  # noqa: E731
  return np.asarray(on_one_device(run, jax.random.key(seed)))


def test_the_share_that_stays():
  found = mask(0)
  # 20,000 draws: 5 standard deviations.
  assert abs(found.mean() - 0.7) < 5 * np.sqrt(0.3 * 0.7 / found.size)
  assert abs(found.mean(axis=0) - 0.7).max() < 0.15
  assert not np.array_equal(found[0], found[1])
  assert not np.array_equal(found, mask(1))
  np.testing.assert_array_equal(found, mask(0))


def test_a_row_s_mask_does_not_depend_on_how_many_there_are():
  np.testing.assert_array_equal(mask(0, (7, 50)), mask(0)[:7])


def test_the_expectation_is_kept():
  x = jnp.arange(1.0, 21.0).reshape(4, 5)
  run = lambda key, x: dropout.dropout(key, x, rate=0.25)  # noqa: E731
  found = np.asarray(on_one_device(run, jax.random.key(3), x))
  kept = found != 0
  assert 0 < kept.sum() < x.size
  np.testing.assert_allclose(found[kept], np.asarray(x)[kept] / 0.75, rtol=1e-6)


def test_nothing_is_dropped_without_a_key_or_a_rate():
  x = jnp.ones((2, 3))
  assert dropout.dropout(None, x, rate=0.5) is x
  assert dropout.dropout(jax.random.key(0), x, rate=0.0) is x


@pytest.mark.parametrize('rate', [-0.1, 1.0])
def test_a_rate_out_of_range(rate):
  with pytest.raises(ValueError, match=f'rate is {rate}, must be in'):
    mask(0, (2, 3), rate)


def test_two_devices_draw_what_one_does(tmp_path):
  np.save(tmp_path / 'one.npy', mask(5, (6, 4)))
  run_python(
    f"""
    import jax, numpy as np
    from dynrec_jax.models import dropout
    from dynrec_jax.parallel import devices
    assert devices.device_count() == 2

    def step(key, rows):
      own = dropout.keep_mask(key, rows.shape, rate=0.3)
      # Each device's rows in their place, so that a sum puts them together.
      numbers = devices.row_numbers(len(rows))
      whole = jax.numpy.zeros((6, 4)).at[numbers].set(own)
      return devices.sum_over_devices(whole)

    run = devices.data_parallel(step, split=(False, True))
    got = run(jax.random.key(5), np.zeros((2, 3, 4)))
    want = np.load({str(tmp_path / 'one.npy')!r})
    np.testing.assert_array_equal(np.asarray(got, bool), want)
    assert not np.array_equal(want[:3], want[3:])
    """,
    tmp_path,
    devices=2,
  )


IDS = np.array([5, 901, 0, 33, 2_000_000], np.int32)


def kept_videos(seed, ids=IDS, rows=4000, rate=0.3):
  run = lambda key: dropout.keep_videos(  # noqa: E731
    key, rows, jnp.asarray(ids), rate=rate
  )
  return np.asarray(on_one_device(run, jax.random.key(seed)))


def test_the_share_of_videos_that_stays():
  found = kept_videos(0)
  spread = np.sqrt(0.3 * 0.7 / len(found))
  assert abs(found.mean(axis=0) - 0.7).max() < 5 * spread
  # Each on its own: of two columns the share that both keep.
  both = (found[:, :, None] & found[:, None, :]).mean(axis=0)
  apart = both[~np.eye(len(IDS), dtype=bool)]
  assert abs(apart - 0.49).max() < 5 * np.sqrt(0.49 * 0.51 / len(found))
  # And of two rows, over many videos.
  wide = kept_videos(0, np.arange(20_000), rows=2)
  assert abs((wide[0] & wide[1]).mean() - 0.49) < 0.02
  assert not np.array_equal(found, kept_videos(1))


def test_a_video_s_fate_does_not_depend_on_the_table():
  found = kept_videos(2)
  order = [3, 0]
  np.testing.assert_array_equal(
    kept_videos(2, IDS[order], rows=9), found[:9, order]
  )


def test_videos_at_rate_0_all_stay_and_a_rate_of_1_is_refused():
  assert kept_videos(0, rate=0.0).all()
  with pytest.raises(ValueError, match=r'rate is 1\.0, must be in'):
    kept_videos(0, rate=1.0)


def test_bags_lose_videos_wherever_their_table_has_them():
  """The others count for more, so that a bag is what it was in the mean."""
  count = 40
  bags = np.random.default_rng(0).uniform(1, 2, (6, count)).astype(np.float32)
  ids = np.random.default_rng(1).permutation(count)

  def kept(bags, ids):
    step = devices.data_parallel(
      lambda bags, ids, key: dropout.drop_videos(key, bags, ids, rate=0.4),
      split=(True, False, False),
    )
    return np.asarray(step(bags[None], ids, jax.random.key(4)))

  whole = kept(bags, np.arange(count))
  np.testing.assert_array_equal(kept(bags[:, ids], ids), whole[:, ids])
  some = ids[:9]
  np.testing.assert_array_equal(kept(bags[:, some], some), whole[:, some])
  stays = whole != 0
  np.testing.assert_allclose(whole[stays], bags[stays] / 0.6, rtol=1e-6)
  assert 0.5 < stays.mean() < 0.7
  assert len({tuple(row) for row in stays}) == 6
  same = dropout.drop_videos(
    jax.random.key(4), jnp.asarray(bags), jnp.arange(count), rate=0.0
  )
  np.testing.assert_array_equal(same, bags)
