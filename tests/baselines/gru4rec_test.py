"""GRU4Rec: its states by loops, and that it learns what follows what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import gru4rec, next_video
from dynrec_jax.baselines.gru4rec import Gru4Rec, Settings

pytestmark = [pytest.mark.usefixtures('quick_compile'), pytest.mark.slow]
NETWORK = Gru4Rec(7, 6, 4, 0.0)
WORLD = small_world.make_world()
VIDEOS = len(WORLD.topics)


def random_params(network=NETWORK, seed=0):
  """Every weight random, biases among them."""
  rng = np.random.default_rng(seed)
  params = network.init(jax.random.key(0))
  return jax.tree.map(
    lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype), params
  )


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


def expected_states(params, videos):
  """Eq (5) with biases from h = 0, unit by unit, then the output matrix."""
  size = params.video.shape[1]
  table, output = (np.asarray(x, float) for x in (params.video, params.output))
  u, w, b = (np.asarray(x, float) for x in params.gru)
  h, out = np.zeros(size), []
  for video in videos:
    x = table[video]
    z, r, c, new = (np.zeros(size) for _ in range(4))
    for k in range(size):
      z[k] = sigmoid(x @ u[:, k] + h @ w[:, k] + b[k])
      at = size + k
      r[k] = sigmoid(x @ u[:, at] + h @ w[:, at] + b[at])
    for k in range(size):
      at = 2 * size + k
      c[k] = np.tanh(x @ u[:, at] + (h * r) @ w[:, at] + b[at])
      new[k] = (1 - z[k]) * h[k] + z[k] * c[k]
    h = new
    out.append(h @ output)
  return np.array(out)


def states(params, inputs, place, key=None, network=NETWORK):
  return np.asarray(
    network.states(params, jnp.asarray(inputs), jnp.asarray(place), key)
  )


def test_states_by_loops_and_two_sequences_in_a_row():
  params = random_params()
  rows = [[7, 3, 0, 3, 7, 5], [7, 6, 2, 1, 4, 1]]
  place = [[0, 1, 2, 3, 0, 1], [0, 1, 2, 3, 4, 5]]
  found = states(params, rows, place)
  want = [
    np.vstack([expected_states(params, p) for p in parts])
    for parts in ([rows[0][:4], rows[0][4:]], [rows[1]])
  ]
  np.testing.assert_allclose(found, want, atol=1e-5)


def test_what_comes_later_changes_nothing_before():
  params = random_params()
  rows, place = np.array([[7, 3, 0, 3, 1, 5]]), np.arange(6)[None]
  found = states(params, rows, place)
  rows[0, 4:] = 2
  np.testing.assert_array_equal(
    states(params, rows, place)[:, :4], found[:, :4]
  )


def test_dropout_drops_when_training_alone():
  network = NETWORK._replace(dropout=0.5)
  params, rows = random_params(), np.array([[7, 3, 0, 3, 1, 5]])
  place = np.arange(6)[None]
  np.testing.assert_array_equal(
    states(params, rows, place, network=network), states(params, rows, place)
  )
  one, same, two = (
    states(params, rows, place, jax.random.key(k), network) for k in (0, 0, 1)
  )
  np.testing.assert_array_equal(one, same)
  assert not np.array_equal(one, two)


def test_every_weight_is_learned():
  rows = next_video.Rows(
    *(np.array([x], np.int32) for x in ([7, 3, 0], [3, 0, 1], [0, 1, 2])),
    np.ones((1, 3), bool),
  )
  grads = jax.grad(next_video.loss, argnums=1)(
    NETWORK, random_params(), rows, None
  )
  for leaf in jax.tree.leaves(grads):
    assert np.abs(leaf).max() > 1e-6
  assert np.abs(grads.video[-1]).max() > 1e-6  # the start's too


def round_trips(users=30, length=9):
  """Everyone goes the same round trip, from a place of their own."""
  return small_world.table(
    [
      [
        (small_world.START + n * small_world.DAY, (7 * u + 5 * n) % VIDEOS)
        for n in range(length)
      ]
      for u in range(users)
    ]
  )


def test_it_learns_what_follows_what():
  watches = round_trips()
  seen = small_world.seen_of(watches, video_count=VIDEOS)
  recommend = gru4rec.fit(seen, Settings(16, 6, 0.0, 0.02, 30, 48))
  queries = small_world.queries_at(watches, np.arange(30), 9, WORLD.sessions)
  last = watches.item[watches.offsets[1:] - 1]
  found = recommend(queries, 1).ids[:, 0]
  np.testing.assert_array_equal(found, (last + 5) % VIDEOS)


@pytest.fixture(scope='module')
def fitted():
  seen = small_world.seen_of(WORLD.watches, video_count=VIDEOS)
  return gru4rec.fit(seen, Settings(8, 6, 0.3, 0.01, 2, 48))


def test_a_list_does_not_depend_on_who_else_asks(fitted):
  queries = small_world.queries_at(
    WORLD.watches, np.arange(25), 9, WORLD.sessions
  )
  want = fitted(queries, 6)
  for place in (0, 3, 24):
    alone = fitted(queries.take([place]), 6)
    np.testing.assert_array_equal(alone.ids[0], want.ids[place])
    np.testing.assert_array_equal(alone.scores[0], want.scores[place])
