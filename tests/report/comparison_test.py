"""Methods side by side, on lists whose F a person can work out."""

import re

import numpy as np
import pytest

from dynrec_jax.report import bootstrap, comparison
from dynrec_jax.report.runs import Run
from dynrec_jax.report.user_lists import UserLists
from dynrec_jax.study import identity

SAME = ('seed', 'catalogue.users', 'split', 'data.name')
FACTS = {
  'seed': 0,
  'decode': {'k': 5},
  'split': {'seeds': 3},
  'catalogue': {'users': 20, 'videos': 30},
  'data': {'name': 'files', 'manual_dir': '/here'},
}
LONG = [['a', 'b'], ['c']]  # users of two splits
SHORT = [['b', 'd']]


def lists_of(users, hits, truth) -> UserLists:
  return UserLists(
    list(users), [['v']] * len(hits), np.array(hits), np.array(truth)
  )


def fives(users, hits) -> list[UserLists]:
  """Splits in which everybody has a truth of 5: with k = 5, P = R = hits / 5.

  F at 5 is then the mean of hits / 5.
  """
  return [
    lists_of(own, found, [5] * len(own))
    for own, found in zip(users, hits, strict=True)
  ]


def run_of(name, methods, facts=None) -> Run:
  """A run whose methods have these hits in (long, short)."""
  lists = {
    (mode, method): fives(users, hits[place])
    for place, (mode, users) in enumerate((('long', LONG), ('short', SHORT)))
    for method, hits in methods.items()
  }
  return Run(name, FACTS | (facts or {}), lists)


BASE = run_of(
  'base',
  {
    'random': ([[1, 1], [1]], [[5, 5]]),
    'model': ([[2, 2], [2]], [[5, 5]]),
  },
)
OTHER = run_of(
  'other',
  {
    # As random on average; a draw of one user thrice has probability 1/27,
    # more than a tail.
    'mixed': ([[0, 2], [1]], [[4, 5]]),
    'model': ([[0, 0], [0]], [[1, 1]]),
  },
  # What a comparison is about may differ.
  {'data': {'name': 'files', 'manual_dir': '/there'}, 'text': 'kim_cnn'},
)


class TestCompare:
  # Users a, b, c and d, b; c has no truth. Lists of 4.
  USERS = (('a', 'b', 'c'), ('d', 'b'))
  TRUTH = ((2, 1, 0), (4, 2))
  HITS = (
    ((1, 0, 0), (2, 0)),
    ((1, 1, 0), (1, 0)),
    ((0, 0, 0), (0, 0)),
  )

  def rows(self, hits=HITS, users=USERS, truth=TRUTH):
    return [
      [lists_of(*split) for split in zip(users, own, truth, strict=True)]
      for own in hits
    ]

  def test_f_over_all_users_by_hand(self):
    first, second, third = comparison.compare(self.rows(), 4)
    p, r = (1 / 4 + 0 + 2 / 4 + 0) / 4, (1 / 2 + 0 + 2 / 4 + 0) / 4
    f = 2 * p * r / (p + r)
    np.testing.assert_allclose(first.f, f, rtol=1e-6)
    p, r = (1 / 4 + 1 / 4 + 1 / 4 + 0) / 4, (1 / 2 + 1 / 1 + 1 / 4 + 0) / 4
    np.testing.assert_allclose(second.f, 2 * p * r / (p + r), rtol=1e-6)
    np.testing.assert_allclose(
      second.change, 2 * p * r / (p + r) - f, rtol=1e-6
    )
    assert third.f == 0
    np.testing.assert_allclose(third.change, -f, rtol=1e-6)

  def test_better_counts_splits(self):
    """F of the splits: first 1/6 and 1/4, second 3/8 and 1/8, third 0."""
    columns = comparison.compare(self.rows(), 4)
    assert [column.better for column in columns] == [0, 1, 0]
    assert [column.splits for column in columns] == [2, 2, 2]

  def test_intervals_are_paired_and_of_users(self):
    """b, who is in both splits, is drawn with both of its rows."""
    precision = np.array(
      [[1 / 4, 0, 2 / 4, 0], [1 / 4, 1 / 4, 1 / 4, 0], [0] * 4]
    )
    recall = np.array([[1 / 2, 0, 2 / 4, 0], [1 / 2, 1, 1 / 4, 0], [0] * 4])
    drawn = bootstrap.resampled_f(
      np.array(['a', 'b', 'd', 'b']), precision, recall
    )
    for place, column in enumerate(comparison.compare(self.rows(), 4)):
      np.testing.assert_allclose(
        [column.low, column.high], bootstrap.interval(drawn[place]), atol=1e-6
      )
      np.testing.assert_allclose(
        [column.change_low, column.change_high],
        bootstrap.interval(drawn[place] - drawn[0]),
        atol=1e-6,
      )

  def test_the_first_row_has_no_change(self):
    first = comparison.compare(self.rows(), 4)[0]
    assert (first.change, first.change_low, first.change_high) == (0, 0, 0)
    assert first.low < first.f < first.high

  def test_k_divides_precision(self):
    """F at 8 of the same hits: half the precision."""
    p, r = (1 / 8 + 2 / 8) / 4, 1 / 4
    found = comparison.compare(self.rows(), 8)[0].f
    np.testing.assert_allclose(found, 2 * p * r / (p + r), rtol=1e-6)

  def test_another_number_of_splits(self):
    rows = self.rows()
    rows[2] = rows[2][:1]
    with pytest.raises(ValueError, match=r'^1 splits beside 2; right: as many'):
      comparison.compare(rows, 4)

  @pytest.mark.parametrize('users', [['d', 'c'], ['b', 'd'], ['d']])
  def test_other_users(self, users):
    rows = self.rows()
    count = len(users)
    rows[1][1] = lists_of(users, [1, 0][:count], [4, 2][:count])
    with pytest.raises(
      ValueError, match=r'^split 1 is of other users; right: '
    ):
      comparison.compare(rows, 4)

  def test_another_truth(self):
    rows = self.rows()
    rows[2][0] = rows[2][0]._replace(truth=np.array([2, 1, 1]))
    with pytest.raises(ValueError, match=r'^split 0 was scored on another tru'):
      comparison.compare(rows, 4)


