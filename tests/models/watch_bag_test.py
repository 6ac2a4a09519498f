"""What bags of watches add to hidden units, against loops in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dynrec_jax.data.batch import History
from dynrec_jax.models import watch_bag
from dynrec_jax.parallel import devices

V, C, H, L, B = 7, 3, 4, 5, 6
HAS_CONTENT = (True, False)
# Whose table has some of the videos, in an order of its own.
IDS = np.array([5, 0, 6, 2], np.int32)


def some_params(mean):
  rng = np.random.default_rng(0)
  shapes = {
    'input': (2, V, H),
    'content_input': (2, C, H),
    'content': (V, C),
    'mean_bag': (V,) if mean == 'all' else (V, L),
  }
  return {
    name: jnp.asarray(rng.normal(size=shape), jnp.float32)
    for name, shape in shapes.items()
  }


def some_history():
  """The last user knows nothing; the others' newest watches differ in age."""
  rng = np.random.default_rng(1)
  weights = rng.uniform(0, 1, (B, len(IDS))).astype(np.float32)
  weights[np.arange(B), np.arange(B) % len(IDS)] = 1  # the newest
  weights[-1] = 0
  newest = np.array([1, 0.5, 0.9, 0.2, 0.7, 0], np.float32)
  session = np.array([1, 5, 3, 3, 2, 4], np.int32)
  return history_of(weights, newest, session)


def history_of(weights, newest, session):
  values = dict.fromkeys(History._fields)
  values |= {'weights': weights, 'newest': newest, 'session': session}
  return History(**values)


def expected(params, history, row):
  """[2, H] of a row, one video at a time."""
  p = {name: np.asarray(x, np.float64) for name, x in params.items()}
  weights = np.asarray(history.weights[row], np.float64)
  newest = float(history.newest[row])
  watched = dict(zip(IDS.tolist(), weights * newest, strict=True))
  scale = np.sqrt(max(sum(watched.values()), 1e-9))
  means = p['mean_bag']
  if means.ndim == 2:
    means = means[:, history.session[row] - 1]
  found = np.zeros((2, H))
  for video in range(V):
    x = watched.get(video, 0.0) / scale - means[video]
    for n, has in enumerate(HAS_CONTENT):
      found[n] += x * p['input'][n, video]
      if has:
        found[n] += x * (p['content'][video] @ p['content_input'][n])
  return found


def in_step(params, history, *, rate, seed=0):
  """[2, B, H] of one device."""

  def run(_, key):
    found = watch_bag.in_step(
      params,
      jnp.asarray(IDS),
      history,
      list(jax.random.split(key, 2)),
      HAS_CONTENT,
      rate=rate,
    )
    return jnp.stack(found)

  step = devices.data_parallel(run, split=(True, False))
  return np.asarray(step(np.zeros((1, 1)), jax.random.key(seed)))


@pytest.mark.parametrize('mean', watch_bag.MEANS)
def test_serving_and_a_whole_step_equal_the_loop(mean):
  params, history = some_params(mean), some_history()
  tables = watch_bag.make_tables(params, HAS_CONTENT)
  assert tables.offset.shape == ((2 * H,) if mean == 'all' else (L, 2 * H))
  tables = tables._replace(kernel=tables.kernel[IDS])
  served = np.asarray(watch_bag.of_tables(tables, history))
  step = in_step(params, history, rate=0.0)
  for row in range(B):
    want = expected(params, history, row)
    assert_allclose(served[row].reshape(2, H), want, atol=1e-5)
    assert_allclose(step[:, row], want, atol=1e-5)


def test_a_step_thins_what_ids_say_and_not_what_contents_say():
  """Members each by themselves; the mean over steps is the whole."""
  params, history = some_params('border'), some_history()
  whole = in_step(params, history, rate=0.0)
  steps = np.stack(
    [in_step(params, history, rate=0.5, seed=seed) for seed in range(200)]
  )
  spread = steps.std(axis=0) / np.sqrt(len(steps))
  assert (np.abs(steps.mean(axis=0) - whole) < 5 * spread + 1e-5).all()
  assert (steps[:, :, :-1].std(axis=0) > 0.01).any(axis=-1).all()
  assert_allclose(
    steps[:, :, -1], np.tile(whole[:, -1], (200, 1, 1)), atol=1e-5
  )
  without = dict(params, input=0 * params['input'])
  one, other = (in_step(without, history, rate=rate) for rate in (0.0, 0.5))
  assert_array_equal(one, other)
