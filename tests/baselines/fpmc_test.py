"""FPMC's score, loss, steps and negatives against plain loops in float64."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import fpmc
from dynrec_jax.baselines.fpmc import Batch, Settings, Tables
from dynrec_jax.data import histories

pytestmark = pytest.mark.usefixtures('quick_compile')
WORLD = small_world.make_world()
CLOCK = WORLD.sessions
VIDEOS = len(WORLD.topics)
FEW = Settings('last', 3, 0.1, 0.02, 2)


def tables_of(users=4, videos=6, factors=3, seed=0):
  rng = np.random.default_rng(seed)
  shapes = (users, factors), (videos, 2 * factors), (videos, factors)
  return Tables(*(rng.normal(size=s).astype(np.float32) for s in shapes))


def score(tables, user, basket, video):
  """x(u, i | B) by loops; `user` is a row of factors."""
  factors = len(user)
  iu, il = tables.video[video][:factors], tables.video[video][factors:]
  x = sum(float(user[f]) * float(iu[f]) for f in range(factors))
  for item in basket:
    products = sum(
      float(il[f]) * float(tables.basket[item][f]) for f in range(factors)
    )
    x += products / len(basket)
  return x


# (user, video, other, basket), with repeats within the step.
SAMPLES = [
  (1, 2, 5, [3, 0, 4]),
  (0, 4, 1, []),
  (1, 2, 0, [5]),
  (3, 5, 2, [2, 3]),
  (1, 0, 3, [3, 3]),
]


def batch_of(samples, size=7, width=11):
  """Padded with rows that would do harm if they counted."""
  pad = size - len(samples)
  user, video, other = (
    jnp.array([s[i] for s in samples] + [2] * pad, jnp.int32) for i in range(3)
  )
  pairs = [(row, v) for row, s in enumerate(samples) for v in s[3]]
  pairs += [(size, 1)] * (width - len(pairs))
  return Batch(
    user,
    video,
    other,
    jnp.arange(size) < len(samples),
    *(jnp.array(column, jnp.int32) for column in zip(*pairs, strict=True)),
  )


def expected_loss(tables, samples, reg):
  """Sum over samples of -ln sigmoid(x_i - x_j) + reg |rows read|^2."""
  total = 0.0
  for user, video, other, basket in samples:
    own = tables.user[user].astype(np.float64)
    margin = score(tables, own, basket, video) - score(
      tables, own, basket, other
    )
    total += math.log1p(math.exp(-margin))
    for row in (own, tables.video[video], tables.video[other]):
      total += reg * sum(float(x) ** 2 for x in row)
    for v in basket:
      row = tables.basket[v]
      total += reg * sum(float(x) ** 2 for x in row) / len(basket)
  return total


def numeric_step(tables, samples, rate, reg):
  """The tables less rate times central differences of `expected_loss`."""
  tables = Tables(*(x.astype(np.float64) for x in tables))
  moved = Tables(*(x.copy() for x in tables))
  for table, out in zip(tables, moved, strict=True):
    for at in np.ndindex(table.shape):
      kept, sides = table[at], []
      for shift in (1e-5, -1e-5):
        table[at] = kept + shift
        sides.append(expected_loss(tables, samples, reg))
      table[at] = kept
      out[at] -= rate * (sides[0] - sides[1]) / 2e-5
  return moved


def test_a_step_is_the_gradient_of_the_loss_by_loops():
  tables = tables_of()
  found = fpmc.sgd_step(
    jax.tree.map(jnp.asarray, tables), batch_of(SAMPLES), 0.05, 0.03
  )
  want = numeric_step(tables, SAMPLES, 0.05, 0.03)
  for name in Tables._fields:
    np.testing.assert_allclose(
      getattr(found, name), getattr(want, name), atol=1e-6
    )


def test_rows_that_no_sample_reads_stay():
  tables = jax.tree.map(jnp.asarray, tables_of())
  found = fpmc.sgd_step(tables, batch_of(SAMPLES[1:2]), 0.05, 0.03)
  for name, moved in (('user', [0]), ('video', [1, 4]), ('basket', [])):
    before, after = getattr(tables, name), getattr(found, name)
    changed = np.flatnonzero(np.any(before != after, axis=1))
    assert changed.tolist() == moved


def test_losses_of_each_sample():
  tables = tables_of()
  batch = batch_of(SAMPLES, size=len(SAMPLES), width=8)
  found = fpmc.sample_losses(
    jnp.asarray(tables.user)[batch.user],
    jnp.asarray(tables.video)[batch.video],
    jnp.asarray(tables.video)[batch.other],
    jnp.asarray(tables.basket)[batch.basket],
    batch.row,
    reg=0.03,
  )
  want = [expected_loss(tables, [s], 0.03) for s in SAMPLES]
  np.testing.assert_allclose(found, want, rtol=1e-5)


def test_by_hand():
  """One factor: x_i - x_j = 2 (3 - 1) + 5 (1 - 2) = -1."""
  found = fpmc.sample_losses(
    jnp.array([[2.0]]),
    jnp.array([[3.0, 1.0]]),
    jnp.array([[1.0, 2.0]]),
    jnp.array([[4.0], [6.0]]),
    jnp.array([0, 0]),
    reg=0.01,
  )
  norm = 4 + 9 + 1 + 1 + 4 + (16 + 36) / 2
  np.testing.assert_allclose(
    found, [math.log(1 + math.e) + 0.01 * norm], rtol=1e-6
  )


def expected_baskets(events, basket):
  """(user, video, the basket before it) of every watch, by loops."""
  out = []
  for user, row in enumerate(events):
    for place, (time, video) in enumerate(row):
      if basket == 'last':
        before = row[max(0, place - 1) : place]
      else:
        month = int(CLOCK.of(time))
        earlier = [e for e in row if int(CLOCK.of(e[0])) < month]
        last = max((int(CLOCK.of(e[0])) for e in earlier), default=None)
        before = [e for e in earlier if int(CLOCK.of(e[0])) == last]
      out.append((user, video, [v for _, v in before]))
  return out


@pytest.mark.parametrize('basket', fpmc.BASKETS)
def test_every_watch_follows_its_basket(basket):
  samples = fpmc.watches_after_baskets(WORLD.watches, CLOCK, basket)
  found = [
    (u, v, WORLD.watches.item[s : s + n].tolist())
    for u, v, s, n in zip(*samples, strict=True)
  ]
  assert found == expected_baskets(WORLD.events, basket)
  assert max(len(b) for *_, b in found) > (1 if basket == 'session' else 0)


@pytest.mark.parametrize('basket', fpmc.BASKETS)
def test_the_basket_that_a_query_reads(basket):
  """It is the one that a watch in a later session would follow."""
  later = [[*row, (10**12, 0)] for row in WORLD.events]
  row, videos = fpmc.last_baskets(WORLD.watches, CLOCK, basket)
  want = [
    before
    for user, group in enumerate(later)
    for who, _, before in expected_baskets(later, basket)[-0:]
    if who == user
  ]
  ends = np.cumsum([len(group) for group in later]) - 1
  for user, end in enumerate(ends):
    assert videos[row == user].tolist() == want[end]


def test_negatives_are_all_that_a_user_never_watched_equally_often():
  rows = [[3, 0, 7, 3], [], [1], list(range(9)), [8, 7, 6, 5, 4, 3, 2, 1]]
  watches = small_world.table([list(enumerate(row)) for row in rows])
  unseen = fpmc.Unseen(watches, 9)
  assert unseen.count.tolist() == [6, 9, 8, 0, 1]
  rng = np.random.default_rng(0)
  for user in (0, 1, 2, 4):
    drawn = unseen.draw(rng, np.full(6000, user))
    allowed = sorted(set(range(9)) - set(rows[user]))
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == allowed
    mean = 6000 / len(allowed)
    assert abs(counts - mean).max() < 4 * math.sqrt(mean) + 1e-9


def test_an_epoch_takes_every_watch_once_with_its_own_basket():
  samples = fpmc.watches_after_baskets(WORLD.watches, CLOCK, 'session')
  unseen = fpmc.Unseen(WORLD.watches, VIDEOS)
  item = WORLD.watches.item
  drawn, count = fpmc._draw(np.random.default_rng(0), samples, unseen, item)
  found = []
  for step in range(count):
    batch = jax.tree.map(lambda x, step=step: x[step], drawn)
    for row in np.flatnonzero(batch.where):
      user, video = int(batch.user[row]), int(batch.video[row])
      found.append((user, video, batch.basket[batch.row == row].tolist()))
      own = WORLD.watches.items_of(user)
      assert int(batch.other[row]) not in own.tolist()
  assert not drawn.where[count:].any()
  assert sorted(found) == sorted(expected_baskets(WORLD.events, 'session'))
  again, _ = fpmc._draw(np.random.default_rng(1), samples, unseen, item)
  assert not np.array_equal(again.user, drawn.user)


def fitted(settings=FEW, *, watches=WORLD.watches, users=None, seed=0):
  seen = small_world.seen_of(watches, video_count=VIDEOS, seed=seed)
  recommend = fpmc.fit(seen, settings)
  users = np.arange(25) if users is None else users
  queries = small_world.queries_at(watches, users, 9, CLOCK)
  return recommend, queries


@pytest.mark.parametrize('basket', fpmc.BASKETS)
def test_lists_are_those_of_the_scores_by_loops(monkeypatch, basket):
  """User 3 has no watch and gets the mean factors, and no basket."""
  tables = tables_of(users=25, videos=VIDEOS)
  monkeypatch.setattr(fpmc, 'init_tables', lambda *_: tables)
  recommend, queries = fitted(FEW._replace(epochs=0, basket=basket))
  lists = recommend(queries, 4)
  learned = [u for u, row in enumerate(WORLD.events) if row]
  assert 3 not in learned
  for user in range(25):
    known = [e for e in WORLD.events[user] if e[0] < CLOCK.borders[9]]
    own = tables.user[user]
    if user not in learned:
      own = tables.user[learned].mean(axis=0)
    before = expected_baskets([[*known, (10**12, 0)]], basket)[-1][2]
    scores = [score(tables, own, before, v) for v in range(VIDEOS)]
    allowed = set(range(VIDEOS)) - {v for _, v in known}
    want = sorted(allowed, key=lambda v, s=scores: (-s[v], v))[:4]
    assert lists.ids[user].tolist() == want
    np.testing.assert_allclose(
      lists.scores[user], [scores[v] for v in want], rtol=1e-4
    )


def test_users_that_are_not_in_the_data_have_the_mean_factors():
  recommend, queries = fitted()
  one = recommend(queries.take([3]), 5)
  other = queries.take([3])._replace(users=np.array([4711], np.int32))
  np.testing.assert_array_equal(recommend(other, 5).ids, one.ids)


def test_a_list_does_not_depend_on_who_else_asks():
  recommend, queries = fitted(FEW._replace(basket='session'))
  want = recommend(queries, 6)
  for place in (0, 7, 24):
    alone = recommend(queries.take([place]), 6)
    np.testing.assert_array_equal(alone.ids[0], want.ids[place])
    np.testing.assert_array_equal(alone.scores[0], want.scores[place])


def cycle_watches(users=30, videos=VIDEOS, length=9):
  """Everyone goes the same round trip, from a place of their own."""
  step = small_world.DAY
  return small_world.table(
    [
      [
        (small_world.START + n * step, (7 * u + 5 * n) % videos)
        for n in range(length)
      ]
      for u in range(users)
    ]
  )


def test_it_learns_what_follows_what():
  watches = cycle_watches()
  recommend, queries = fitted(
    Settings('last', 16, 0.1, 0.001, 400),
    watches=watches,
    users=np.arange(30),
  )
  last = watches.item[watches.offsets[1:] - 1]
  found = recommend(queries, 1).ids[:, 0]
  assert np.mean(found == (last + 5) % VIDEOS) > 0.9


def test_equal_seeds_give_equal_lists():
  (one, queries), (two, _), (three, _) = (fitted(seed=s) for s in (0, 0, 1))
  want = one(queries, 5)
  np.testing.assert_array_equal(two(queries, 5).scores, want.scores)
  assert not np.array_equal(three(queries, 5).scores, want.scores)


def test_nothing_to_learn_from_is_all_equal():
  seen = small_world.seen_of(histories.no_events(25), video_count=VIDEOS)
  recommend = fpmc.fit(seen, FEW)
  lists = recommend(small_world.queries_knowing([[1], []]), 3)
  assert lists.ids.tolist() == [[0, 2, 3], [0, 1, 2]]
  assert not lists.scores.any()


def test_who_watched_everything_teaches_nothing():
  everything = [(small_world.START + v, v) for v in range(VIDEOS)]
  watches = small_world.table([everything])
  lists = fpmc.fit(small_world.seen_of(watches, video_count=VIDEOS), FEW)(
    small_world.queries_knowing([[]]), 3
  )
  assert lists.ids.tolist() == [[0, 1, 2]]


def test_unknown_basket_is_refused():
  with pytest.raises(ValueError, match=r"basket is 'week'; valid are last, s"):
    fitted(FEW._replace(basket='week'))