class TestComparison:
  def test_by_hand(self):
    """All rows of two runs, first row first.

    Where all users have the same hits, every draw has the same F.
    """
    text = comparison.comparison([BASE, OTHER], SAME, ())
    assert text.splitlines() == [
      '| run | method | long F@5 | change | short F@5 | change |',
      '|---|---|---|---|---|---|',
      '| base | random | 0.2000 [0.2000, 0.2000] |  '
      '| 1.0000 [1.0000, 1.0000] |  |',
      '| base | model | 0.4000 [0.4000, 0.4000] '
      '| **+0.2000** [+0.2000, +0.2000] (2 of 2) '
      '| 1.0000 [1.0000, 1.0000] | +0.0000 [+0.0000, +0.0000] (0 of 1) |',
      '| other | mixed | 0.2000 [0.0000, 0.4000] '
      '| +0.0000 [-0.2000, +0.2000] (0 of 2) '
      '| 0.9000 [0.8000, 1.0000] | -0.1000 [-0.2000, +0.0000] (0 of 1) |',
      '| other | model | 0.0000 [0.0000, 0.0000] '
      '| **-0.2000** [-0.2000, -0.2000] (0 of 2) '
      '| 0.2000 [0.2000, 0.2000] '
      '| **-0.8000** [-0.8000, -0.8000] (0 of 1) |',
    ]

  def names(self, *arguments):
    lines = comparison.comparison(*arguments).splitlines()[2:]
    return [tuple(line.split(' | ')[:2]) for line in lines]

  def test_chosen_methods_in_the_order_that_is_asked_for(self):
    assert self.names([BASE], SAME, ('model', 'random')) == [
      ('| base', 'model'),
      ('| base', 'random'),
    ]
    assert self.names([OTHER, BASE], SAME, ('model',)) == [
      ('| other', 'model'),
      ('| base', 'model'),
    ]

  def test_the_first_row_is_what_others_are_compared_with(self):
    lines = comparison.comparison([OTHER, BASE], SAME, ('model',)).splitlines()
    assert ' | 0.0000 [0.0000, 0.0000] |  | ' in lines[2]
    assert '**+0.4000** [+0.4000, +0.4000] (2 of 2)' in lines[3]
    assert '**+0.8000** [+0.8000, +0.8000] (1 of 1)' in lines[3]

  def test_unknown_method(self):
    message = "^other has no method 'random'; it has mixed, model$"
    with pytest.raises(ValueError, match=message):
      comparison.comparison([BASE, OTHER], SAME, ('model', 'random'))

  @pytest.mark.parametrize('methods', [('model',), ()])
  def test_one_row_is_refused(self, methods):
    run = run_of('base', {'model': ([[1, 1], [1]], [[5, 5]])})
    with pytest.raises(
      ValueError, match=r'^one row, base model: nothing to co'
    ):
      comparison.comparison([run], SAME, methods)

  def test_a_run_of_nothing_is_refused(self):
    with pytest.raises(
      ValueError, match=r'^one row, base : nothing to compare'
    ):
      comparison.comparison([Run('base', FACTS, {})], SAME, ())

  @pytest.mark.parametrize(
    ('facts', 'message'),
    [
      ({'seed': 1}, '^new has seed = 1; right: 0, as base$'),
      (
        {'catalogue': {'users': 21, 'videos': 30}},
        r'^new has catalogue\.users = 21; right: 20, as base$',
      ),
      ({'split': {'seeds': 5}}, r"^new has split = \{'seeds': 5\}; right: "),
      ({'data': {'name': 'tweetings'}}, r'^new has data\.name = tweetings; '),
      ({'data': {}}, r'^new has data\.name = None; right: files'),
      ({'data': 'files'}, r'^new has data\.name = None; right: files'),
    ],
  )
  def test_runs_that_tested_others_are_refused(self, facts, message):
    new = run_of('new', {'model': ([[1, 1], [1]], [[5, 5]])}, facts)
    with pytest.raises(ValueError, match=message):
      comparison.comparison([BASE, OTHER, new], SAME, ())

  def test_only_the_keys_that_are_named_must_be_alike(self):
    new = run_of('new', {'model': ([[1, 1], [1]], [[5, 5]])}, {'seed': 1})
    assert '| new | model |' in comparison.comparison(
      [BASE, new], SAME[1:], ('model',)
    )
    message = r'^other has data\.manual_dir = /there; right: /here, as base$'
    with pytest.raises(ValueError, match=message):
      comparison.comparison([BASE, OTHER], (*SAME, 'data.manual_dir'), ())

  def test_a_key_that_no_run_has_is_refused(self):
    """Runs of other versions: what was tested is not known to be the same."""
    with pytest.raises(ValueError, match=r'^other has eval\.x = None; right: '):
      comparison.comparison([BASE, OTHER], ('eval.x',), ())

  def test_other_modes_are_refused(self):
    lists = {key: x for key, x in OTHER.lists.items() if key[0] == 'long'}
    message = '^other has the modes long; right: long, short, as base$'
    with pytest.raises(ValueError, match=message):
      comparison.comparison([BASE, OTHER._replace(lists=lists)], SAME, ())

  @pytest.mark.parametrize('mode', ['long', 'short'])
  def test_other_users_are_refused_in_any_mode(self, mode):
    """The configs are alike, what was tested is not all the same."""
    lists = dict(OTHER.lists)
    last = lists[mode, 'model'][-1]
    lists[mode, 'model'] = [
      *lists[mode, 'model'][:-1],
      last._replace(users=[f'{user}!' for user in last.users]),
    ]
    with pytest.raises(ValueError, match=re.escape('is of other users')):
      comparison.comparison([BASE, OTHER._replace(lists=lists)], SAME, ())


def test_what_runs_save_is_compared(study):
  """Every key is there, and one that is missing or differs is refused."""
  facts = identity.saved_config(study.config, study.prepared)
  base, other = (BASE._replace(name=x, facts=facts) for x in ('base', 'other'))
  comparison.comparison([base, other], identity.COMPARISON, ())
  for key in identity.COMPARISON:
    for value in (None, 'another'):
      changed = other._replace(facts=replaced(facts, key.split('.'), value))
      with pytest.raises(ValueError, match=rf'^other has {key} = {value};'):
        comparison.comparison([base, changed], identity.COMPARISON, ())


def replaced(facts, names, value):
  """The facts with another value of a nested key."""
  first, *rest = names
  inner = replaced(facts[first], rest, value) if rest else value
  return dict(facts) | {first: inner}
