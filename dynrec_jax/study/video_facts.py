"""What the network `plus` is told of a split's catalogue, from the config."""

import ml_collections
import numpy as np

from dynrec_jax.data import video_clock, video_facts
from dynrec_jax.data.records import MISSING_TIME
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.data.watch_counts import watch_counts
from dynrec_jax.models import clock
from dynrec_jax.study import grown_content
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split

_COMPONENTS = grown_content.COMPONENTS
_COMPONENT_SCALE = 0.3  # beside categories, which are 0 and 1
_FORECASTS = 2  # whose mean rates are taken
_MOST_MOMENTS = 48  # since windows are as many as their square


def make_facts(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  data: TrainingSet,
  *,
  serves: bool,
) -> VideoFacts:
  """The calendar, the contents, and what is usual among train users.

  Leaks: of watches, train users' alone, and of a split by time those before
  the end of `train_until`; components are learned of known videos.

  Args:
    config: of the network.
    prepared: the study.
    this: whose users train.
    data: what they make.
    serves: whether anybody is asked about at the end of the training; if not,
      the calendar goes on as it ends.
  """
  return VideoFacts(
    calendar=_calendar(config, prepared, this, data, serves=serves),
    content=content_columns(prepared),
    mean_bag=video_facts.mean_bag(
      data.samples,
      data.watches,
      data.video_count,
      decay=data.decay,
      unit_secs=data.unit_secs,
      max_count=data.max_bag,
    ),
    mean_interest=_mean_interest(data),
  )


def content_columns(prepared: Prepared) -> np.ndarray:
  """[V, C] float32: categories, age, and components of texts and images.

  Ages are at the end of the span; what a date cuts off is not in them, as they
  are differences of upload times to one moment.
  """
  known, features = prepared.known_videos, prepared.features
  ages = now_of(prepared) - _uploads(prepared)
  kinds = (
    (features.text, features.has_text),
    (features.visual, features.has_visual),
  )
  if not _has_columns(prepared):
    learned = [
      video_facts.leading_components(of[known & has], _COMPONENTS)
      for of, has in kinds
    ]
  else:
    learned = grown_content.components_of(prepared.growth)
  components = [
    _COMPONENT_SCALE
    * video_facts.columns_of_components(*kind, own, _COMPONENTS)
    for kind, own in zip(kinds, learned, strict=True)
  ]
  return np.concatenate(
    [_categories(prepared), video_facts.age_columns(ages), *components], axis=1
  )


def now_of(prepared: Prepared) -> float:
  """Sessions since the span began: the end of what is learned.

  That is a border, but of a study that has grown into a further session.
  """
  if prepared.growth is None:
    return float(prepared.sessions.count)
  until = np.array([prepared.growth.until])
  return float(video_clock.in_sessions(until, prepared.sessions)[0])


def _categories(prepared: Prepared) -> np.ndarray:
  """[V, C] float32, 1 where a video is of a category; those that there were."""
  categories = prepared.records.videos.categories
  if not _has_columns(prepared):
    return video_facts.category_columns(categories, prepared.known_videos)
  names = grown_content.categories_of(prepared.growth)
  return video_facts.columns_of_categories(categories, names)


def _has_columns(prepared: Prepared) -> bool:
  """Whether a network goes on that has learned what columns mean."""
  return prepared.growth is not None and bool(
    prepared.growth.kept.videos.columns
  )


def content_size(prepared: Prepared) -> int:
  """C, without what the columns hold, which takes seconds to make."""
  ages = video_facts.age_columns(np.zeros(0))
  return _categories(prepared).shape[1] + ages.shape[1] + 2 * _COMPONENTS


def _calendar(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  data: TrainingSet,
  *,
  serves: bool,
) -> np.ndarray:
  """[V, L]: counts up to where training ends, from there on the forecast."""
  sessions = prepared.sessions
  until = this.train_until or sessions.count
  told = _told(prepared, this, data, until)
  now = this.train_until or now_of(prepared)
  end = this.truth_until or now_of(prepared)
  if end <= now:
    end = now + config.plus.ahead
  forecast = told[:, -1]
  if serves:
    forecast = _forecast(prepared, this, data, now, end)
  ahead = np.repeat(forecast[:, None], sessions.count + 1 - until, axis=1)
  return np.concatenate([told, ahead], axis=1)


def _told(
  prepared: Prepared, this: Split, data: TrainingSet, until: int
) -> np.ndarray:
  """[V, until - 1] logs of counts after every border before session `until`'s.

  Of a study that has grown what comes after the last border counts too.
  """
  clock, extra = prepared.sessions, 0
  growth = prepared.growth
  if growth is not None and growth.until > clock.end(clock.count):
    clock, extra = Sessions(np.append(clock.borders, growth.until)), 1
  counts = watch_counts(data.watches, clock, this.users.train, data.video_count)
  told = video_facts.calendar_of_counts(counts, until + extra)
  return told[:, : until - 1]


def _forecast(
  prepared: Prepared, this: Split, data: TrainingSet, until: float, end: float
) -> np.ndarray:
  """[V] log rates of watching from a moment on, both in sessions."""
  log = video_clock.log_of(
    data.watches, this.users.train, prepared.sessions, data.video_count
  )
  moments, width = _moments(until)
  windows = video_clock.windows_between(log, moments, until, width=width)
  states = video_clock.states_at(
    log,
    np.append(moments, until),
    _uploads(prepared),
    _categories(prepared),
  )
  if not len(windows.middle):  # nobody known watched anything: all alike
    return np.zeros(data.video_count, np.float32)
  times = np.arange(until, end) + 0.5
  found = []
  for number in range(_FORECASTS):
    fitted = clock.fit(
      states, windows, this.seed * _FORECASTS + number, clock.Training()
    )
    found.append(clock.log_rates(fitted, states, len(moments), times))
  return np.logaddexp.reduce(found) - np.float32(np.log(_FORECASTS))


def _moments(until: float) -> tuple[np.ndarray, float]:
  """Moments to learn from, two in a session, and how wide windows are, one.

  Of more than 24 sessions, moments are as far apart as 48 of them are, and
  windows no narrower.
  """
  spacing = max(0.5, until / _MOST_MOMENTS)
  first = 0.5 if until <= 2 else max(1.0, spacing)
  return np.arange(first, until, spacing), max(1.0, spacing)


def _uploads(prepared: Prepared) -> np.ndarray:
  """[V] sessions since the span began when videos came out; NaN is unknown."""
  times = prepared.records.videos.upload_time
  unknown = times == MISSING_TIME
  found = video_clock.in_sessions(
    np.where(unknown, 0, times), prepared.sessions
  )
  return np.where(unknown, np.nan, found)


def _mean_interest(data: TrainingSet) -> np.ndarray:
  """[K] float32, of every sample's own interest."""
  own = data.interest_rows.values[data.interest_rows.offsets[1:] - 1]
  return own.mean(axis=0) if len(own) else np.zeros(own.shape[1], np.float32)
