"""A log cut at a date: all that happened after it is changed, nothing follows.

Other watches of other people, other tweets, users who come later: what is
prepared, learned from and asked stays the same to the last bit; the truth
alone differs. So does what chooses the number of epochs, at the earlier date.
"""

import jax
import numpy as np
import pytest
import worlds

from dynrec_jax.data import batches, histories, sequences
from dynrec_jax.recommender import CannotFit
from dynrec_jax.study import (
  method_config,
  methods,
  settings,
  splits,
  training_data,
)

pytestmark = pytest.mark.usefixtures('quick_compile')
SCENARIOS = ('single', 'cross')
EARLIER = worlds.START + 120 * worlds.DAY  # 1 May, two sessions before


def study_of(root, scenario, rows, tweets=None):
  """A study by time of a folder of its own."""
  folder = worlds.write_folder(root / 'folder', rows)
  config = worlds.tiny_settings(folder, root)
  if scenario == 'cross':
    worlds.write_tweets(folder, tweets)
    config |= worlds.CROSS
  return worlds.Study(worlds.tiny_config(config | worlds.BY_TIME))


def edited_watches():
  """Everything after the cut is other; three users come with it."""
  rng = np.random.default_rng(4)
  rows = [row for row in worlds.cut_watches() if row[2] < worlds.CUT]
  for user in range(worlds.USERS + 3):
    for video in rng.permutation(worlds.VIDEOS)[: user % 7].tolist():
      day = int(rng.integers(0, 180))
      # The first second after the cut counts as after it.
      rows.append((user, video, worlds.CUT + day * worlds.DAY))
  return sorted(rows, key=lambda row: (row[0], row[2]))


def edited_tweets():
  return [
    (user, time, 'newword tide' if time >= worlds.CUT else text)
    for user, time, text in worlds.tweets()
  ] + [(3, worlds.CUT, 'newword newword')]


@pytest.fixture(scope='module', params=SCENARIOS)
def pair(request, tmp_path_factory, quick_compile):
  """The study, and the same after another second half of the year."""
  del quick_compile
  roots = [tmp_path_factory.mktemp('time') for _ in range(2)]
  by_user = sorted(edited_tweets(), key=lambda row: row[:2])
  return (
    study_of(roots[0], request.param, worlds.cut_watches(), worlds.tweets()),
    study_of(roots[1], request.param, edited_watches(), by_user),
  )


def assert_equal(one, two):
  one, two = jax.tree.leaves(one), jax.tree.leaves(two)
  assert len(one) == len(two)
  for a, b in zip(one, two, strict=True):
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def prepared_content(study):
  """All that is prepared, but for the events after the cut."""
  prepared = study.prepared
  known = prepared.behaviours.known
  return [
    prepared.records.user_ids,
    prepared.records.profiles,
    *prepared.records.videos,
    *prepared.features,
    prepared.behaviours.topics,
    prepared.topic_words,
    prepared.video_texts,
    prepared.known_videos,
    prepared.sessions,
    [] if known is None else [known.vocabulary, *known.state.counts],
    np.array(prepared.fingerprint),
  ]


def training_content(study, this):
  """All that a training run is handed, without places in flat arrays."""
  data = training_data.make_training_set(study.config, study.prepared, this)
  related = data.relevance
  spec = settings.batch_spec(study.config, this.seed)
  stream = batches.batches(data, spec)
  return [
    *data.samples,
    *data.watches,
    *sequences.targets_of(data.samples, data.watches),
    *data.interest_rows,
    *(related.users, related.offsets, related.partner, related.rel),
    *(related.lists.toarray(), related.overlap),
    data.paired_videos,
    data.decay,
    data.unit_secs,
    *(next(stream) for _ in range(2)),
  ]


def asked(study, this, users):
  """Queries and truth of every mode."""
  return [
    training_data.make_questions(
      study.config, study.prepared, this, users, session
    )
    for session in splits.borders(study.config, this).values()
  ]


def seen(study, this):
  return [
    training_data.make_seen(study.config, study.prepared, this, session)
    for session in splits.borders(study.config, this).values()
  ]


def test_the_edit_is_real(pair):
  one, two = pair
  assert len(one.prepared.watches.item) != len(two.prepared.watches.item)
  truth = [asked(s, s.split, s.split.users.test)[0][1] for s in pair]
  assert not np.array_equal(truth[0].offsets, truth[1].offsets)
  ids = one.prepared.records.videos.id
  new = set(ids[~one.prepared.known_videos])
  assert new == {f'v{video}' for video in worlds.NEW if video != 25}
  assert any(ids[item] in new for item in truth[0].item)
  if one.config.scenario == 'cross':
    assert not np.array_equal(
      one.prepared.tweet_texts, two.prepared.tweet_texts
    )


