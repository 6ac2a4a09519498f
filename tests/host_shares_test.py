"""Lists made by several hosts are those of one, and errors are everybody's."""

import itertools

import numpy as np
import pytest
from fake_hosts import FakeHosts
from small_world import queries_knowing

from dynrec_jax.host_shares import by_all_hosts
from dynrec_jax.recommender import CannotFit, Lists

QUERIES = queries_knowing([[3, 1], [2], [], [7, 5, 6], [4]])


def last_known(queries, k):
  """Of each query the user, and k times its last video, -1 for none."""
  ids = np.full((queries.count, k), -1, np.int32)
  for row in range(queries.count):
    known = queries.watches.items_of(row)
    if len(known):
      ids[row] = known[-1]
  return Lists(ids, np.float32(queries.users)[:, None] + np.float32([[0] * k]))


@pytest.mark.parametrize('count', [1, 2, 3, 7])
def test_every_host_gets_all_lists_in_their_order(monkeypatch, count):
  asked = []

  def recommend(queries, k):
    asked.append(queries.users.tolist())
    return last_known(queries, k)

  found = FakeHosts(monkeypatch, count).run(
    lambda index: by_all_hosts(recommend)(QUERIES, 2)
  )
  expected = last_known(QUERIES, 2)
  assert expected.ids.tolist() == [[1, 1], [2, 2], [-1, -1], [6, 6], [4, 4]]
  for lists in found:
    np.testing.assert_array_equal(lists.ids, expected.ids)
    np.testing.assert_array_equal(lists.scores, expected.scores)
  # Each user asked about once; more hosts than users leave some without.
  assert sorted(itertools.chain(*asked)) == QUERIES.users.tolist()
  assert len(asked) == count


def test_a_method_without_scores_has_none(monkeypatch):
  def recommend(queries, k):
    return last_known(queries, k)._replace(scores=None)

  found = FakeHosts(monkeypatch, 2).run(
    lambda index: by_all_hosts(recommend)(QUERIES, 3)
  )
  assert [lists.scores for lists in found] == [None, None]


def test_what_one_host_cannot_no_host_can(monkeypatch):
  def recommend(queries, k):
    if 13 in queries.users:
      raise CannotFit('the score of video 2 for user 13 is no number')
    return last_known(queries, k)

  found = FakeHosts(monkeypatch, 3).run(
    lambda index: by_all_hosts(recommend)(QUERIES, 2)
  )
  assert [type(error) for error in found] == [CannotFit] * 3
  assert {str(error) for error in found} == {
    'the score of video 2 for user 13 is no number'
  }
