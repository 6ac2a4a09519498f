"""SASRec: its states by loops, who sees whom, and that it learns an order."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import next_video, sasrec
from dynrec_jax.baselines.sasrec import SasRec, Settings

pytestmark = [pytest.mark.usefixtures('quick_compile'), pytest.mark.slow]
NETWORK = SasRec(7, 6, 4, 2, 2, 0.0)
WORLD = small_world.make_world()
VIDEOS = len(WORLD.topics)


def random_params(network=NETWORK, seed=0):
  """Every weight random, shifts and biases among them."""
  rng = np.random.default_rng(seed)
  params = network.init(jax.random.key(0))
  return jax.tree.map(
    lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype), params
  )


def normed(norm, x):
  mean = sum(x) / len(x)
  variance = sum((v - mean) ** 2 for v in x) / len(x)
  unit = np.array([(v - mean) / math.sqrt(variance + 1e-6) for v in x])
  return unit * norm.scale + norm.shift


def expected_states(params, videos, heads=2):
  """One sequence in float64, position by position and head by head."""
  params = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
  size = params.video.shape[1]
  d = size // heads
  xs = [
    params.video[v] * math.sqrt(size) + params.place[i]
    for i, v in enumerate(videos)
  ]
  for block in params.blocks:
    parts = [
      normed(block.before_attention, x) @ block.query_key_value for x in xs
    ]
    q, k, v = ([p[i * size : (i + 1) * size] for p in parts] for i in range(3))
    found = []
    for i in range(len(xs)):
      joined = np.zeros(size)
      for head in range(heads):
        at = slice(head * d, (head + 1) * d)
        logits = [q[i][at] @ k[j][at] / math.sqrt(d) for j in range(i + 1)]
        weights = np.exp(logits) / np.sum(np.exp(logits))
        joined[at] = sum(w * v[j][at] for j, w in enumerate(weights))
      found.append(joined @ block.joined)
    xs = [x + y for x, y in zip(xs, found, strict=True)]
    for i, x in enumerate(xs):
      hidden = normed(block.before_dense, x) @ block.hidden + block.hidden_bias
      output = np.maximum(hidden, 0) @ block.output + block.output_bias
      xs[i] = x + output
  return np.array([normed(params.last, x) for x in xs])


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
  np.testing.assert_allclose(found, want, atol=1e-4)


def test_who_sees_whom():
  found = sasrec.visible_places(jnp.array([[0, 1, 0, 1, 0]]))
  want = [
    [1, 0, 0, 0, 0],
    [1, 1, 0, 0, 0],
    [0, 0, 1, 0, 0],
    [0, 0, 1, 1, 0],
    [0, 0, 0, 0, 1],
  ]
  np.testing.assert_array_equal(found, np.array([want], bool))


@pytest.mark.parametrize('changed', range(1, 6))
def test_what_comes_later_changes_no_state_before(changed):
  params = random_params()
  rows, place = np.array([[7, 3, 0, 3, 1, 5]]), np.arange(6)[None]
  found = states(params, rows, place)
  rows[0, changed:] = [6, 2, 6, 2, 6][changed - 1 :]
  other = states(params, rows, place)
  np.testing.assert_array_equal(other[:, :changed], found[:, :changed])
  assert np.all(np.any(other[:, changed:] != found[:, changed:], axis=-1))


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
    assert np.all(np.isfinite(leaf))
  assert np.abs(grads.video[-1]).max() > 1e-6  # the start's too


def test_padding_gives_finite_gradients_and_changes_none():
  params = random_params()
  columns = ([7, 3, 0], [3, 0, 1], [0, 1, 2])
  short = next_video.Rows(
    *(np.array([x], np.int32) for x in columns), np.ones((1, 3), bool)
  )
  long = next_video.Rows(
    *(np.array([x + [0] * 3], np.int32) for x in columns),
    np.arange(6)[None] < 3,
  )
  one, two = (
    jax.value_and_grad(next_video.loss, argnums=1)(NETWORK, params, rows, None)
    for rows in (short, long)
  )
  for a, b in zip(*map(jax.tree.leaves, (one, two)), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_layer_norm_of_equal_numbers_has_a_gradient():
  norm = sasrec.Norm(jnp.ones(3), jnp.zeros(3))
  grad = jax.grad(lambda x: jnp.sum(sasrec.layer_norm(norm, x) ** 2))
  assert np.all(np.isfinite(grad(jnp.full(3, 2.0))))


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
  recommend = sasrec.fit(seen, Settings(16, 1, 2, 6, 0.0, 0.02, 80, 48))
  queries = small_world.queries_at(watches, np.arange(30), 9, WORLD.sessions)
  last = watches.item[watches.offsets[1:] - 1]
  found = recommend(queries, 1).ids[:, 0]
  np.testing.assert_array_equal(found, (last + 5) % VIDEOS)


@pytest.fixture(scope='module')
def fitted():
  seen = small_world.seen_of(WORLD.watches, video_count=VIDEOS)
  return sasrec.fit(seen, Settings(8, 1, 2, 6, 0.3, 0.01, 2, 48))


def test_a_list_does_not_depend_on_who_else_asks(fitted):
  queries = small_world.queries_at(
    WORLD.watches, np.arange(25), 9, WORLD.sessions
  )
  want = fitted(queries, 6)
  for place in (0, 3, 24):
    alone = fitted(queries.take([place]), 6)
    np.testing.assert_array_equal(alone.ids[0], want.ids[place])
    np.testing.assert_array_equal(alone.scores[0], want.scores[place])


def test_heads_that_do_not_divide_the_size_are_refused():
  seen = small_world.seen_of(WORLD.watches, video_count=VIDEOS)
  with pytest.raises(ValueError, match='heads is 3; right: a divisor of 8'):
    sasrec.fit(seen, Settings(8, 1, 3, 6, 0.3, 0.01, 2, 48))
