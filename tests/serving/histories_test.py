"""What a folder reads of histories, against what the package reads of them."""

import numpy as np
import pytest

from dynrec_jax.data import interests, sequences, watch_bags
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sequences import Samples
from dynrec_jax.serving import histories
from dynrec_jax.storage import digests

DAY = 86_400
READING = {
  'of': 'watches',
  'end': 100 * DAY,
  'borders': [],
  'decay': 0.3,
  'unit_secs': 9.5 * DAY,
  'norm': 'sum_weights',
  'max_len': 3,
  'max_bag': 4,
  'interest_size': 2,
  'mask_known': True,
}
INPUTS = {
  'interests': ('b, 1, 2', 'float32'),
  'watches': ('b, 3', 'int32'),
  'watch_count': ('b', 'int32'),
  'bag': ('b, 4', 'int32'),
  'bag_weights': ('b, 4', 'float32'),
  'bag_newest': ('b', 'float32'),
  'known': ('b, m', 'int32'),
}
VIDEOS = ['a', 'b', 'c', 'd', 'e', 'f']
TABLES = {
  'ties': digests.numbers(VIDEOS),
  'topics': np.array(
    [[1, 0], [0, 1], [0.5, 0.5], [0, 0], [0.25, 0.75], [1, 0]], np.float32
  ),
}


def reader(**changes):
  manifest = {'inputs': INPUTS, 'reading': READING | changes}
  return histories.Reader(manifest, VIDEOS, TABLES)


def test_a_history_by_hand():
  """Mixed, with a repeat and a stranger; the last three in order are read."""
  own = [('c', 90), ('a', 10), ('x', 50), ('b', 30), ('a', 95), ('d', 20)]
  own = [(video, day * DAY) for video, day in own]
  of = reader()
  found = of.inputs([own, []])
  assert of.unlisted == 1
  np.testing.assert_array_equal(found['watches'], [[3, 1, 2], [0, 0, 0]])
  np.testing.assert_array_equal(found['watch_count'], [3, 0])
  np.testing.assert_array_equal(
    found['known'], [[0, 3, 1, 2], [-1, -1, -1, -1]]
  )
  np.testing.assert_array_equal(found['bag'], [[0, 3, 1, 2], [0] * 4])
  ages = np.array([80, 70, 60, 0]) / 9.5
  weights = np.exp(-0.3 * ages)
  np.testing.assert_allclose(found['bag_weights'][0], weights, rtol=1e-6)
  assert not found['bag_weights'][1].any()
  newest = [np.exp(-0.3 * 10 / 9.5), 0]  # the end is after all
  np.testing.assert_allclose(found['bag_newest'], newest, rtol=1e-6)
  # d says nothing.
  weights = weights[[0, 2, 3]]
  u = weights @ np.array([[1, 0], [0, 1], [0.5, 0.5]]) / weights.sum()
  np.testing.assert_allclose(found['interests'][:, 0], [u, [0, 0]], rtol=1e-6)
  for name, (_, dtype) in INPUTS.items():
    assert found[name].dtype == dtype


def test_now_is_behind_the_last_event():
  found = reader(norm='count').inputs([[('a', 200 * DAY)]])
  np.testing.assert_allclose(
    found['interests'][0, 0], [np.exp(-0.3 / (9.5 * DAY)), 0], rtol=1e-6
  )


def test_known_videos_may_come_again():
  found = reader(mask_known=False).inputs([[('a', 5)]])
  np.testing.assert_array_equal(found['known'], [[-1]])


def test_sessions_have_an_interest_each():
  """From what came before their ends."""
  found = reader(borders=[20 * DAY, 60 * DAY]).inputs(
    [[('a', 10 * DAY), ('b', 20 * DAY)]]
  )
  first, second, now = found['interests'][0]
  np.testing.assert_array_equal(first, [1, 0])
  assert 0.5 < second[1] < 1
  np.testing.assert_array_equal(second, now)  # no matter how long ago


def test_moments_that_are_tied_have_the_order_of_the_package():
  rng = np.random.default_rng(3)
  for _ in range(9):
    pair = rng.integers(0, 1 << 63, 2), rng.integers(-(1 << 40), 1 << 40, 2)
    want = digests.mixed(pair[0].astype(np.uint64), pair[1])
    found = [
      histories._mixed(int(a), int(b)) for a, b in zip(*pair, strict=True)
    ]
    assert found == want.tolist()


def test_vectors_are_read_as_they_are():
  found = reader(of='vectors').inputs([[([0, 4], 7), ([2, 0], 6)]])
  assert found['interests'][0, 0].sum() == pytest.approx(3)
  np.testing.assert_array_equal(found['known'], [[-1]])
  assert not found['watch_count'].any()


def random_rows(seed, users=12):
  """Rows of events, videos each once, oldest first."""
  rng = np.random.default_rng(seed)
  rows = [
    (rng.permutation(40)[: n % 9], np.sort(rng.integers(0, 99 * DAY, n % 9)))
    for n in range(users)
  ]
  counts = [len(item) for item, _ in rows]
  flat = Histories(
    np.concatenate([[0], np.cumsum(counts)]),
    np.concatenate([item for item, _ in rows]).astype(np.int32),
    np.concatenate([time for _, time in rows]).astype(np.int64),
  )
  return rows, flat


@pytest.mark.parametrize('norm', ['sum_weights', 'count', 'l2'])
def test_interests_are_the_package_s_to_the_last_bit(norm):
  rows, flat = random_rows(5)
  topics = np.random.default_rng(6).dirichlet(np.ones(7), 40)
  topics = topics.astype(np.float32)
  topics[::5] = 0
  users = np.arange(len(rows))
  now = np.full(len(rows), 70 * DAY)
  want = interests.user_interests(
    *(flat, topics, users, now), decay=0.3, unit_secs=9.5 * DAY, norm=norm
  )
  reading = READING | {'norm': norm}
  found = [
    histories.interest(item, time, topics, 70 * DAY, reading)
    for item, time in rows
  ]
  np.testing.assert_array_equal(np.stack(found), want)


def test_bags_are_the_package_s_to_the_last_bit():
  rows, flat = random_rows(7)
  counts = np.diff(flat.offsets)
  zeros = np.zeros(len(rows), np.int32)
  samples = Samples(
    *(np.arange(len(rows)), zeros, np.full(len(rows), 99 * DAY)),
    *(flat.offsets[:-1], counts, zeros),
  )
  bags = watch_bags.watch_bags(
    samples, flat, decay=0.3, unit_secs=9.5 * DAY, max_count=4
  )
  want, where = sequences.padded(bags.row, bags.weight, len(rows), 4)
  videos, _ = sequences.padded(bags.row, bags.video, len(rows), 4)
  for row, (item, time) in enumerate(rows):
    found = histories.bag(item, time, 99 * DAY, READING)
    np.testing.assert_array_equal(found['bag_weights'], want[row])
    np.testing.assert_array_equal(found['bag'] * where[row], videos[row])
    assert found['bag_newest'] == bags.newest[row]
