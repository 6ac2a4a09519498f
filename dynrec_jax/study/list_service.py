"""A checkpoint's lists for whoever asks, as `mode=recommend` makes them."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data import batches, canonical, histories
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import Tweets, Watches, object_array, text_tweets
from dynrec_jax.models import plus
from dynrec_jax.predict import Predictor
from dynrec_jax.recommender import Queries, Recommender
from dynrec_jax.serving.asked import Asked, BadRequest, Limits, NewVideo
from dynrec_jax.serving.service import Answer
from dynrec_jax.study import behaviours, new_videos, recommend
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.recommend import Users
from dynrec_jax.study.splits import Split

_WARM = 1024  # watches; of more, the first who asks waits for a program


class _Catalogue(NamedTuple):
  """What changes when videos are added, all at once.

  Attributes:
    ids: [V] object (str).
    place: position by id.
    topics: [R, K] what behaviours are about.
    recommend: makes lists of these videos.
    predictor: of the network over them.
    params: its parameters.
  """

  ids: np.ndarray
  place: dict[str, int]
  topics: np.ndarray
  recommend: Recommender
  predictor: Predictor
  params: Any


class ListService:
  """See `serving.service.Service`.

  Attributes:
    about: what is served, in a few words.
    limits: what requests may be.
  """

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    prepared: Prepared,
    this: Split,
    served: tuple[Predictor, Any],
    describe: new_videos.Describer | str,
  ):
    """Reads what is known of everyone; compiles what makes lists.

    Args:
      config: of the run.
      prepared: the study.
      this: whose checkpoint it is.
      served: see `Parts.served`.
      describe: new videos; or why none can be added.
    """
    self._config, self._prepared = config, prepared
    self._describe = describe
    self._adding = threading.Lock()
    self._read = _reader(config, prepared, this)
    known = recommend.everyone(config, prepared, this)
    self._place = {user: i for i, user in enumerate(known.ids)}
    everyone = np.arange(len(known.ids), dtype=np.int32)
    self._queries = recommend.queries_of(config, known, everyone)
    ids = prepared.records.videos.id
    self._now = _catalogue(*served, ids, known.topics)
    self.limits = _limits(config, prepared, self._read, describe)
    self._warm(self._now)

  @property
  def about(self) -> dict[str, str | int]:
    """What is served, in a few words."""
    return {
      'network': self._config.model.network,
      'videos': len(self._now.ids),
      'users': len(self._place),
      'k': self._config.decode.k,
      'version': self._prepared.fingerprint,
    }

  def check(self, asked: Asked) -> None:
    """Raises BadRequest for a user who is not known."""
    if asked.user and asked.user not in self._place:
      new = f'; of somebody new, give {self.limits.events}'
      raise BadRequest(
        f'user: found {asked.user[:60]!r}, none of the {len(self._place):,} '
        f'users of the data{new if self.limits.events else ""}',
        404,
      )

  def answers(self, asked: Sequence[Asked]) -> list[Answer]:
    """A list for each, of the catalogue as it is now."""
    return self._answers(self._now, asked)

  def _answers(self, now: _Catalogue, asked: Sequence[Asked]) -> list[Answer]:
    """The same of a catalogue."""
    old = [row for row, of in enumerate(asked) if of.user]
    new = [row for row, of in enumerate(asked) if not of.user]
    users = [self._place[asked[row].user] for row in old]
    queries = self._queries.take(np.array(users, np.int64))
    unlisted = np.zeros(len(asked), np.int64)
    if new:
      own, left = self._of_new([asked[row].history for row in new], now)
      unlisted[new] = left
      queries = _joined(queries, own)
    lists = now.recommend(
      queries._replace(topics=now.topics), self._config.decode.k
    )
    found: list[Any] = [None] * len(asked)
    for row, ids, scores in zip(
      [*old, *new], lists.ids, lists.scores, strict=True
    ):
      real = np.flatnonzero(ids >= 0)[: asked[row].k]
      found[row] = Answer(
        list(now.ids[ids[real]]),
        [float(f'{score:.6g}') for score in scores[real]],
        int(unlisted[row]),
      )
    return found

  def add(self, videos: Sequence[NewVideo]) -> int:
    """Adds videos by content; how many there are then.

    Raises:
      BadRequest: 409, the network ties no row to content, or they are there.
    """
    if isinstance(self._describe, str):
      raise BadRequest(self._describe, 409)
    with self._adding:
      now = self._now
      new_videos.check_new(videos, now.place)
      network, params = plus.with_videos(
        now.predictor.network, now.params, *self._describe.rows(videos)
      )
      ids = np.append(now.ids, object_array([video.id for video in videos]))
      rows = len(videos) if self._config.scenario == 'single' else 0
      grown = _catalogue(
        now.predictor.of_network(network),
        params,
        ids,
        np.pad(now.topics, ((0, rows), (0, 0))),
      )
      self._warm(grown)
      self._now = grown
    return len(ids)

  def _of_new(
    self, asked: Sequence[Sequence[tuple[str, int]]], now: _Catalogue
  ) -> tuple[Queries, np.ndarray]:
    """What somebody new asks with, and how many watches are left out."""
    ids = object_array([''] * len(asked))
    count = [len(of) for of in asked]
    user = np.repeat(np.arange(len(asked), dtype=np.int32), count)
    time = np.array([at for of in asked for _, at in of], np.int64)
    what = [name for of in asked for name, _ in of]
    if self._config.scenario == 'cross':
      tweets = text_tweets(user, time, object_array(what))
      known = recommend.users_of_tweets(self._prepared, self._read, ids, tweets)
      return self._asked(known), np.zeros(len(asked), np.int64)
    video = np.array([now.place.get(name, -1) for name in what], np.int32)
    listed = video >= 0
    watches = Watches(user[listed], video[listed], time[listed])
    watches = canonical.watches_in_order(watches, now.ids)
    known = recommend.users_of_watches(self._prepared, ids, watches)
    left = np.bincount(user[~listed], minlength=len(asked))
    return self._asked(known), left

  def _asked(self, known: Users) -> Queries:
    everyone = np.arange(len(known.ids), dtype=np.int32)
    return recommend.queries_of(self._config, known, everyone)

  def _warm(self, catalogue: _Catalogue) -> None:
    """Compiles what makes lists, of histories of any length."""
    for history in self._histories_of_every_shape(catalogue):
      self._answers(catalogue, [Asked('', history, 1)])

  def _histories_of_every_shape(
    self, catalogue: _Catalogue
  ) -> list[tuple[tuple[str, int], ...]]:
    """A history for every program that makes lists; longer ones compile."""
    if self.limits.events != 'watches':
      return [(('', 0),)] if self.limits.events else []
    count = len(catalogue.ids)
    most = min(self.limits.most_events, count, _WARM)
    found, length = [()], 0
    while length < most:
      length = min(batches.bucket_size(length + 1, count), most)
      found.append(tuple((video, 0) for video in catalogue.ids[:length]))
    return found


def _catalogue(
  predictor: Predictor, params: Any, ids: np.ndarray, topics: np.ndarray
) -> _Catalogue:
  place = {video: row for row, video in enumerate(ids)}
  recommender = predictor.recommender(params)
  return _Catalogue(ids, place, topics, recommender, predictor, params)


def _reader(
  config: ml_collections.ConfigDict, prepared: Prepared, this: Split
) -> Callable[[Tweets, int], Histories] | None:
  """What reads tweets of somebody new; None where nothing does."""
  if config.scenario == 'single' or prepared.behaviours.known is None:
    return None
  return behaviours.reader_of_new_users(prepared.behaviours, this.users.train)


def _limits(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  read: Any,
  describe: new_videos.Describer | str,
) -> Limits:
  """What requests may be."""
  events = 'watches'
  if config.scenario == 'cross':
    events = '' if read is None else 'tweets'
  size = 0
  if not isinstance(describe, str):
    size = new_videos.visual_size(config, prepared)
  return Limits(events, config.serve.max_events, config.decode.k, size)


def _joined(first: Queries, second: Queries) -> Queries:
  """The queries of both, one after the other; they share a clock."""
  columns = {
    name: np.concatenate([getattr(first, name), getattr(second, name)])
    for name in ('users', 'session', 'time', 'profiles')
  }
  if first.texts is not None:
    columns['texts'] = np.concatenate([first.texts, second.texts])
  return first._replace(
    watches=histories.joined(first.watches, second.watches),
    behaviours=histories.joined(first.behaviours, second.behaviours),
    **columns,
  )
