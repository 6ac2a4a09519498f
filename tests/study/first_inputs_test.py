"""What each network reads first, and what it refuses."""

import networks
import numpy as np
import pytest
import worlds

from dynrec_jax.data import histories
from dynrec_jax.recommender import CannotFit
from dynrec_jax.study import (
  check,
  first_inputs,
  parts,
  recommend,
  splits,
  training_data,
)


@pytest.fixture(scope='module')
def cross_settings(tmp_path_factory):
  return networks.cross_settings(tmp_path_factory.mktemp('cross'))


@pytest.fixture(scope='module')
def cross(cross_settings, quick_compile):
  del quick_compile
  return worlds.Study(networks.config_of(cross_settings, 'rnn'))


@pytest.mark.parametrize(
  ('network', 'scenario', 'mode', 'first'),
  [
    ('rnn', 'single', 'history_only', 'nothing'),
    ('rnn_sem', 'single', 'history_only', 'nothing'),
    ('rnn', 'cross', 'topic_only', 'bos'),
    ('rnn_sem', 'cross', 'topic_only', 'bos'),
    ('static_dnn', 'single', 'topic_only', None),
    ('dynamic', 'single', 'session_chain', None),
    ('dynamic', 'cross', 'session_chain', None),
  ],
)
def test_what_stands_before_the_first_prediction(
  network, scenario, mode, first, tiny_settings
):
  config = worlds.tiny_config(
    tiny_settings,
    model__network=network,
    scenario=scenario,
    model__history_mode='session_chain',
    variants__cross_first='bos',
  )
  assert first_inputs.history_mode(config) == mode
  if first is not None:
    assert first_inputs.first_of_no_history(config) == first
  assert not first_inputs.reads_tweet_texts(config)


@pytest.mark.slow
def test_only_the_variants_that_read_tweets_describe_them(
  cross, cross_settings
):
  for name, changes in (
    ('model', {}),
    ('static_dnn', {}),
    ('rnn', {'variants__cross_first': 'bos'}),
    ('rnn', {'scenario': 'single'}),
  ):
    config = networks.config_of(cross_settings, name, **changes)
    assert first_inputs.description(config, cross.prepared) is None
  assert first_inputs.description(cross.config, cross.prepared) is not None


def test_features_of_a_file_encode_no_tweet(cross):
  """As a method (CannotFit) and, before anything is read, as the config."""
  config = cross.config.copy_and_resolve_references()
  config.text.encoder, config.text.features = 'given', __file__
  message = (
    r'^variants\.cross_first is tweet_text.*encodes no tweet: right are b'
  )
  for fails in (
    lambda: check.check_config(config),
    lambda: parts.make_parts(config, cross.prepared),
    lambda: training_data.make_training_set(
      config, cross.prepared, cross.split
    ),
  ):
    with pytest.raises(CannotFit, match=message):
      fails()
  config.variants.cross_first = 'bos'
  check.check_config(config)
  parts.make_parts(config, cross.prepared)


def test_tweets_without_known_words_are_refused(cross_settings, tmp_path):
  rows = [(u, t, '5 ' + 'zz' * (u + 1)) for u, t, _ in worlds.tweets()]
  folder = worlds.write_tweets(worlds.write_folder(tmp_path / 'f'), rows)
  settings = cross_settings | {
    'data.manual_dir': str(folder),
    'topics.least_tweets': 1,
  }
  with pytest.raises(
    CannotFit, match=r'^variants\.cross_first is tweet_text, and none of the '
  ):
    worlds.Study(networks.config_of(settings, 'rnn'))
  config = networks.config_of(settings, 'rnn', variants__cross_first='bos')
  worlds.Study(config)


def test_one_prepared_study_serves_all_networks(cross):
  """The tweets are encoded for the first that asks."""
  before = cross.prepared.tweet_features
  settings = worlds.Study(cross.config, cross.prepared)
  assert settings.prepared.tweet_features is before
  found = first_inputs.description(cross.config, cross.prepared)
  events = cross.split.behaviours
  texts = cross.prepared.tweet_texts
  one, two = (found(events, texts)[1] for _ in range(2))
  assert one is two


def test_held_out_tweets_after_n_f_change_no_input(cross):
  """Nor those of anyone after a query's time."""
  users = cross.split.users.test
  queries, _ = training_data.make_questions(
    cross.config,
    cross.prepared,
    cross.split,
    users,
    splits.modes(cross.config)['cross'],
  )
  params = worlds.random_params(cross.network)
  lists = cross.parts.predictor.recommender(params)
  want = lists(queries, 5)
  later = queries.time[0]
  texts = cross.prepared.tweet_texts.copy()
  texts[cross.split.behaviours.time >= later] = 'tide tide'
  known = training_data.Known(
    histories.no_events(worlds.USERS),
    cross.split.behaviours,
    texts,
    cross.prepared.records.profiles,
    cross.prepared.sessions,
  )
  other = training_data.make_queries(
    known, queries.topics, users, 9, mask_known=True
  )
  np.testing.assert_array_equal(lists(other, 5).ids, want.ids)
  texts[:] = 'tide tide'
  other = training_data.make_queries(
    known, queries.topics, users, 9, mask_known=True
  )
  assert not np.array_equal(lists(other, 5).ids, want.ids)


def test_new_users_tweets_are_read(cross, tmp_path):
  """Of a file: texts that the study never saw, and one without any word."""
  path = tmp_path / 'new.csv'
  day = worlds.START + 9 * worlds.DAY
  path.write_text(
    f'user,time,text\na,{day},apple berry cherry\nb,{day},zzz\n'
    f'c,{day},berry tide maths\n'
  )
  users = recommend._new_authors(str(path), cross.prepared, cross.split)
  queries = training_data.make_queries(
    users.known,
    cross.prepared.behaviours.topics,
    np.arange(3),
    users.known.clock.count,
    mask_known=True,
  )
  params = worlds.random_params(cross.network)
  found = cross.parts.predictor.recommender(params)(queries, 5)
  np.testing.assert_allclose(
    found.scores[1, 0], -np.log(worlds.VIDEOS), rtol=1e-5
  )
  assert not np.array_equal(found.ids[0], found.ids[2])
