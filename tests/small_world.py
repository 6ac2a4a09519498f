"""A small year of watches and tweets, and its samples by plain loops.

Everything here is written anew from the rules, with lists and dicts: it shares
no code with what it is compared to.
"""

import datetime
import math
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import histories, inputs, relevance, sequences, sessions
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import MISSING_TIME, Videos, object_array
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.features.catalogue import Features
from dynrec_jax.recommender import Queries, Seen

UTC = datetime.UTC
START = int(datetime.datetime(2013, 6, 1, tzinfo=UTC).timestamp())
DAY = 86_400
MONTHS = sessions.make_sessions(START, START + 365 * DAY, 12)
DECAY = 0.3
UNIT_SECS = 9.5 * DAY


class World(NamedTuple):
  """Events by user as lists of (time, item), and the same in one table.

  Attributes:
    events: per user, watches in time order; no video twice.
    tweets: per user, tweets in time order; items are topic rows.
    watches: `events` as the library holds them.
    behaviours: `tweets` as the library holds them.
    topics: [V, K], some rows all zero.
    sessions: the clock.
  """

  events: list[list[tuple[int, int]]]
  tweets: list[list[tuple[int, int]]]
  watches: Histories
  behaviours: Histories
  topics: np.ndarray
  sessions: Sessions


def table(events) -> Histories:
  """Lists of (time, item) per user as compressed rows."""
  flat = [pair for row in events for pair in row]
  return Histories(
    np.cumsum([0] + [len(row) for row in events]),
    np.array([item for _, item in flat], np.int32),
    np.array([time for time, _ in flat], np.int64),
  )


def halves(earlier, later, session=9) -> Histories:
  """Users' videos before the end of a session, and those from then on.

  The first later watch is in the very second of the border.
  """
  border = int(MONTHS.end(session))
  return table(
    [
      [
        *enumerate(before, start=border - len(before)),
        *enumerate(after, border),
      ]
      for before, after in zip(earlier, later, strict=True)
    ]
  )


def make_world(
  seed: int = 0, user_count: int = 25, video_count: int = 41
) -> World:
  """Random events; user 3 has none, 5 one, 7 all on borders or at one time."""
  rng = np.random.default_rng(seed)
  borders = MONTHS.borders
  events, tweets = [], []
  for user in range(user_count):
    count = {3: 0, 5: 1}.get(user, int(rng.integers(4, 24)))
    times = rng.integers(START, borders[-1], size=count)
    if user == 7:
      times = np.array([*borders[[0, 2, 2, 2, 5, 9, 11]], borders[-1] - 1])
    videos = rng.permutation(video_count)[: len(times)]
    order = np.argsort(times, kind='stable')
    events.append([(int(times[i]), int(videos[i])) for i in order])
    count = 0 if user == 8 else int(rng.integers(1, 30))
    times = np.sort(rng.integers(START - 5 * DAY, borders[-1], size=count))
    rows = rng.integers(video_count, size=count)
    tweets.append([(int(t), int(r)) for t, r in zip(times, rows, strict=True)])
  topics = rng.dirichlet(np.ones(6), size=video_count).astype(np.float32)
  topics[::7] = 0
  return World(events, tweets, table(events), table(tweets), topics, MONTHS)


class Sample(NamedTuple):
  """One virtual sequence in plain Python."""

  user: int
  session: int
  history: list[tuple[int, int]]
  target: list[int]


def expected_samples(
  events, behaviours, borders, users, horizon, max_target_len=50, next_count=5
) -> list[Sample]:
  """SPEC Sec 2's virtual sequences."""
  out = []
  for user in sorted(users):
    for session in range(1, len(borders) - 1):
      end = borders[session]
      if not [1 for time, _ in behaviours[user] if time < end]:
        continue
      past = [pair for pair in events[user] if pair[0] < end]
      later = [pair for pair in events[user] if pair[0] >= end]
      if horizon == 'next_session':
        later = [pair for pair in later if pair[0] < borders[session + 1]]
      if horizon == 'next_k':
        later = later[:next_count]
      target = [video for _, video in later][:max_target_len]
      if target:
        out.append(Sample(user, session, past, target))
  return out


