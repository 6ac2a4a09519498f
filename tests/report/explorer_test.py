"""Stories and lists joined: by hand, in small numbers, and what is refused."""

import json

import pytest

from dynrec_jax.report import explorer, stories, user_lists
from dynrec_jax.report.stories import Story

LABELS = {'model': 'dynrec', 'random': 'Random', 'knn': 'KNN'}
TITLES = {'a': 'Alpha', 'b': '', 'c': 'Gamma', 'unused': 'Never'}


def story(user, **changes):
  base = Story(user, [(1, 'a'), (2, 'b')], [1, 1], [{3: 1.0}, {}], [{}, {}], [])
  return base._replace(**changes)


def write(directory, mode, found, lists):
  stories.write_names(directory, TITLES, [['sea', 'ship'] * 5, []])
  stories.write_stories(directory, mode, found)
  for method, of_users in lists.items():
    rows = [
      {'user': user, 'videos': videos, 'hits': 0, 'truth': 1}
      for user, videos in of_users.items()
    ]
    path = user_lists.path_of(directory, mode, method)
    user_lists.write_lists(path, rows)


@pytest.fixture
def directory(tmp_path):
  write(
    str(tmp_path),
    'long',
    [story('u2', truth=['c']), story('u1', history=[])],
    {
      'random': {'u1': ['b', 'a'], 'u2': ['c', 'b'], 'u3': ['unused', 'a']},
      'model': {'u2': ['a'], 'u1': ['c'], 'u3': ['a']},
    },
  )
  return str(tmp_path)


def test_by_hand(directory):
  found = explorer.join(directory, ['short', 'long'], LABELS)
  assert json.loads(json.dumps(found)) == found
  assert found['modes'][0]['words'] == {'0': 'sea ship sea ship sea', '1': ''}
  (mode,) = found['modes']
  assert mode['name'] == 'long'
  assert mode['methods'] == ['dynrec', 'Random']
  titles = found['videos']
  assert sorted(titles) == ['Alpha', 'Gamma', 'b']
  named = [
    {
      'user': user['user'],
      'history': [[s, titles[v]] for s, v in user['history']],
      'lists': [[titles[v] for v in own] for own in user['lists']],
      'truth': [titles[v] for v in user['truth']],
    }
    for user in mode['users']
  ]
  assert named == [
    {
      'user': 'u2',
      'history': [[1, 'Alpha'], [2, 'b']],
      'lists': [['Alpha'], ['Gamma', 'b']],
      'truth': ['Gamma'],
    },
    {
      'user': 'u1',
      'history': [],
      'lists': [['Gamma'], ['b', 'Alpha']],
      'truth': [],
    },
  ]
  assert mode['users'][0]['topics'] == [{'3': 1.0}, {}]
  assert mode['users'][0]['behaviours'] == [1, 1]


def test_modes_share_the_titles(directory):
  write(directory, 'short', [story('u9')], {'knn': {'u9': ['unused']}})
  found = explorer.join(directory, ['short', 'long'], LABELS)
  assert [mode['name'] for mode in found['modes']] == ['short', 'long']
  assert [mode['methods'] for mode in found['modes']] == [
    ['KNN'],
    ['dynrec', 'Random'],
  ]
  assert sorted(found['videos']) == ['Alpha', 'Gamma', 'Never', 'b']


def test_no_stories(tmp_path):
  found = explorer.join(str(tmp_path), ['long'], LABELS)
  assert found == {'videos': [], 'modes': []}


def test_lists_by_label(directory):
  assert explorer.read_lists(
    directory, 'long', {'random': 'R', 'knn': 'K'}
  ) == {'R': {'u1': ['b', 'a'], 'u2': ['c', 'b'], 'u3': ['unused', 'a']}}


def test_a_user_without_a_list_is_named(directory):
  write(directory, 'long', [story('u7')], {})
  with pytest.raises(
    ValueError, match=r"long\.jsonl: user 'u7' has no list of dynrec; right"
  ):
    explorer.join(directory, ['long'], LABELS)
