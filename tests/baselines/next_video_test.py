"""Sequences in rows, the shared loop and the shared question."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import next_video
from dynrec_jax.baselines.next_video import Training
from dynrec_jax.data import histories

pytestmark = pytest.mark.usefixtures('quick_compile')
WORLD = small_world.make_world()
VIDEOS = len(WORLD.topics)


class Bigram(NamedTuple):
  """The least network: a state per input, whatever came before it."""

  video_count: int
  max_len: int

  def init(self, key):
    one, two = jax.random.split(key)
    size = self.video_count
    return {
      'state': 0.1 * jax.random.normal(one, (size + 1, size)),
      'output': 0.1 * jax.random.normal(two, (size, size)),
    }

  def states(self, params, inputs, place, key):
    del place, key
    return params['state'][inputs]

  def output_kernel(self, params):
    return params['output']


BIGRAM = Bigram(VIDEOS, 6)
TRAINING = Training(0.01, 3, 12)


def expected_windows(rows, max_len):
  """(inputs, targets) of each window, by lists; V is the start."""
  out = []
  for row in rows:
    videos = [v for _, v in row]
    inputs = [VIDEOS, *videos]
    for start in range(0, len(videos), max_len):
      end = min(start + max_len, len(videos))
      out.append((inputs[start:end], videos[start:end]))
  return out


def windows_of(rows):
  """What stands in the rows, window by window."""
  out = []
  for inputs, targets, place, where in zip(*rows, strict=True):
    starts = np.flatnonzero((place == 0) & where).tolist()
    ends = [*starts[1:], int(where.sum())]
    assert where[: ends[-1]].all()  # what holds nothing stands behind
    assert not inputs[~where].any()
    assert not place[~where].any()
    for start, end in zip(starts, ends, strict=True):
      assert place[start:end].tolist() == list(range(end - start))
      out.append((inputs[start:end].tolist(), targets[start:end].tolist()))
  return out


@pytest.mark.parametrize('max_len', [1, 4, 7, 100])
def test_rows_hold_every_window_once(max_len):
  rows = next_video.pack(WORLD.watches, VIDEOS, max_len)
  assert rows.inputs.shape[1] == max_len
  assert sorted(windows_of(rows)) == sorted(
    expected_windows(WORLD.events, max_len)
  )


def test_rows_are_as_few_as_can_be():
  lengths = [5, 4, 3, 3, 2, 2, 2, 3]  # 24 = 4 rows of 6
  events = [list(enumerate([1] * n)) for n in lengths]
  rows = next_video.pack(small_world.table(events), VIDEOS, 6)
  assert len(rows.inputs) == 5  # 5 | 4 2 | 3 3 | 3 2 | 2: best fit
  ones = small_world.table([[(0, 1)]] * 12)
  assert next_video.pack(ones, VIDEOS, 6).where.all()


def test_an_epoch_takes_every_row_once():
  rows = next_video.pack(WORLD.watches, VIDEOS, 6)
  order, count = next_video._order((0, 0), rows, 12)
  taken = order[:count].ravel()
  real = len(rows.inputs)
  assert sorted(taken[taken < real].tolist()) == list(range(real))
  assert np.all(order[count:] == real)
  other, _ = next_video._order((0, 1), rows, 12)
  assert not np.array_equal(order, other)


def test_loss_by_loops():
  rows = next_video.pack(WORLD.watches, VIDEOS, 6)
  params = BIGRAM.init(jax.random.key(1))
  state, output = (np.asarray(params[k], np.float64) for k in params)
  each = []
  for inputs, targets in expected_windows(WORLD.events, 6):
    for read, target in zip(inputs, targets, strict=True):
      logits = [float(state[read] @ output[v]) for v in range(VIDEOS)]
      each.append(np.log(np.sum(np.exp(logits))) - logits[target])
  found = next_video.loss(BIGRAM, params, rows, None)
  np.testing.assert_allclose(found, np.mean(each), rtol=1e-6)
  nothing = rows._replace(where=0 * rows.where > 0)
  assert next_video.loss(BIGRAM, params, nothing, None) == 0


def test_an_epoch_is_steps_of_adam():
  rows = next_video.pack(WORLD.watches, VIDEOS, 6)
  order, count = next_video._order((0, 0), rows, 12)
  assert count > 3
  params = BIGRAM.init(jax.random.key(1))
  want = {k: np.asarray(x, np.float64) for k, x in params.items()}
  first = {k: 0 * x for k, x in want.items()}
  second = {k: 0 * x for k, x in want.items()}
  for number in range(count):
    own = order[number][order[number] < len(rows.inputs)]
    batch = jax.tree.map(lambda x, own=own: x[own], rows)
    grads = jax.grad(lambda p, b: next_video.loss(BIGRAM, p, b, None))(
      {k: jnp.asarray(x, jnp.float32) for k, x in want.items()}, batch
    )
    for k in want:
      g = np.asarray(grads[k], np.float64)
      first[k] = 0.9 * first[k] + 0.1 * g
      second[k] = 0.999 * second[k] + 0.001 * g * g
      mean = first[k] / (1 - 0.9 ** (number + 1))
      square = second[k] / (1 - 0.999 ** (number + 1))
      want[k] = want[k] - 0.01 * mean / (np.sqrt(square) + 1e-8)
  state = next_video.Fit(params, next_video._ADAM.init(params))
  found = next_video._run_epoch(
    BIGRAM, state, rows, order, count, jax.random.key(0), 0.01
  )
  for k in want:
    np.testing.assert_allclose(found.params[k], want[k], atol=1e-3)
    assert np.mean(np.abs(found.params[k] - want[k])) < 1e-5


@pytest.mark.parametrize('max_len', [1, 3, 200])
def test_the_latest_of_start_and_history(max_len):
  known = [[], [4], [4, 2], [9, 8, 7], [1, 2, 3, 4, 5]]
  watches = small_world.queries_knowing(known).watches
  inputs, last = next_video.latest(watches, VIDEOS, max_len)
  assert inputs.shape == (5, max_len)
  for row, end, videos in zip(inputs, last, known, strict=True):
    assert row[: end + 1].tolist() == [VIDEOS, *videos][-max_len:]


def test_scores_are_the_logits_after_the_last_watch():
  params = BIGRAM.init(jax.random.key(2))
  recommend = next_video.recommender(BIGRAM, params)
  known = [[], [4], list(range(12)), [7, 4]]
  lists = recommend(small_world.queries_knowing(known), 3)
  logits = np.asarray(params['state'] @ params['output'].T)
  for row, videos in enumerate(known):
    own = logits[videos[-1] if videos else VIDEOS]
    allowed = [v for v in range(VIDEOS) if v not in videos]
    want = sorted(allowed, key=lambda v, own=own: (-own[v], v))[:3]
    assert lists.ids[row].tolist() == want
    np.testing.assert_allclose(lists.scores[row], own[want], rtol=1e-4)


def fitted(seed=0, watches=WORLD.watches):
  seen = small_world.seen_of(watches, video_count=VIDEOS, seed=seed)
  return next_video.fit(seen, BIGRAM, TRAINING)


def test_equal_seeds_give_equal_lists():
  queries = small_world.queries_at(
    WORLD.watches, np.arange(25), 9, WORLD.sessions
  )
  want, same, other = (fitted(seed)(queries, 5).scores for seed in (0, 0, 1))
  np.testing.assert_array_equal(same, want)
  assert not np.array_equal(other, want)


def test_nothing_to_learn_from_is_all_equal():
  lists = fitted(watches=histories.no_events(3))(
    small_world.queries_knowing([[1], []]), 3
  )
  assert lists.ids.tolist() == [[0, 2, 3], [0, 1, 2]]
  assert not lists.scores.any()


def test_dropout():
  x = jnp.ones((400, 50))
  found = np.asarray(next_video.dropout(jax.random.key(0), x, 0.2))
  assert set(np.unique(found).tolist()) == {0.0, 1.25}
  assert abs(found.mean() - 1) < 0.01
  assert next_video.dropout(None, x, 0.2) is x
  assert next_video.dropout(jax.random.key(0), x, 0.0) is x
