"""A set of other rules is told in words."""

import json

import pytest

from dynrec_jax.preparation import rules as rules_lib
from dynrec_jax.preparation.rules import Rules

PLAIN = Rules(
  (0, 10, 20, 30), None, 0, 11, 3, 'single_pass', False, ('title',), ()
)


def test_json_gives_the_rules_back():
  for rules in (PLAIN, PLAIN._replace(cut=20, new_videos=('tags', 'visual'))):
    stored = json.loads(json.dumps(rules._asdict()))
    assert rules_lib.from_json(stored) == rules


@pytest.mark.parametrize(
  ('changes', 'told'),
  [
    ({}, ''),
    ({'mode': 'fixpoint'}, 'mode was single_pass, is fixpoint'),
    (
      {'cut': 20, 'min_users_per_video': 4},
      'cut was None, is 20; min_users_per_video was 3, is 4',
    ),
    (
      {'borders': tuple(range(0, 80, 10))},
      'borders was (0, 10, 20, 30), is (0, ..., 70), 8 in all',
    ),
  ],
)
def test_differences_name_the_rule(changes, told):
  assert rules_lib.differences(PLAIN, PLAIN._replace(**changes)) == told


def test_users_need_a_history_and_a_future_where_no_date_divides_them():
  assert PLAIN.min_watches_left == 2
  assert PLAIN._replace(cut=20).min_watches_left == 1
