"""What users are asked, and the digest of all that lists follow from."""

import jax
import numpy as np
import pytest

from dynrec_jax.data import histories
from dynrec_jax.study import asked, training_data


@pytest.fixture(scope='module')
def of(study):
  users = study.split.users.valid
  return asked.ask(study.config, study.prepared, study.split, users, 'short', 3)


def test_it_is_what_methods_see_and_are_asked(of, study):
  at = (study.config, study.prepared, study.split)
  users = study.split.users.valid
  want = (
    training_data.make_seen(*at, 3),
    *training_data.make_questions(*at, users, 3),
  )
  assert of.mode == 'short'
  assert of.questions == (of.queries, of.later)
  one, two = jax.tree.leaves((of.seen, *of.questions)), jax.tree.leaves(want)
  assert len(one) == len(two)
  for a, b in zip(one, two, strict=True):
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def moved(events):
  return events._replace(time=events.time + 1)


CHANGES = {
  'watches': lambda of: {'seen': {'watches': moved(of.seen.watches)}},
  'train users': lambda of: {'seen': {'train_users': of.seen.train_users[1:]}},
  'views': lambda of: {
    'seen': {
      'videos': of.seen.videos._replace(
        view_count=of.seen.videos.view_count + 1
      )
    }
  },
  'known videos': lambda of: {'seen': {'known_videos': ~of.seen.known_videos}},
  'texts': lambda of: {'seen': {'video_texts': of.seen.video_texts[::-1]}},
  'topics': lambda of: {'seen': {'video_topics': of.seen.video_topics + 1}},
  'profiles': lambda of: {'queries': {'profiles': of.queries.profiles + 'x'}},
  'known': lambda of: {
    'queries': {'watches': histories.no_events(of.queries.count)}
  },
}


@pytest.mark.parametrize('change', CHANGES)
def test_any_change_is_another_digest(change, of, study):
  prepared = study.prepared
  before = asked.digest(prepared, of)
  assert asked.digest(prepared, of) == before
  parts = {
    name: getattr(of, name)._replace(**fields)
    for name, fields in CHANGES[change](of).items()
  }
  assert asked.digest(prepared, of._replace(**parts)) != before
  assert asked.digest(prepared, of._replace(later=moved(of.later))) != before
  other = prepared._replace(fingerprint='other')
  assert asked.digest(other, of) != before
