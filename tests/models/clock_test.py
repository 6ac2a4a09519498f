"""The forecast of watches: inputs and rates by NumPy, and what it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dynrec_jax.data import video_clock
from dynrec_jax.data.video_clock import Log
from dynrec_jax.models import clock

pytestmark = pytest.mark.slow

CENTERS = np.array([-2, -0.5, 0, 1, 4], np.float32)


def test_hats_are_one_at_their_centers():
  assert_array_equal(clock.hats(jnp.asarray(CENTERS), CENTERS), np.eye(5))


def test_hats_beyond_the_centers_count_as_the_outer_ones():
  found = clock.hats(jnp.array([-1e9, -2.001, 4.001, 1e9]), CENTERS)
  assert_array_equal(found, np.eye(5)[[0, 0, 4, 4]])


@pytest.mark.parametrize('shape', [(), (7,), (3, 4)])
def test_hats_are_linear_between_and_add_up_to_one(shape):
  x = np.random.default_rng(0).uniform(-3, 5, shape).astype(np.float32)
  found = np.asarray(clock.hats(jnp.asarray(x), CENTERS))
  assert found.shape == (*shape, 5)
  assert_allclose(found.sum(axis=-1), 1, rtol=1e-6)
  want = [np.interp(x, CENTERS, corner) for corner in np.eye(5)]
  assert_allclose(found, np.stack(want, axis=-1), atol=1e-6)


V, SESSIONS, A_SESSION = 60, 12, 5
UNTIL = 8
UPLOAD = np.arange(V) / A_SESSION  # five come out in every session


def made_up_log(seed=0):
  """20 users watch what has come out within a session, and nothing else."""
  rng = np.random.default_rng(seed)
  time = np.sort(rng.uniform(0, SESSIONS, 3_000))
  newest = np.floor(time * A_SESSION)
  video = newest - rng.integers(0, A_SESSION, size=len(time))
  user = rng.integers(20, size=len(time))
  rows = (video >= 0) & (time < UNTIL)
  return Log(user[rows], video[rows].astype(np.int32), time[rows], 20, V)


@pytest.fixture(scope='module')
def world():
  """Videos at moments, the last of which is now, and windows before it."""
  log = made_up_log()
  moments = np.arange(1, UNTIL, 0.5)
  upload = UPLOAD.copy()
  upload[[3, 17]] = np.nan
  kinds = np.eye(3, dtype=np.float32)[np.arange(V) % 3]
  states = video_clock.states_at(log, np.append(moments, UNTIL), upload, kinds)
  windows = video_clock.windows_between(log, moments, UNTIL, width=1.0)
  return states, windows


@pytest.fixture(scope='module')
def forecast(world):
  return clock.fit(*world, 0, clock.Training())


def inputs_by_loop(states, row, time):
  """[V, F], video by video."""
  moment = float(states.moment[row])

  def hats(x, centers):
    return [np.interp(x, centers, corner) for corner in np.eye(len(centers))]

  rows = []
  for video in range(V):
    own = list(states.state[row, video])
    if states.has_upload[video]:
      own += hats(time - states.upload[video], clock._AGES)
      own += hats(moment - states.upload[video], clock._AGES_NOW)
      own += [0]
    else:
      own += [0] * (len(clock._AGES) + len(clock._AGES_NOW)) + [1]
    own += hats(time - moment, clock._LAGS)
    rows.append([*own, *states.categories[video]])
  return np.array(rows)


def test_inputs_equal_a_loop(world):
  states, _ = world
  assert not states.has_upload[3]
  for row, time in ((0, 1.75), (5, 3.5), (14, 10.0)):
    found = clock.inputs_of(jax.tree.map(jnp.asarray, states), row, time)
    assert_allclose(found, inputs_by_loop(states, row, time), atol=1e-5)


def rates_by_loop(forecast, states, row, time):
  """[V] log P in float64."""
  p = {k: np.asarray(x, np.float64) for k, x in forecast.params.items()}
  x = inputs_by_loop(states, row, time)
  x = (x - np.asarray(forecast.mean)) / np.asarray(forecast.scale)
  hidden = np.maximum(x @ p['first'] + p['first_bias'], 0)
  hidden = np.tanh(hidden @ p['second'] + p['second_bias'])
  scores = hidden @ p['last'] + x @ p['linear']
  return scores - np.log(np.sum(np.exp(scores)))


def test_rates_are_a_softmax_of_f(forecast, world):
  states, _ = world
  for row, time in ((2, 4.5), (14, 8.5)):
    found = clock.log_rates(forecast, states, row, np.array([time]))
    assert found.shape == (V,)
    assert_allclose(
      found, rates_by_loop(forecast, states, row, time), atol=2e-4
    )
    assert np.ptp(found) > 1


def test_others_have_rates_beside_the_softmax(forecast, world):
  """Over the sum of the first ones alone, at each time."""
  states, _ = world
  others = states._replace(
    state=states.state[:, :3] + 1,
    upload=states.upload[:3],
    has_upload=states.has_upload[::-1][:3],
    categories=states.categories[:3],
  )
  times = np.array([6.5, 8.5])
  shares = []
  for time in times:
    both = video_clock.VideoStates(
      states.moment,
      *(
        np.concatenate(pair, axis=axis)
        for axis, pair in zip(
          (1, 0, 0, 0), zip(others[1:], states[1:], strict=True), strict=True
        )
      ),
    )
    p = np.exp(rates_by_loop(forecast, both, 4, time))
    shares.append(p[:3] / p[3:].sum())
  found = clock.log_rates_beside(forecast, states, others, 4, times)
  assert_allclose(found, np.log(np.mean(shares, axis=0)), atol=5e-4)
  again = clock.log_rates_beside(forecast, states, states, 4, times)
  assert_allclose(again, clock.log_rates(forecast, states, 4, times), atol=1e-5)


def test_a_longer_stretch_is_the_mean_of_its_parts(forecast, world):
  states, _ = world
  times = [8.5, 9.5, 10.5]
  each = [
    clock.log_rates(forecast, states, 14, np.array([time])) for time in times
  ]
  found = clock.log_rates(forecast, states, 14, np.array(times))
  assert_allclose(found, np.log(np.mean(np.exp(each), axis=0)), atol=1e-5)
  assert_allclose(np.exp(found).sum(), 1, rtol=1e-5)
  assert np.abs(found - each[0]).max() > 0.1


def test_inputs_are_scaled_by_what_was_learned_from(forecast, world):
  states, windows = world
  x = np.concatenate(
    [
      inputs_by_loop(states, row, middle)
      for row, middle in zip(windows.moment, windows.middle, strict=True)
    ]
  )
  assert_allclose(forecast.mean, x.mean(axis=0), atol=1e-4)
  assert_allclose(forecast.scale, x.std(axis=0) + 1e-3, atol=2e-3)


def cost(forecast, states, windows):
  """-log P of a watch, the mean over all."""
  total = 0.0
  for row, middle, counts in zip(*windows, strict=True):
    total -= counts @ clock.log_rates(forecast, states, row, np.array([middle]))
  return total / windows.counts.sum()


def test_it_learns(forecast, world):
  assert cost(forecast, *world) < 0.75 * np.log(V)


def test_before_the_first_step_all_videos_are_alike(world):
  states, windows = world
  still = clock.Training(learning_rate=0.0)
  fresh = clock.fit(states, windows, 0, still)
  assert cost(fresh, states, windows) == pytest.approx(np.log(V), abs=1e-4)


def test_it_follows_from_the_seed(forecast, world):
  again = clock.fit(*world, 0, clock.Training())
  jax.tree.map(assert_array_equal, again, forecast)
  other = clock.fit(*world, 1, clock.Training())
  assert not np.array_equal(other.params['linear'], forecast.params['linear'])


def test_any_seed_of_a_run_serves(world):
  """Twice the largest that a config takes is above what an int32 holds."""
  largest = 2 * (2**31 - 1000) + 1
  short = clock.Training(epochs=1)
  found = clock.fit(*world, largest, short)
  other = clock.fit(*world, largest - 1, short)
  assert np.isfinite(found.params['linear']).all()
  assert not np.array_equal(other.params['linear'], found.params['linear'])


@pytest.mark.parametrize('time', [8.5, 9.5])
def test_what_comes_out_later_is_named_though_nobody_watched_it(
  time, forecast, world
):
  """Watched within a session of coming out, as all others were."""
  states, windows = world
  new = (time - 0.85 < UPLOAD) & (time - 0.15 > UPLOAD)
  assert 3 <= new.sum() <= 4
  if time > UNTIL + 1:
    assert (UPLOAD[new] > UNTIL).all()
    assert not windows.counts[:, new].any()
    assert (states.state[14, new, 7] == 1).all()
  found = clock.log_rates(forecast, states, 14, np.array([time]))
  assert found[new].min() > found[(time - 1.5 > UPLOAD)].max()
  assert found[new].min() > found[(time + 1 < UPLOAD)].max()


def test_few_windows_are_read_again_and_many_in_fewer_passes():
  order = clock._order(3, 0, clock.Training(epochs=5, batch_size=4))
  assert order.shape == (5, 4)
  assert all(set(row) == {0, 1, 2} for row in order.tolist())
  training = clock.Training(epochs=9, batch_size=4, max_steps=10)
  order = clock._order(18, 0, training)
  assert order.shape == (3 * 4, 4)  # three passes of four steps
  assert order.dtype == np.int32
  for passed in order.reshape(3, 16):
    assert len(set(passed.tolist())) == 16
  assert_array_equal(order, clock._order(18, 0, training))
  assert not np.array_equal(order, clock._order(18, 1, training))
