"""Batches put together around their partners, against the rules of A12."""

import collections

import numpy as np
import pytest
import small_world

from dynrec_jax.data import in_batch, relevance, sequences
from dynrec_jax.data.sequences import Samples

WORLD = small_world.make_world(user_count=60, video_count=400)
USERS = np.setdiff1d(np.arange(60), [1, 3, 6, 20])
SAMPLES = sequences.virtual_sequences(
  WORLD.watches, WORLD.watches, WORLD.sessions, USERS
)
FOUND = relevance.find_relevant(WORLD.watches, np.unique(SAMPLES.user), 400)
LISTS = [{video for _, video in row} for row in WORLD.events]


def rel(one, other):
  both = LISTS[one] & LISTS[other]
  return len(both) / len(LISTS[one] | LISTS[other])


def candidates(user):
  """{user: Rel} of the ten with the most, all above 0."""
  others = [int(u) for u in FOUND.users if u != user and rel(user, u) > 0]
  others = sorted(others, key=lambda u: (-rel(user, u), u))[:10]
  return {u: rel(user, u) for u in others}


CANDIDATES = {int(user): candidates(int(user)) for user in FOUND.users}


def compose(seed, size=16, negative='zero_overlap', found=FOUND, of=SAMPLES):
  rng = np.random.default_rng(seed)
  return in_batch.compose(found, of, rng, batch_size=size, negative=negative)


def samples_of(pairs) -> Samples:
  user, session = np.array(pairs, np.int32).T
  zeros = np.zeros(len(user), np.int64)
  return Samples(user, session, zeros, zeros, zeros, zeros)


@pytest.mark.parametrize('negative', relevance.NEGATIVES)
@pytest.mark.parametrize('size', [16, 7, 3])
def test_partners_are_in_the_batch_and_follow_the_rules(size, negative):
  count, with_both = len(SAMPLES.user), 0
  for seed in range(3):
    order, (positive, negatives, where) = compose(seed, size, negative)
    assert sorted(order) == list(range(count))  # every sample once
    batch_of = np.empty(count, int)
    batch_of[order] = np.arange(count) // size
    assert where.dtype == bool
    assert positive.dtype == negatives.dtype == np.int32
    assert not positive[~where].any()
    assert not negatives[~where].any()
    for row in np.flatnonzero(where):
      near, far = positive[row], negatives[row]
      assert batch_of[row] == batch_of[near] == batch_of[far]
      user, other, stranger = (int(SAMPLES.user[i]) for i in (row, near, far))
      assert other in CANDIDATES[user]
      bound = rel(user, other) if negative == 'less_than_pos' else 1e-12
      assert rel(user, stranger) < bound
    with_both += where.sum()
  wanted = 3 * sum(bool(CANDIDATES[int(user)]) for user in SAMPLES.user)
  assert with_both > {16: 0.8, 7: 0.5, 3: 0.2}[size] * wanted


def test_every_batch_is_full_but_the_last():
  """Groups fill batches without a gap, whatever their sizes."""
  for size in (5, 16, 64, len(SAMPLES.user), 2 * len(SAMPLES.user)):
    order, _ = compose(1, size)
    assert sorted(order) == list(range(len(SAMPLES.user)))


def test_nothing_but_the_generator_decides():
  one, again, other = compose(4), compose(4), compose(5)
  np.testing.assert_array_equal(one[0], again[0])
  for a, b in zip(one[1], again[1], strict=True):
    np.testing.assert_array_equal(a, b)
  assert (one[0] != other[0]).any()
  assert (one[1].positive != other[1].positive).any()


def frequencies(draw, epochs):
  """{user: Counter of positive users}, and of negative users by user."""
  near = collections.defaultdict(collections.Counter)
  far = collections.defaultdict(collections.Counter)
  for seed in range(epochs):
    positive, negative, where = draw(seed)
    for row in np.flatnonzero(where):
      user = int(SAMPLES.user[row])
      near[user][int(SAMPLES.user[positive[row]])] += 1
      far[user][int(SAMPLES.user[negative[row]])] += 1
  return near, far


