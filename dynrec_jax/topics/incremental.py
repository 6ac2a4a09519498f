"""TwitterLDA day by day: a tweet's topic never depends on a later day.

The first days are fitted together; after that each day is fitted alone, with
the statistics of the earlier days as its prior, and its topics are frozen.
"""

import math
import os
from typing import NamedTuple

import jax
import numpy as np
from absl import logging

from dynrec_jax.topics.topic_state import (
  TopicCheckpointError,
  TopicState,
  restore_state,
  save_state,
  source_digest,
  state_digest,
)
from dynrec_jax.topics.tweet_blocks import (
  COARSE_WIDTHS,
  NO_TOPIC,
  WIDTHS,
  TweetCorpus,
  check_corpus,
  select_tweets,
)
from dynrec_jax.topics.tweet_start import find_start
from dynrec_jax.topics.twitter_lda import (
  Hyperparameters,
  TopicCounts,
  empty_counts,
  fit_tweets,
)

# Of the draws; a new one makes stored states unused.
_VERSION = 3
_FIRST_BLOCK = 2048  # tweets a block
# A day fills few blocks, so small ones waste less: (most tweets of such a day,
# tweets a block, widths of blocks).
_DAY_BLOCKS = (
  (96, 16, COARSE_WIDTHS),
  (768, 64, COARSE_WIDTHS),
  (math.inf, 256, WIDTHS),
)


class Schedule(NamedTuple):
  """When and how hard tweets are fitted; the paper gives no schedule.

  Attributes:
    first_days: days fitted together at the start.
    start_rounds: rounds in which their start is found, see
      `tweet_start.find_start`; 0 starts at random.
    first_sweeps: sweeps over them.
    day_sweeps: sweeps over each later day.
    mode_count: last draws of which a frozen topic is the mode.
    retention: kappa in (0, 1], the share of all earlier statistics that each
      new day keeps; 1 forgets nothing.
  """

  first_days: int
  start_rounds: int
  first_sweeps: int
  day_sweeps: int
  mode_count: int
  retention: float


class StreamResult(NamedTuple):
  """What a run over several days gives.

  Attributes:
    topic: [n] int16 per tweet; NO_TOPIC for a tweet without words and for days
      not yet fitted.
    state: after the last day fitted.
  """

  topic: np.ndarray
  state: TopicState


def initial_state(
  hyper: Hyperparameters, *, word_count: int, user_count: int
) -> TopicState:
  """The state before the first day."""
  counts = empty_counts(hyper, word_count=word_count, user_count=user_count)
  return TopicState(0, counts)


def add_days(
  state: TopicState,
  tweets: TweetCorpus,
  hyper: Hyperparameters,
  schedule: Schedule,
  *,
  seed: int,
) -> tuple[TopicState, np.ndarray]:
  """Fits the next day, or the first days together, and freezes its topics.

  Args:
    state: after the days before; it is left as it is.
    tweets: all tweets of day `state.next_day`, or of days 0 ..
      `schedule.first_days` - 1 if the state is new. May be empty.
    hyper: sizes and prior strengths.
    schedule: sweeps and forgetting.
    seed: of all draws; the draws of a day depend on (seed, day) alone.

  Returns:
    The state after these days, and [n] int16 topics.

  Raises:
    ValueError: a tweet of another day, or an id outside the state's tables.
  """
  _check_schedule(schedule)
  first, end = state.next_day, _next_end(state, schedule)
  outside = (tweets.day < first) | (tweets.day >= end)
  if outside.any():
    row = int(outside.argmax())
    raise ValueError(
      f'tweet {row} is of day {tweets.day[row]}; the next days to fit are '
      f'{first} to {end - 1}'
    )
  kept = TopicCounts(
    *(table * np.float32(schedule.retention) for table in state.counts)
  )
  count = len(tweets.user)
  block_size, widths = (
    next(shape for most, *shape in _DAY_BLOCKS if count <= most)
    if first
    else (_FIRST_BLOCK, WIDTHS)
  )
  key = jax.random.fold_in(jax.random.key(seed, impl='threefry2x32'), first)
  start = find_start(
    tweets,
    hyper,
    word_count=len(kept.background),
    user_count=len(kept.user_topic),
    key=key,
    round_count=0 if first else schedule.start_rounds,
    block_size=block_size,
    widths=widths,
  )
  fit = fit_tweets(
    tweets,
    kept,
    hyper,
    key=key,
    start=start,
    sweep_count=schedule.day_sweeps if first else schedule.first_sweeps,
    mode_count=schedule.mode_count,
    block_size=block_size,
    widths=widths,
  )
  for total, added in zip(kept, fit.counts, strict=True):
    total += added
  return TopicState(end, kept), fit.topic


