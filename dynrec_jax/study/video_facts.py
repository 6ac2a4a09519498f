"""What the network `plus` is told of a split's catalogue, from the config."""

from typing import NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data import sequences, video_clock, video_facts
from dynrec_jax.data.sequences import Samples
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.data.video_clock import Log, VideoStates
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.data.watch_counts import watch_counts
from dynrec_jax.models import clock
from dynrec_jax.models.clock import Forecast
from dynrec_jax.study import video_columns
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split

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
    content=video_columns.content_columns(prepared),
    mean_bag=_mean_bag(config, prepared, this, data),
    mean_interest=_mean_interest(data),
  )


def _calendar(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  data: TrainingSet,
  *,
  serves: bool,
) -> np.ndarray:
  """[V, L]: counts up to where training ends, from there on the forecast.

  Where it is of rates, both are over the shares to whom a video is new.
  """
  sessions = prepared.sessions
  until = this.train_until or sessions.count
  told = _told(prepared, this, data, until)
  rates = plus_calendar(config) == 'rates'
  if rates:
    told = told - np.stack(
      [_unseen(data, _at(data, session)) for session in range(1, until)], axis=1
    )
  forecast = told[:, -1]
  if serves:
    forecast = forecast_of(config, prepared, this, data).rates()
    if rates:
      forecast = forecast - _unseen(data, _known_now(prepared, this, data))
  ahead = np.repeat(forecast[:, None], sessions.count + 1 - until, axis=1)
  return np.concatenate([told, ahead], axis=1)


def _told(
  prepared: Prepared, this: Split, data: TrainingSet, until: int
) -> np.ndarray:
  """[V, until - 1] logs of counts after every border before session `until`'s.

  Of a study that has grown what comes after the last border counts too.
  """
  clock = _clock_up_to_now(prepared)
  counts = watch_counts(data.watches, clock, this.users.train, data.video_count)
  extra = clock.count - prepared.sessions.count
  told = video_facts.calendar_of_counts(counts, until + extra)
  return told[:, : until - 1]


def _clock_up_to_now(prepared: Prepared) -> Sessions:
  """The sessions, and the further one that a study has grown into."""
  clock, growth = prepared.sessions, prepared.growth
  if growth is None or growth.until <= clock.end(clock.count):
    return clock
  return Sessions(np.append(clock.borders, growth.until))


def _unseen(data: TrainingSet, samples: Samples) -> np.ndarray:
  """[V] log shares of them to whom a video is new."""
  return video_facts.log_share_unseen(samples, data.watches, data.video_count)


def _at(data: TrainingSet, session: int) -> Samples:
  """The samples at a session's end."""
  return data.samples.take(data.samples.session == session)


def _known_now(prepared: Prepared, this: Split, data: TrainingSet) -> Samples:
  """All train users with a watch, at the end of what is learned."""
  clock, users = _clock_up_to_now(prepared), np.unique(this.users.train)
  now = sequences.samples_at(data.watches, users, clock.count, clock)
  return now.take(now.history_count > 0)


class VideoForecast(NamedTuple):
  """How often videos will be watched, for those of a study and for others.

  Attributes:
    fitted: forecasts, whose mean rates are taken; () where nobody known watched
      anything, and all are alike.
    states: the study's videos at moments, the last of which is now.
    times: [T] sessions since the span began, that the rates are the mean of.
  """

  fitted: tuple[Forecast, ...]
  states: VideoStates
  times: np.ndarray

  @property
  def _now(self) -> int:
    return len(self.states.moment) - 1

  def rates(self) -> np.ndarray:
    """[V] float32, log rates of the study's videos."""
    found = [
      clock.log_rates(fitted, self.states, self._now, self.times)
      for fitted in self.fitted
    ]
    return self._mean(found, len(self.states.upload))

  def rates_of_new(
    self, upload: np.ndarray, categories: np.ndarray
  ) -> np.ndarray:
    """[M] float32, the same of videos that nobody has watched.

    Args:
      upload: [M] sessions since the span began; NaN where that is unknown.
      categories: [M, C].
    """
    nothing = np.zeros(0)
    log = Log(nothing.astype(int), nothing.astype(int), nothing, 0, len(upload))
    others = video_clock.states_at(log, self.states.moment, upload, categories)
    found = [
      clock.log_rates_beside(fitted, self.states, others, self._now, self.times)
      for fitted in self.fitted
    ]
    return self._mean(found, len(upload))

  def _mean(self, found: list[np.ndarray], count: int) -> np.ndarray:
    """[n] the mean rates' logs."""
    if not found:
      return np.zeros(count, np.float32)
    return np.logaddexp.reduce(found) - np.float32(np.log(len(found)))