def distance(counter, weights):
  """Half the sum of |share drawn - share wanted|."""
  drawn, wanted = sum(counter.values()), sum(weights.values())
  return 0.5 * sum(
    abs(counter[user] / drawn - weights.get(user, 0) / wanted)
    for user in {*counter, *weights}
  )


def test_partners_are_drawn_nearly_as_from_all_samples():
  """Beside the same number of draws from everywhere, which are by the rule."""

  def everywhere(seed):
    rng = np.random.default_rng(seed)
    return relevance.draw_triplets(FOUND, SAMPLES, rng)

  strangers = {
    user: {int(v): 1 for v in FOUND.users if v != user and not rel(user, v)}
    for user in CANDIDATES
  }
  by_rule = frequencies(everywhere, 60)
  here = frequencies(lambda seed: compose(seed, 64)[1], 60)
  for role, wanted in ((0, CANDIDATES), (1, strangers)):
    noise, own = (
      np.mean(
        [distance(row, wanted[user]) for user, row in found[role].items()]
      )
      for found in (by_rule, here)
    )
    assert noise < 0.2
    assert own < noise + 0.08
  # Not as likely all of them: in proportion to Rel.
  even = {user: dict.fromkeys(row, 1) for user, row in CANDIDATES.items()}
  flat = np.mean([distance(row, even[user]) for user, row in here[0].items()])
  own = np.mean(
    [distance(row, CANDIDATES[user]) for user, row in here[0].items()]
  )
  assert own < flat


def test_who_has_no_candidate_is_left_out():
  """Users 0 and 1 overlap, 2 and 3 with nobody: batches hold them all."""
  watches = small_world.table(
    [list(enumerate(row)) for row in ([1, 2], [2, 3], [4], [5])]
  )
  found = relevance.find_relevant(watches, np.arange(4), 6)
  of = samples_of([(user, session) for user in range(4) for session in (2, 5)])
  for seed in range(5):
    order, (positive, negative, where) = compose(seed, 8, found=found, of=of)
    assert sorted(order) == list(range(8))
    np.testing.assert_array_equal(where, [1, 1, 1, 1, 0, 0, 0, 0])
    # Of the same session, as the other is in the batch whole.
    np.testing.assert_array_equal(positive[:4], [2, 3, 0, 1])
    assert set(negative[:4]) <= {4, 5, 6, 7}


def test_nobody_is_relevant():
  watches = small_world.table([[(0, 1)], [(0, 2)], [(0, 3)]])
  found = relevance.find_relevant(watches, np.arange(3), 4)
  of = samples_of([(0, 1), (1, 1), (2, 1)])
  order, triplets = compose(0, 2, found=found, of=of)
  assert sorted(order) == [0, 1, 2]
  assert not triplets.where.any()


def test_nobody_may_be_a_negative():
  """All watch the same: whoever is relevant, the triplet has no third."""
  watches = small_world.table([[(0, 1)]] * 4)
  found = relevance.find_relevant(watches, np.arange(4), 2)
  of = samples_of([(user, 1) for user in range(4)])
  for negative in relevance.NEGATIVES:
    _, triplets = compose(0, 4, negative, found, of)
    assert not triplets.where.any()


def test_a_user_is_no_partner_of_its_own():
  watches = small_world.table([[(0, 1)]])
  found = relevance.find_relevant(watches, np.arange(1), 2)
  of = samples_of([(0, session) for session in range(1, 9)])
  order, triplets = compose(0, 8, found=found, of=of)
  assert sorted(order) == list(range(8))
  assert not triplets.where.any()


def test_one_sample():
  watches = small_world.table([[(0, 1)]])
  found = relevance.find_relevant(watches, np.arange(1), 2)
  order, triplets = compose(0, 64, found=found, of=samples_of([(0, 1)]))
  assert list(order) == [0]
  assert not triplets.where.any()


def test_the_rule_must_be_known():
  with pytest.raises(ValueError, match=r"'all'; valid are zero_overlap, less"):
    compose(0, negative='all')
