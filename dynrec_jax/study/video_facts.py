"""What the network `plus` is told of a split's catalogue, from the config."""

import ml_collections
import numpy as np

from dynrec_jax.data import video_clock, video_facts
from dynrec_jax.data.records import MISSING_TIME
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.data.watch_counts import watch_counts
from dynrec_jax.models import clock
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split

_COMPONENTS = 16  # of texts, and of images
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
  videos, known = prepared.records.videos, prepared.known_videos
  features = prepared.features
  ages = prepared.sessions.count - _uploads(prepared)
  components = [
    _COMPONENT_SCALE
    * video_facts.leading_columns(of, known & has, has, _COMPONENTS)
    for of, has in (
      (features.text, features.has_text),
      (features.visual, features.has_visual),
    )
  ]
  return np.concatenate(
    [
      video_facts.category_columns(videos.categories, known),
      video_facts.age_columns(ages),
      *components,
    ],
    axis=1,
  )


def content_size(prepared: Prepared) -> int:
  """C, without what the columns hold, which takes seconds to make."""
  categories = video_facts.category_columns(
    prepared.records.videos.categories, prepared.known_videos
  )
  ages = video_facts.age_columns(np.zeros(0))
  return categories.shape[1] + ages.shape[1] + 2 * _COMPONENTS


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
  counts = watch_counts(
    data.watches, sessions, this.users.train, data.video_count
  )
  told = video_facts.calendar_of_counts(counts, until)
  end = this.truth_until or sessions.count
  if end <= until:
    end = until + config.plus.ahead
  forecast = told[:, -1]
  if serves:
    forecast = _forecast(prepared, this, data, until, end)
  ahead = np.repeat(forecast[:, None], sessions.count + 1 - until, axis=1)
  return np.concatenate([told, ahead], axis=1)


def _forecast(
  prepared: Prepared, this: Split, data: TrainingSet, until: int, end: int
) -> np.ndarray:
  """[V] log rates of watching from session `until`'s end to session `end`'s."""
  log = video_clock.log_of(
    data.watches, this.users.train, prepared.sessions, data.video_count
  )
  moments, width = _moments(until)
  windows = video_clock.windows_between(log, moments, until, width=width)
  categories = video_facts.category_columns(
    prepared.records.videos.categories, prepared.known_videos
  )
  states = video_clock.states_at(
    log, np.append(moments, until), _uploads(prepared), categories
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


def _moments(until: int) -> tuple[np.ndarray, float]:
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
