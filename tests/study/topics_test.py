"""What `prepare` and `choose_topics` print and leave behind."""

import pathlib

import numpy as np
import pytest
import worlds

from dynrec_jax.study import check, content, keys, prepare, topics
from dynrec_jax.topics import choose_count

pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(scope='module')
def make_config(tmp_path_factory):
  root = tmp_path_factory.mktemp('topic_study')
  folder = worlds.write_tweets(worlds.write_folder(root / 'folder'))

  def make(name, changes):
    settings = worlds.tiny_settings(folder, root) | changes
    settings['workdir'] = str(root / name)
    config = worlds.tiny_config(settings)
    check.check_config(config)
    return config

  return make


def left(config, name):
  path = pathlib.Path(config.workdir) / name
  assert not path.with_name(f'{name}.partial').exists()
  return path.read_bytes()


def test_single_network(make_config):
  config = make_config('single', {})
  prepared = prepare.prepare(config)
  text = topics.describe(config, prepared)
  assert left(config, 'topics.md').decode() == f'{text}\n'
  assert left(config, 'topics.png')[:4] == b'\x89PNG'
  watches = sum(np.diff(prepared.watches.offsets))
  lines = text.splitlines()
  assert lines[0].startswith(f'60 users, 40 videos, {watches} watches, ')
  assert lines[1].startswith('37 videos with a visual feature of 12 numbers, ')
  assert len(lines) == 3 + 2 + 4  # a row for each topic
  words = {word for row in worlds.WORDS for word in row}
  named = set(' '.join(line.split('|')[-2] for line in lines[5:]).split())
  assert len(named) > 10
  assert named <= words


def test_shares_are_those_of_the_watches(make_config):
  prepared = prepare.prepare(make_config('single', {}))
  shares = topics._shares(prepared)
  of_video, clock = prepared.behaviours.topics, prepared.sessions
  want = np.zeros_like(shares)
  videos, times = prepared.watches.item, prepared.watches.time
  for video, time in zip(videos, times, strict=True):
    session = max(i for i in range(12) if clock.borders[i] <= time)
    want[session] += of_video[video]
  want /= want.sum(axis=1, keepdims=True)
  np.testing.assert_allclose(shares, want, atol=1e-6)


def test_cross_network_shows_what_is_known_of_everyone(make_config):
  config = make_config('cross', worlds.CROSS)
  prepared = prepare.prepare(config)
  shares = topics._shares(prepared)
  np.testing.assert_allclose(shares[:9].sum(axis=1), 1)
  assert not shares[9:].any()  # after n_f topics depend on the split
  text = topics.describe(config, prepared)
  assert any(word in text for word in worlds.WORDS[0])


@pytest.mark.slow
@pytest.mark.parametrize('form', ['text_lda', 'mm_lda'])
def test_the_count_is_chosen_from_what_is_asked(make_config, form, monkeypatch):
  seen = []
  real = choose_count.choose_video_topics

  def choose(texts, words, **settings):
    seen.append((words.shape, settings['form']))
    return real(texts, words, min_df=1, **settings)

  monkeypatch.setattr(choose_count, 'choose_video_topics', choose)
  changes = {'topics.yt': form, 'topics.counts': (2, 4)}
  config = make_config(form, changes | {'topics.visual_slices': 2})
  text = topics.choose_topics(config)
  columns = 0 if form == 'text_lda' else seen[0][0][1]
  assert seen == [((40, columns), 'mm_lda')]
  assert (columns > 0) == (form == 'mm_lda')
  *_, choice = text.splitlines()
  assert choice in ('--config.topics.count=2', '--config.topics.count=4')
  assert left(config, 'topic_count.md').decode() == f'{text}\n'
  assert left(config, 'topic_count.png')[:4] == b'\x89PNG'


def test_tweets_after_the_history_choose_nothing(make_config, monkeypatch):
  seen = []
  # Tweets need no video's feature.
  monkeypatch.setattr(content, 'video_features', None)

  def choose(corpus, **settings):
    seen.append((corpus, settings))
    trial = choose_count.Trial(4, 9.0, 25, 0.1)
    return choose_count.CountChoice((trial,), trial)

  monkeypatch.setattr(choose_count, 'choose_tweet_topics', choose)
  config = make_config('tweets', worlds.CROSS | {'topics.counts': (4,)})
  text = topics.choose_topics(config)
  assert text.splitlines()[-1] == '--config.topics.tweet_count=4'
  ((corpus, settings),) = seen
  border = worlds.START + 273 * worlds.DAY
  early = [time for _, time, _ in worlds.tweets() if time < border]
  assert len(corpus.user) == len(early)
  assert settings['topic_counts'] == (4,)


@pytest.mark.slow
def test_other_visual_words_give_other_topics(make_config):
  """And are not taken from what was stored for the former ones."""
  found = [
    prepare.prepare(
      make_config('words', {'topics.yt': 'mm_lda', 'topics.visual_slices': n})
    ).behaviours.topics
    for n in (2, 4, 2)
  ]
  np.testing.assert_array_equal(found[0], found[2])
  assert (found[0] != found[1]).any()


@pytest.mark.slow
def test_forms_give_topics_of_their_own(make_config):
  found = {}
  for form in keys.KEYS['topics.yt'].values.valid:
    config = make_config('forms', {'topics.yt': form})
    prepared = prepare.prepare(config)
    found[form] = prepared.behaviours.topics
    told = found[form].sum(axis=1)
    has_text = prepared.features.has_text
    if form != 'text_lda':
      has_text |= prepared.features.has_visual
    np.testing.assert_allclose(told, has_text, atol=1e-5)
  one, two, three = found.values()
  assert len({x.tobytes() for x in (one, two, three)}) == 3


@pytest.mark.slow
def test_the_count_is_chosen_before_a_cut(make_config, monkeypatch):
  """By known videos alone, or by the tweets that come before it."""
  seen = []

  def choose(texts, words, **settings):
    seen.append((texts, words.shape))
    trial = choose_count.Trial(4, 9.0, 25, 0.1)
    return choose_count.CountChoice((trial,), trial)

  def choose_tweets(corpus, **settings):
    return choose(corpus.user, np.zeros(0))

  monkeypatch.setattr(choose_count, 'choose_video_topics', choose)
  monkeypatch.setattr(choose_count, 'choose_tweet_topics', choose_tweets)
  config = make_config('cut', worlds.BY_TIME | {'topics.yt': 'mm_lda'})
  topics.choose_topics(config)
  prepared = prepare.prepare(config)
  known = np.flatnonzero(prepared.known_videos)
  ((texts, shape),) = seen
  assert texts == [prepared.video_texts[row] for row in known]
  assert shape[0] == len(known) > 0
  topics.choose_topics(make_config('cut', worlds.CROSS | worlds.BY_TIME))
  users = set(prepared.records.user_ids)
  early = [
    user
    for user, time, _ in worlds.tweets()
    if time < worlds.CUT and f'u{user}' in users
  ]
  assert len(seen[1][0]) == len(early)