def test_what_is_prepared(pair):
  assert_equal(*map(prepared_content, pair))


def test_what_is_learned_from_and_asked(pair):
  one, two = pair
  assert_equal(one.split.users, two.split.users)
  assert_equal(seen(one, one.split), seen(two, two.split))
  content = [training_content(study, study.split) for study in pair]
  assert_equal(*content)
  queries = [asked(s, s.split, s.split.users.test)[0][0] for s in pair]
  assert_equal(*queries)


def test_nothing_that_is_handed_out_is_from_after_the_cut(pair):
  for study in pair:
    (known,) = seen(study, study.split)
    data = training_data.make_training_set(
      study.config, study.prepared, study.split
    )
    ((queries, later),) = asked(study, study.split, study.split.users.test)
    for events in (known.watches, known.behaviours, data.watches):
      assert events.time.max() < worlds.CUT
    assert queries.behaviours.time.max() < worlds.CUT <= later.time.min()
    assert data.samples.time.max() < worlds.CUT
    np.testing.assert_array_equal(
      known.train_users, np.arange(len(known.profiles))
    )


def test_every_method_gives_the_same_lists(pair):
  """Those that learn from a next period have none, and may say so."""
  params = worlds.random_params(pair[0].network)
  asks = [asked(s, s.split, s.split.users.test)[0][0] for s in pair]
  fitted = 0
  for name in methods.METHODS:
    found = []
    for study, queries in zip(pair, asks, strict=True):
      if study.config.scenario not in methods.METHODS[name].scenarios or (
        methods.is_network(name) and name != 'model'
      ):
        continue
      config = method_config.of_method(study.config, name, {})
      model = study.parts.predictor.recommender(params)
      try:
        recommend = methods.fit(name, config, *seen(study, study.split), model)
      except CannotFit:
        continue
      found.append(recommend(queries, 5))
    assert len(found) in (0, 2), name
    fitted += len(found) // 2
    if found:
      assert_equal(*found)
  assert fitted >= 3


def test_epochs_are_chosen_without_anything_after_the_cut(pair):
  earlier = [splits.earlier_split(s.config, s.prepared, s.split) for s in pair]
  for content in (training_content, seen):
    assert_equal(*(content(*both) for both in zip(pair, earlier, strict=True)))
  # So is what a likelihood is measured on, which ends at the cut.
  validated = [
    training_data.make_validation_set(s.config, s.prepared, this)
    for s, this in zip(pair, earlier, strict=True)
  ]
  for data, rows in validated:
    assert len(rows['time'])
    assert data.watches.time.max() < worlds.CUT
  assert_equal(
    *(
      [(*data.watches, *data.samples, *data.interest_rows), rows['time']]
      for data, rows in validated
    )
  )
  # The truth lies between both dates: it is the same, too.
  questions = [
    asked(study, this, this.users.valid)
    for study, this in zip(pair, earlier, strict=True)
  ]
  assert_equal(*questions)
  ((queries, later),) = questions[0]
  assert len(later.time)
  assert queries.time.max() <= later.time.min()
  assert later.time.max() < worlds.CUT


def test_choosing_epochs_trains_on_nothing_after_the_earlier_date(pair):
  """Watches between the dates are others: the truth alone differs."""
  study = pair[0]
  prepared = study.prepared
  rng = np.random.default_rng(8)
  events = prepared.watches
  between = (events.time >= EARLIER) & (events.time < worlds.CUT)
  item = events.item.copy()
  item[between] = rng.permutation(item[between])
  watches = histories.Histories(events.offsets, item, events.time)
  assert not np.array_equal(item, events.item)
  made_of = prepared.behaviours
  if study.config.scenario == 'single':
    made_of = made_of._replace(histories=watches)
  other = worlds.Study(
    study.config, prepared._replace(watches=watches, behaviours=made_of)
  )
  found = []
  for one in (study, other):
    this = splits.earlier_split(one.config, one.prepared, one.split)
    assert one.prepared.sessions.end(this.train_until) == EARLIER
    ((queries, later),) = asked(one, this, this.users.valid)
    found.append([training_content(one, this), seen(one, this), queries])
    found[-1].append(later.item)
  assert_equal(found[0][:3], found[1][:3])
  assert not np.array_equal(found[0][3], found[1][3])