def expected_interest(events, topics, time, decay, unit_secs, norm):
  """Eq (2) in float64; rows of zeros are no behaviour."""
  pooled = [0.0] * topics.shape[1]
  total, count = 0.0, 0
  for when, item in events:
    if when >= time or not any(topics[item]):
      continue
    weight = math.exp(-decay * (time - when) / unit_secs)
    pooled = [
      p + weight * float(m) for p, m in zip(pooled, topics[item], strict=True)
    ]
    total, count = total + weight, count + 1
  if not count:
    return np.array(pooled)
  length = math.sqrt(sum(p * p for p in pooled))
  return (
    np.array(pooled)
    / {
      'sum_weights': total,
      'count': count,
      'l2': length,
    }[norm]
  )


def make_training_set(
  world: World,
  users,
  *,
  behaviours: Histories | None = None,
  history_mode: str = 'topic_only',
  max_len: int = 6,
  max_bag: int = 1000,
  horizon: str = 'all_after',
  with_relevance: bool = True,
  paired_videos=None,
) -> TrainingSet:
  """The library's training set, as `study.training_data` makes it."""
  behaviours = world.watches if behaviours is None else behaviours
  video_count = len(world.topics)
  samples = sequences.virtual_sequences(
    world.watches,
    behaviours,
    world.sessions,
    np.asarray(users),
    horizon=horizon,
    max_target_len=max_len,
  )
  rows = inputs.interest_rows(
    samples,
    behaviours,
    world.topics,
    world.sessions,
    history_mode=history_mode,
    decay=DECAY,
    unit_secs=UNIT_SECS,
    norm='sum_weights',
  )
  related = None
  if with_relevance:
    related = relevance.find_relevant(
      world.watches, np.unique(samples.user), video_count
    )
  if paired_videos is None:
    paired_videos = np.flatnonzero(np.arange(video_count) % 5 != 1)
  return TrainingSet(
    video_count=video_count,
    watches=world.watches,
    samples=samples,
    interest_rows=rows,
    relevance=related,
    paired_videos=np.asarray(paired_videos, np.int32),
    history_mode=history_mode,
    max_len=max_len,
    max_bag=max_bag,
    decay=DECAY,
    unit_secs=UNIT_SECS,
  )


def queries_at(watches, users, session, clock, *, mask_known=True) -> Queries:
  """Queries of users whose interests are made of their watches."""
  users = np.asarray(users, np.int32)
  time = np.full(len(users), clock.borders[session])
  known, _ = histories.rows_before(watches, users, time)
  return Queries(
    users=users,
    session=np.full(len(users), session, np.int32),
    time=time,
    watches=known,
    behaviours=known,
    topics=np.eye(int(watches.item.max(initial=0)) + 1, dtype=np.float32),
    texts=None,
    profiles=np.full(len(users), '', object),
    clock=clock,
    mask_known=mask_known,
  )


def queries_knowing(known, *, mask_known=True) -> Queries:
  """Queries of users 10, 11 ..., who watched the videos of a row each."""
  watches = table([list(enumerate(row, start=START)) for row in known])
  count = len(known)
  return queries_at(
    watches, np.arange(count), 1, MONTHS, mask_known=mask_known
  )._replace(users=np.arange(10, 10 + count, dtype=np.int32))


def seen_of(
  watches: Histories,
  *,
  video_count: int,
  train_users=None,
  view_count=None,
  session: int = 9,
  seed: int = 0,
) -> Seen:
  """What methods may read when interests are made of watches.

  Videos have a title, and no other content; a view count if it is given.
  """
  if train_users is None:
    train_users = range(watches.user_count)
  if view_count is None:
    view_count = np.full(video_count, -1)
  titles = object_array(f'title {video}' for video in range(video_count))
  nothing = object_array([()] * video_count)
  visual, has = np.zeros((video_count, 2), np.float32), np.zeros(video_count)
  return Seen(
    train_users=np.array(train_users, np.int32),
    session=session,
    watches=watches,
    behaviours=watches,
    topics=np.eye(video_count, dtype=np.float32),
    texts=None,
    profiles=object_array([''] * watches.user_count),
    videos=Videos(
      id=object_array(f'v{video}' for video in range(video_count)),
      title=titles,
      description=object_array([''] * video_count),
      tags=nothing,
      categories=nothing,
      upload_time=np.full(video_count, MISSING_TIME),
      view_count=np.asarray(view_count, np.int64),
      visual=visual,
      has_visual=has > 0,
    ),
    video_texts=list(titles),
    video_topics=None,
    features=Features(visual, visual[:, :1], has > 0, has > 0),
    clock=MONTHS,
    seed=seed,
    known_videos=np.ones(video_count, bool),
  )
