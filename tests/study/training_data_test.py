"""What is learned from, what is asked, and the truth, by plain loops."""

import numpy as np
import pytest
import worlds

from dynrec_jax.data import sequences
from dynrec_jax.study import splits, training_data


def events_by_user():
  """Per user, (time, video) in order."""
  out = [[] for _ in range(worlds.USERS)]
  for user, video, time in worlds.watches():
    out[user].append((time, video))
  return out


EVENTS = events_by_user()


def rows_of(histories):
  """Per row, (time, item)."""
  return [
    list(
      zip(
        histories.time[a:b].tolist(), histories.item[a:b].tolist(), strict=True
      )
    )
    for a, b in zip(histories.offsets[:-1], histories.offsets[1:], strict=True)
  ]


@pytest.mark.parametrize('mode', splits.MODES['single'])
def test_questions_know_the_past_and_the_truth_is_the_rest(mode, study):
  fraction = splits.MODES['single'][mode]
  users = study.split.users.test[::-1]  # in any order
  queries, later = training_data.make_questions(
    study.config, study.prepared, study.split, users, fraction
  )
  session = {'long': 9, 'short': 3}[mode]
  end = study.prepared.sessions.end(session)
  np.testing.assert_array_equal(queries.users, users)
  np.testing.assert_array_equal(queries.session, session)
  np.testing.assert_array_equal(queries.time, end)
  past = [[e for e in EVENTS[user] if e[0] < end] for user in users]
  rest = [[e for e in EVENTS[user] if e[0] >= end] for user in users]
  assert rows_of(queries.watches) == rows_of(queries.behaviours) == past
  assert rows_of(later) == rest
  assert any(past)
  assert any(rest)
  assert queries.texts is None
  assert queries.mask_known


def test_known_videos_may_be_allowed(study, tiny_settings):
  config = worlds.tiny_config(tiny_settings, eval__mask_history=False)
  queries, _ = training_data.make_questions(
    config, study.prepared, study.split, study.split.users.test, 0.75
  )
  assert not queries.mask_known
  assert not queries.forbidden_videos()[1].any()


def test_sessions_of_their_own(study):
  """Each query may stand at another session's end."""
  users, session = np.array([5, 1, 5]), np.array([11, 2, 4])
  queries = worlds.make_queries(study, users, session)
  ends = [study.prepared.sessions.end(s) for s in session]
  want = [
    [e for e in EVENTS[user] if e[0] < end]
    for user, end in zip(users, ends, strict=True)
  ]
  assert rows_of(queries.watches) == want
  np.testing.assert_array_equal(queries.time, ends)


@pytest.mark.parametrize('mode', splits.MODES['single'])
def test_seen_is_train_users_whole_and_others_up_to_n_f(mode, study):
  fraction = splits.MODES['single'][mode]
  seen = training_data.make_seen(
    study.config, study.prepared, study.split, fraction
  )
  trains = set(study.split.users.train.tolist())
  end = study.prepared.sessions.end(seen.session)
  want = [
    EVENTS[user] if user in trains else [e for e in EVENTS[user] if e[0] < end]
    for user in range(worlds.USERS)
  ]
  assert rows_of(seen.watches) == rows_of(seen.behaviours) == want
  assert want != EVENTS
  np.testing.assert_array_equal(seen.train_users, sorted(trains))
  assert seen.session == {'long': 9, 'short': 3}[mode]
  assert seen.seed == study.split.seed
  assert len(seen.video_texts) == worlds.VIDEOS
  assert seen.video_texts[worlds.NO_TEXT[0]] == ''


def test_training_reads_train_users_alone(study):
  samples = study.data.samples
  assert set(samples.user.tolist()) <= set(study.split.users.train.tolist())
  row, videos = sequences.targets_of(samples, study.data.watches)
  borders = study.prepared.sessions.borders
  for sample in (0, len(samples.user) // 2, len(samples.user) - 1):
    user, session = samples.user[sample], samples.session[sample]
    later = [v for t, v in EVENTS[user] if t >= borders[session]]
    assert videos[row == sample].tolist() == later[:6]


def test_without_the_relevance_loss_no_partners_are_looked_for(
  study, tiny_settings
):
  config = worlds.tiny_config(tiny_settings, loss__relevance_weight=0.0)
  data = training_data.make_training_set(config, study.prepared, study.split)
  assert data.relevance is None
  assert study.data.relevance is not None
