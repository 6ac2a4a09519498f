"""Videos that came after the training, as `plus` knows any other by content."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data.records import Videos, object_array
from dynrec_jax.data.video_facts import category_columns
from dynrec_jax.features import catalogue, documents
from dynrec_jax.features.catalogue import Features
from dynrec_jax.serving.asked import BadRequest, NewVideo
from dynrec_jax.study import splits, text_content, video_columns, video_facts
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split
from dynrec_jax.study.training_data import make_training_set
from dynrec_jax.study.video_columns import ContentColumns
from dynrec_jax.study.video_facts import VideoForecast

_CONFLICT = 409
# A forecast is made anew: on another machine its numbers differ a little.
_TOLERANCE = 1e-2


class Describer(NamedTuple):
  """What turns new videos into a network's rows of them.

  Attributes:
    config: of the network.
    prepared: the study.
    columns: of content, learned of the study's videos.
    forecast: as in the training.
  """

  config: ml_collections.ConfigDict
  prepared: Prepared
  columns: ContentColumns
  forecast: VideoForecast

  def rows(self, videos: Sequence[NewVideo]) -> tuple[np.ndarray, np.ndarray]:
    """[n, C] their content and [n] their rates, of `plus.with_videos`."""
    prepared = self.prepared
    times = np.array([video.upload_time for video in videos], np.int64)
    upload = video_columns.uploads_of(times, prepared.sessions)
    categories = [video.categories for video in videos]
    found = self.columns.of(
      categories,
      video_columns.now_of(prepared) - upload,
      self._features(videos),
    )
    columns = category_columns(categories, self.columns.names)
    return found, self.forecast.rates_of_new(upload, columns)

  def _features(self, videos: Sequence[NewVideo]) -> Features:
    """Their features, scaled as the study's."""
    config, known = self.config, self.prepared.features
    visual = np.zeros((len(videos), known.visual.shape[1]), known.visual.dtype)
    has_visual = np.array([bool(video.visual) for video in videos])
    for row in np.flatnonzero(has_visual):
      visual[row] = videos[row].visual
    if config.features.l2 and visual.size:
      visual = catalogue.unit_blocks(visual, config.features.visual_blocks)
    text = np.zeros((len(videos), known.text.shape[1]), np.float32)
    if config.text.encoder != 'given':
      text = text_content.encode_tweets(
        self.prepared.records,
        list(self.prepared.video_texts),
        text_content.texts_to_encode(_as_videos(videos), config),
        config,
        self.prepared.known_videos,
      )
    return Features(visual, text, has_visual, text.any(axis=1))


def visual_size(config: ml_collections.ConfigDict, prepared: Prepared) -> int:
  """Numbers of a new video's visual feature; 0 where it can bring none.

  Encoders of video files read no request.
  """
  visual = prepared.records.videos.visual
  given = config.visual.encoder == 'given'
  return visual.shape[1] if given and prepared.features.has_visual.any() else 0


def why_not(config: ml_collections.ConfigDict) -> str:
  """Why no video can be added; '' if they can."""
  if config.model.network != 'plus':
    return (
      f'model.network is {config.model.network}, which learns the row of each '
      'video in the softmax by itself, so that it has none of a new video; '
      'right: model.network=plus, or mode=train_and_evaluate with the video'
    )
  if config.plus.content == 'none':
    return 'plus.content is none, so that no row is tied to content'
  if not config.serve.new_videos:
    return 'serve.new_videos is False'
  return ''


def make_describer(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  params: Any,
) -> Describer:
  """What describes new videos, with the forecast of the training.

  Args:
    config: of the network.
    prepared: the study.
    this: whose checkpoint is served.
    params: of the checkpoint.

  Raises:
    BadRequest: the watches are others since, so that the forecast is another.
  """
  if this.train_until is None and config.train.refit:
    _, this = splits.refit_splits(this)
  data = make_training_set(config, prepared, this)
  forecast = video_facts.forecast_of(config, prepared, this, data)
  told = np.asarray(params['calendar'])[:, -1]
  if not np.allclose(forecast.rates(), told, atol=_TOLERANCE):
    raise BadRequest(
      'the data are others than in the training, so that its forecast of how '
      'often videos are watched cannot be made for more of them; right: the '
      'data as they were, or a new training',
      _CONFLICT,
    )
  columns = video_columns.learn_columns(prepared)
  return Describer(config, prepared, columns, forecast)


def check_new(videos: Sequence[NewVideo], known: Any) -> None:
  """Raises BadRequest for a video that is there."""
  for video in videos:
    if video.id in known:
      raise BadRequest(
        f'video {video.id!r} is in the catalogue; right: a new id', _CONFLICT
      )


def _as_videos(videos: Sequence[NewVideo]) -> Videos:
  """A catalogue of the videos' texts."""
  count = len(videos)
  return Videos(
    **{
      name: object_array([getattr(video, name) for video in videos])
      for name in ('id', *documents.FIELDS)
    },
    upload_time=np.zeros(count, np.int64),
    view_count=np.zeros(count, np.int64),
    visual=np.zeros((count, 0), np.float32),
    has_visual=np.zeros(count, bool),
  )