def forecast_of(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  data: TrainingSet,
) -> VideoForecast:
  """The forecast from where training ends, the same every time.

  Args:
    config: of the network.
    prepared: the study.
    this: whose users train.
    data: what they make.
  """
  until = this.train_until or video_columns.now_of(prepared)
  end = this.truth_until or video_columns.now_of(prepared)
  if end <= until:
    end = until + config.plus.ahead
  log = video_clock.log_of(
    data.watches, this.users.train, prepared.sessions, data.video_count
  )
  moments, width = _moments(until)
  windows = video_clock.windows_between(log, moments, until, width=width)
  categories = video_facts.category_columns(
    prepared.records.videos.categories, video_columns.category_names(prepared)
  )
  states = video_clock.states_at(
    log, np.append(moments, until), video_columns.uploads(prepared), categories
  )
  fitted = ()
  if len(windows.middle):  # somebody known watched something
    fitted = tuple(
      clock.fit(states, windows, this.seed * _FORECASTS + n, clock.Training())
      for n in range(_FORECASTS)
    )
  return VideoForecast(fitted, states, np.arange(until, end) + 0.5)


def _moments(until: float) -> tuple[np.ndarray, float]:
  """Moments to learn from, two in a session, and how wide windows are, one.

  Of more than 24 sessions, moments are as far apart as 48 of them are, and
  windows no narrower.
  """
  spacing = max(0.5, until / _MOST_MOMENTS)
  first = 0.5 if until <= 2 else max(1.0, spacing)
  return np.arange(first, until, spacing), max(1.0, spacing)


def plus_calendar(config: ml_collections.ConfigDict) -> str:
  """`plus.calendar`; counts where a date cuts the log, or watches are hidden.

  There lists are of a forecast, which is of counts; and here they may hold what
  their users have watched.
  """
  told = config.split.by == 'users' and config.scenario == 'single'
  return config.plus.calendar if told else 'counts'


def plus_mean(config: ml_collections.ConfigDict) -> str:
  """`plus.mean`; where one date cuts the log, of all borders.

  There what is common to bags at a date tells of its trends, of which nothing
  else in a forecast does.
  """
  return config.plus.mean if config.split.by == 'users' else 'all'


def _mean_bag(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  data: TrainingSet,
) -> np.ndarray:
  """[V], or [V, L]: at every border, of the samples there.

  Where training ends there is none, nothing being known of later watches: there
  it is of all train users with a watch. Other borders without a sample have the
  mean of all.
  """

  def mean(samples: Samples) -> np.ndarray:
    return video_facts.mean_bag(
      samples,
      data.watches,
      data.video_count,
      decay=data.decay,
      unit_secs=data.unit_secs,
      max_count=data.max_bag,
    )

  of_all = mean(data.samples)
  if plus_mean(config) == 'all':
    return of_all
  last = prepared.sessions.count
  found = np.repeat(of_all[:, None], last, axis=1)
  for session in range(1, last + 1):
    own = _at(data, session)
    if session == last and not len(own.user):
      own = _known_now(prepared, this, data)
    if len(own.user):
      found[:, session - 1] = mean(own)
  return found


def _mean_interest(data: TrainingSet) -> np.ndarray:
  """[K] float32, of every sample's own interest."""
  own = data.interest_rows.values[data.interest_rows.offsets[1:] - 1]
  return own.mean(axis=0) if len(own) else np.zeros(own.shape[1], np.float32)
