"""The sentence against counts by hand."""

import fake_runs
import numpy as np

from dynrec_jax.report import verdict
from dynrec_jax.report.user_lists import UserLists

LABELS = {'model': 'dynrec (practical)', 'popularity': 'Popularity'}


def level(hits, users=40):
  """Everybody has these hits, of 5 in the list and 5 that were watched."""
  names = [f'u{number}' for number in range(users)]
  hits = np.broadcast_to(np.asarray(hits), users)
  return [UserLists(names, [['v']] * users, hits, np.full(users, 5))]


def said(lists, **more):
  return verdict.verdict(lists, k=5, labels=LABELS, **more)


def test_who_is_first_second_and_third():
  lists = {
    ('long', 'random'): level(0),
    ('long', 'popularity'): level(2),
    ('long', 'model'): level(1),
    ('short', 'random'): level(1),
    ('short', 'popularity'): level(2),
    ('short', 'model'): level(3),
  }
  assert said(lists) == (
    'In long mode dynrec (practical) is number 2 of 3; against the best other, '
    'Popularity, it loses: F -0.2000, 95 % interval [-0.2000, -0.2000]. '
    'In short mode dynrec (practical) is number 1 of 3; against the best '
    'other, Popularity, it wins: F +0.2000, 95 % interval [+0.2000, +0.2000].'
  )


def test_a_tie_is_undecided_and_nobody_is_behind():
  lists = {('long', 'model'): level(1), ('long', 'random'): level(1)}
  assert 'is number 1 of 2; against the best other, random, it is un' in said(
    lists
  )


def test_a_difference_within_its_interval_is_undecided():
  hits = np.arange(40) % 2
  lists = {
    ('long', 'model'): level(hits),
    ('long', 'random'): level(np.r_[1 - hits[:-1], 0]),
  }
  text = said(lists)
  assert 'it is undecided: F +0.0000' in text
  assert text.count('[-0.') == 1


def test_nothing_is_said_of_a_model_alone_or_of_nobody():
  assert said({('long', 'model'): level(1)}) == ''
  assert said({('long', 'random'): level(1), ('long', 'lfm'): level(2)}) == ''
  nobody = fake_runs.splits_of(((0,),), (('a',),), ((0,),))
  lists = {('long', 'model'): nobody, ('long', 'random'): nobody}
  assert said(lists) == ''
