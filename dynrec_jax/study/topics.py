"""Topics for a reader: `mode=prepare` shows them, `mode=choose_topics` counts.

Paper: Sec 4.1 chooses the number of topics by perplexity; Fig 4 shows topics
over time.
"""

import ml_collections
import numpy as np
from scipy.sparse import csr_matrix

from dynrec_jax.data.records import NoWordsError
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.parallel import hosts
from dynrec_jax.report import topic_report
from dynrec_jax.study import (
  behaviours,
  content,
  filtered,
  places,
  prepare,
  settings,
  workdir,
)
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.topics import choose_count, tweet_text


def describe(config: ml_collections.ConfigDict, prepared: Prepared) -> str:
  """What was prepared, and its topics: words and shares over time.

  Saved as `topics.md` and `topics.png` in the workdir.
  """
  records, features = prepared.records, prepared.features
  lines = [
    f'{len(records.user_ids):,} users, {len(records.videos.id):,} videos, '
    f'{len(records.watches.user):,} watches, {len(records.tweets.user):,} '
    'tweets after the filters',
    f'{features.has_visual.sum():,} videos with a visual feature of '
    f'{features.visual.shape[1]:,} numbers, {features.has_text.sum():,} with a '
    f'text feature of {features.text.shape[1]:,}',
  ]
  if len(prepared.topic_words):
    shares = _shares(prepared)
    lines += ['', topic_report.topic_table(prepared.topic_words, shares)]
    if hosts.is_writer():
      path = workdir.path_of(config, 'topics.png')
      topic_report.plot_shares(path, shares, prepared.topic_words)
  return _saved(config, 'topics.md', '\n'.join(lines))


def choose_topics(config: ml_collections.ConfigDict) -> str:
  """Perplexity against K, and the K that the rule names.

  Of the videos' topics, or in the cross network of the tweets' before n_f.
  Saved as `topic_count.md` and `topic_count.png` in the workdir.

  Raises:
    ValueError: the source has nothing to find topics in.
  """
  with hosts.first_alone('choose_topics'):  # the others read what it stored
    if config.scenario == 'single':
      choice, key = _choose_for_videos(config), 'topics.count'
    else:
      choice, key = _choose_for_tweets(config), 'topics.tweet_count'
  if hosts.is_writer():
    topic_report.plot_counts(
      workdir.path_of(config, 'topic_count.png'), *choice
    )
  chosen = f'--config.{key}={choice.chosen.topic_count}'
  text = f'{topic_report.count_table(*choice)}\n\n{chosen}'
  return _saved(config, 'topic_count.md', text)


def _choose_for_videos(config) -> choose_count.CountChoice:
  """By videos whose halves are held out."""
  studied, texts, features = prepare.described(config)
  form, known = config.topics.yt, np.flatnonzero(studied.known_videos)
  # The same model of no visual words; of these alone where no text is.
  if form == 'text_lda' and not features.has_text.any():
    form = 'mm_lda'
  if form == 'text_lda':
    form, words = 'mm_lda', csr_matrix((len(texts), 0), dtype=np.int64)
  else:
    words = content.visual_words(
      studied.records.videos.id, features, config, studied.known_videos
    )
  try:
    return choose_count.choose_video_topics(
      [texts[row] for row in known],
      words[known],
      seed=config.seed,
      form=form,
      topic_counts=config.topics.counts,
      start_count=config.topics.starts,
      cache_dir=places.cache_dir(config),
    )
  except NoWordsError as error:
    raise NoWordsError(
      f'{error}; read are text.fields={",".join(config.text.fields)}'
    ) from error


def _choose_for_tweets(config) -> choose_count.CountChoice:
  """By users whose tweets are held out, of those before n_f alone."""
  studied = filtered.study_records(config)
  tweets = behaviours.tweets_of(studied.records, config)
  before = tweets.time < prepare.known_until(studied.sessions, config)
  texts = tweets.text[before]
  vocabulary = tweet_text.fit_vocabulary(
    texts, least_tweets=config.topics.least_tweets
  )
  if not vocabulary:
    raise ValueError(
      f'no word stands in {config.topics.least_tweets} of the {len(texts)} '
      'tweets before n_f; topics need texts'
    )
  time = tweets.time[before]
  corpus = tweet_text.encode_tweets(
    tweets.user[before], time, texts, vocabulary, start=int(time.min())
  )
  return choose_count.choose_tweet_topics(
    corpus,
    word_count=len(vocabulary),
    seed=config.seed,
    topic_counts=config.topics.counts,
    start_rounds=config.topics.start_rounds,
    priors=behaviours.fit_settings(config).hyper,
    cache_dir=places.cache_dir(config),
  )


def _shares(prepared: Prepared) -> np.ndarray:
  """[L, K] how all behaviours divide among the topics in each session."""
  made_of, clock = prepared.behaviours, prepared.sessions
  if made_of.known is None:
    rows, times = made_of.histories.item, made_of.histories.time
  else:  # topics that are known to all splits; later tweets have none
    topic = made_of.known.topic
    rows = np.where(topic < 0, len(made_of.topics) - 1, topic)
    times = made_of.known.time
  session = _session(clock, times)
  return topic_report.session_shares(
    made_of.topics[rows], session, session_count=clock.count
  )


def _session(clock: Sessions, times: np.ndarray) -> np.ndarray:
  """The session of each time from 0; what lies outside belongs to the ends."""
  return np.clip(clock.of(times) - 1, 0, clock.count - 1)


def _saved(config, name: str, text: str) -> str:
  """The text, also in a file, with a note if the data are simulated."""
  text += settings.origin_note(config)
  workdir.write_text(config, name, text)
  return text