def fit_stream(
  corpus: TweetCorpus,
  hyper: Hyperparameters,
  schedule: Schedule,
  *,
  word_count: int,
  user_count: int,
  seed: int,
  start: TopicState | None = None,
  last_day: int | None = None,
  checkpoint: str | None = None,
  save_every_days: int = 30,
) -> StreamResult:
  """Fits a corpus in order of days, resuming from a checkpoint if there is one.

  Leaks: the corpus must hold no tweet that may not be known, such as a test
  user's after the end of the history, and the vocabulary must come from such
  tweets alone (A40). The first days see each other; later days see only
  earlier ones.

  Args:
    corpus: tweets in any order; day 0 is the start of the data.
    hyper: sizes and prior strengths.
    schedule: sweeps and forgetting.
    word_count: V.
    user_count: U; users may have no tweets.
    seed: of all draws.
    start: goes on from here, on tweets of `start.next_day` and later alone;
      None begins with no statistics.
    last_day: stop after this day; None for the last in the corpus. The first
      days are always fitted together.
    checkpoint: an .npz file, read at the start if it exists and written every
      `save_every_days` and at the end.
    save_every_days: days between writes.

  Returns:
    Topics of the tweets up to the last day, and the state.

  Raises:
    ValueError: the corpus breaks its format or has a day that `start` has
      left behind.
    TopicCheckpointError: the checkpoint is damaged, or belongs to other tweets
      or settings.
  """
  check_corpus(corpus, word_count=word_count, user_count=user_count)
  if start is None:
    start = initial_state(hyper, word_count=word_count, user_count=user_count)
  elif len(corpus.day) and corpus.day.min() < start.next_day:
    row = int(corpus.day.argmin())
    raise ValueError(
      f'tweet {row} is of day {corpus.day[row]}; the next day to fit is '
      f'{start.next_day}'
    )
  last = int(corpus.day.max(initial=-1)) if last_day is None else last_day
  order = np.argsort(corpus.day, kind='stable')
  days = corpus.day[order]
  settings = stream_settings(hyper, schedule, start, seed)
  state = start
  topic = np.full(len(order), NO_TOPIC, np.int16)  # in order of days
  if checkpoint is not None and os.path.exists(checkpoint):
    state, known = _resume(checkpoint, settings, corpus, order)
    topic[: len(known)] = known
  unsaved = 0
  while state.next_day <= last:
    first, end = state.next_day, _next_end(state, schedule)
    low, high = np.searchsorted(days, [first, end])
    tweets = select_tweets(corpus, order[low:high])
    state, topic[low:high] = add_days(state, tweets, hyper, schedule, seed=seed)
    unsaved += end - first
    if checkpoint is not None and (
      unsaved >= save_every_days or state.next_day > last
    ):
      digest = source_digest(settings, select_tweets(corpus, order[:high]))
      _save(checkpoint, state, topic[:high], digest)
      unsaved = 0
  out = np.full_like(topic, NO_TOPIC)
  out[order] = topic
  return StreamResult(out, state)


def stream_settings(
  hyper: Hyperparameters, schedule: Schedule, start: TopicState, seed: int
) -> str:
  """All that a stream's topics depend on beside its tweets."""
  sizes = (len(start.counts.background), len(start.counts.user_topic))
  text = repr((_VERSION, tuple(hyper), tuple(schedule), *sizes, seed))
  return f'{text} from {state_digest(start)}' if start.next_day else text


def _next_end(state, schedule):
  """The day after those that the next step fits."""
  return state.next_day + 1 if state.next_day else schedule.first_days


def _save(path, state, topic, digest):
  """Writes a checkpoint; a full disk costs only that."""
  try:
    save_state(path, state, topic, digest)
  except OSError as error:
    logging.warning(
      '%s: could not store the topics up to day %d (%s); going on without',
      path,
      state.next_day,
      error,
    )


def _resume(path, settings, corpus, order):
  """The state and topics of a checkpoint, if it is of these tweets."""
  state, topic, source = restore_state(path)
  done = int((corpus.day < state.next_day).sum())
  if source != source_digest(settings, select_tweets(corpus, order[:done])):
    raise TopicCheckpointError(
      f'{path} was made from other tweets before day {state.next_day} or with '
      f'other settings than {settings}; delete it to start anew'
    )
  return state, topic


def _check_schedule(schedule):
  """Raises a ValueError for a schedule that cannot be."""
  if not 0 < schedule.retention <= 1:
    raise ValueError(f'retention {schedule.retention} is not in (0, 1]')
  if schedule.start_rounds < 0:
    raise ValueError(f'start_rounds {schedule.start_rounds} must be at least 0')
  if schedule.first_days < 1:
    raise ValueError(f'first_days {schedule.first_days} must be at least 1')
  sweeps = min(schedule.first_sweeps, schedule.day_sweeps)
  if not 1 <= schedule.mode_count <= sweeps:
    raise ValueError(
      f'mode_count {schedule.mode_count} must be in [1, {sweeps}], the fewer '
      'of first_sweeps and day_sweeps'
    )
