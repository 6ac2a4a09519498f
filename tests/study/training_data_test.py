"""What is learned from, what is asked, and the truth, by plain loops."""

import numpy as np
import pytest
import worlds

from dynrec_jax.data import sequences
from dynrec_jax.data.records import LacksDataError
from dynrec_jax.data.sequences import Samples
from dynrec_jax.data.streamed_set import StreamedSet
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


@pytest.mark.parametrize(('mode', 'session'), [('long', 9), ('short', 3)])
def test_questions_know_the_past_and_the_truth_is_the_rest(
  mode, session, study
):
  assert splits.modes(study.config)[mode] == session
  users = study.split.users.test[::-1]  # in any order
  queries, later = training_data.make_questions(
    study.config, study.prepared, study.split, users, session
  )
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
    config, study.prepared, study.split, study.split.users.test, 9
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


@pytest.mark.parametrize(('mode', 'session'), [('long', 9), ('short', 3)])
def test_seen_is_train_users_whole_and_others_up_to_n_f(mode, session, study):
  assert splits.modes(study.config)[mode] == session
  seen = training_data.make_seen(
    study.config, study.prepared, study.split, session
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
  assert seen.session == session
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


@pytest.fixture(scope='module')
def by_time(tmp_path_factory):
  """The tiny study, cut at the end of June."""
  root = tmp_path_factory.mktemp('time')
  folder = worlds.write_folder(root / 'folder', worlds.cut_watches())
  settings = worlds.tiny_settings(folder, root) | worlds.BY_TIME
  return worlds.Study(worlds.tiny_config(settings))


def own_events(study):
  """Per user of the study, (time, video) by its own numbers."""
  records = study.prepared.records
  row = {name: at for at, name in enumerate(records.videos.id)}
  out = []
  for name in records.user_ids:
    rows = [(t, f'v{v}') for u, v, t in worlds.cut_watches() if f'u{u}' == name]
    out.append([(t, row[v]) for t, v in rows if v in row])
  return out


def parts_of(study):
  """(split, what is known, what is the truth) at the cut and before it."""
  prepared, final = study.prepared, study.split
  earlier = splits.earlier_split(study.config, prepared, final)
  cut, before = (prepared.sessions.end(n) for n in (6, 4))
  assert cut == worlds.CUT
  events = own_events(study)
  for this, users, start, end in (
    (final, final.users.test, cut, np.inf),
    (earlier, earlier.users.valid, before, cut),
  ):
    past = [[e for e in row if e[0] < start] for row in events]
    truth = [[e for e in row if start <= e[0] < end] for row in events]
    yield this, users, past, truth


def test_one_date_cuts_what_is_known_from_what_is_asked(by_time):
  for this, users, past, truth in parts_of(by_time):
    (session,) = splits.borders(by_time.config, this).values()
    at = (by_time.config, by_time.prepared, this)
    queries, later = training_data.make_questions(*at, users, session)
    assert rows_of(queries.watches) == [past[user] for user in users]
    assert rows_of(later) == [truth[user] for user in users]
    assert any(truth[user] for user in users)
    seen = training_data.make_seen(*at, session)
    assert rows_of(seen.watches) == rows_of(seen.behaviours) == past
    assert seen.session == session
    assert not (seen.videos.view_count >= 0).any()
    np.testing.assert_array_equal(
      seen.known_videos, by_time.prepared.known_videos
    )
  view_count = by_time.prepared.records.videos.view_count
  assert (view_count >= 0).all()  # the source has them


def test_training_ends_at_the_date(by_time):
  for this, _, past, _ in parts_of(by_time):
    data = training_data.make_training_set(
      by_time.config, by_time.prepared, this
    )
    samples = data.samples
    assert rows_of(data.watches) == past
    assert samples.session.max() == this.train_until - 1
    row, videos = sequences.targets_of(samples, data.watches)
    borders = by_time.prepared.sessions.borders
    expected = {
      (user, session): [v for t, v in own if t >= borders[session]][:6]
      for user, own in enumerate(past)
      for session in range(1, this.train_until)
      if own and own[0][0] < borders[session] <= own[-1][0]
    }
    found = {
      (int(samples.user[at]), int(samples.session[at])): videos[
        row == at
      ].tolist()
      for at in range(len(samples.user))
    }
    assert found == expected
    new = np.flatnonzero(~by_time.prepared.known_videos)
    assert len(new)
    assert not np.isin(data.paired_videos, new).any()
    assert not np.isin(data.watches.item, new).any()
    # A session is a share of the whole span, whatever is learned from.
    span = borders[-1] - borders[0]
    assert data.unit_secs == span / 12


@pytest.mark.parametrize('k', [2, 5])
def test_targets_may_count_as_the_measure_does(k, study, tiny_settings):
  config = worlds.tiny_config(tiny_settings, seq__weight='measure', decode__k=k)
  data = training_data.make_training_set(config, study.prepared, study.split)
  count = data.samples.target_count
  worth = 1 / k + 1 / count
  np.testing.assert_allclose(
    data.target_weights, worth * count.sum() / (count * worth).sum(), rtol=1e-6
  )
  assert study.data.target_weights is None


def sequences_of(data, rows):
  """(user, session) -> (known watches, targets) of some samples."""
  samples = data.samples.take(rows)
  known_row, known = sequences.history_indices(samples)
  row, videos = sequences.targets_of(samples, data.watches)
  return {
    (int(user), int(session)): (
      data.watches.item[known[known_row == at]].tolist(),
      videos[row == at].tolist(),
    )
    for at, (user, session) in enumerate(
      zip(samples.user, samples.session, strict=True)
    )
  }


def test_validation_users_are_read_at_the_borders_alone(study):
  data, rows = training_data.make_validation_set(
    study.config, study.prepared, study.split
  )
  borders = study.prepared.sessions.borders
  assert sum(map(len, rows.values())) == len(data.samples.user)
  assert len(data.interest_rows.offsets) == len(data.samples.user) + 1
  for mode, session in (('long', 9), ('short', 3)):
    want = {}
    for user in study.split.users.valid.tolist():
      past = [v for t, v in EVENTS[user] if t < borders[session]]
      later = [v for t, v in EVENTS[user] if t >= borders[session]][:6]
      if past and later:
        want[user, session] = past, later
    assert sequences_of(data, rows[mode]) == want
    assert len(want) > 1
  assert data.relevance is None
  assert len(data.paired_videos) == 0


def test_validation_weighs_its_own_targets(study, tiny_settings):
  """By how many there are, as training does."""
  config = worlds.tiny_config(tiny_settings, seq__weight='measure')
  data, _ = training_data.make_validation_set(
    config, study.prepared, study.split
  )
  count = data.samples.target_count
  assert len(data.target_weights) == len(count) > len(set(count.tolist())) > 1
  worth = 1 / config.decode.k + 1 / count
  shares = data.target_weights / worth
  np.testing.assert_allclose(shares, shares[0], rtol=1e-6)


def test_validation_reads_the_interests_of_training(study):
  """What a user who trains would give there."""
  both = study.split._replace(
    users=study.split.users._replace(train=study.split.users.valid)
  )
  trained = training_data.make_training_set(study.config, study.prepared, both)
  data, _ = training_data.make_validation_set(
    study.config, study.prepared, study.split
  )
  for at in range(len(data.samples.user)):
    (same,) = np.flatnonzero(
      (trained.samples.user == data.samples.user[at])
      & (trained.samples.session == data.samples.session[at])
    )
    start, end = trained.interest_rows.offsets[same : same + 2]
    own = data.interest_rows.offsets[at : at + 2]
    np.testing.assert_array_equal(
      data.interest_rows.values[own[0] : own[1]],
      trained.interest_rows.values[start:end],
    )


def test_validation_at_an_earlier_date_ends_at_the_cut(by_time):
  (_, (earlier, users, past, truth)) = parts_of(by_time)
  data, rows = training_data.make_validation_set(
    by_time.config, by_time.prepared, earlier
  )
  want = {
    (user, 4): ([v for _, v in past[user]], [v for _, v in truth[user]][:6])
    for user in users.tolist()
    if past[user] and truth[user]
  }
  assert sequences_of(data, rows['time']) == want
  assert want
  assert data.watches.time.max() < worlds.CUT


def test_hidden_watches_are_no_history(tiny_root, tmp_path_factory):
  root = tmp_path_factory.mktemp('cross')
  folder = worlds.write_tweets(worlds.write_folder(root / 'folder'))
  config = worlds.tiny_config(worlds.tiny_settings(folder, root) | worlds.CROSS)
  cross = worlds.Study(config)
  data, rows = training_data.make_validation_set(
    config, cross.prepared, cross.split
  )
  assert list(rows) == ['cross']
  found = sequences_of(data, rows['cross'])
  events = events_by_user()
  ids = [int(name[1:]) for name in cross.prepared.records.user_ids]
  video = [int(name[1:]) for name in cross.prepared.records.videos.id]
  end = cross.prepared.sessions.end(9)
  assert found
  for (user, session), (known, targets) in found.items():
    assert session == 9
    assert known == []
    later = [v for t, v in events[ids[user]] if t >= end]
    later = [v for v in later if v in video]
    assert [video[v] for v in targets] == later[:6]


def test_nobody_to_validate_on_is_an_error(study):
  nobody = study.split._replace(
    users=study.split.users._replace(valid=study.split.users.valid[:0])
  )
  with pytest.raises(LacksDataError, match=r'^train\.stop_by is likelihood'):
    training_data.make_validation_set(study.config, study.prepared, nobody)


@pytest.mark.parametrize('until', [None, 7])
def test_what_is_streamed_is_what_is_held(until, study, tiny_settings):
  """Every sample with its interest; also of a log that a date cuts."""
  changes = {'loss__coherence': 'sampled_softmax', 'loss__proposal': 'uniform'}
  changes['loss__relevance_weight'] = 0.0
  this = study.split._replace(train_until=until)
  held, few = (
    training_data.make_training_set(
      worlds.tiny_config(tiny_settings, train__streamed=streamed, **changes),
      study.prepared,
      this,
    )
    for streamed in (False, True)
  )
  assert isinstance(few, StreamedSet)
  rows = np.arange(held.sample_count)[::-3]
  for name in Samples._fields:
    np.testing.assert_array_equal(
      getattr(few.take(rows), name), getattr(held.samples, name)[rows]
    )
  for one, other in zip(few.prefixes(rows), held.prefixes(rows), strict=True):
    for a, b in zip(one, other, strict=True):
      np.testing.assert_array_equal(a, b)
  _, targets = sequences.targets_of(held.samples, held.watches)
  counts = np.bincount(targets, minlength=worlds.VIDEOS)
  np.testing.assert_array_equal(held.proposal.counts, counts)
  np.testing.assert_array_equal(few.proposal.counts, counts)
  assert (
    few.proposal.sample_count
    == held.proposal.sample_count
    == len(held.samples.user)
  )
  np.testing.assert_array_equal(few.paired_videos, held.paired_videos)
  assert (held.proposal.rule, few.max_bag) == ('uniform', held.max_bag)
