"""Q of `plus`, what videos are about, from the config's study."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import video_clock, video_facts
from dynrec_jax.data.records import MISSING_TIME
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.video_facts import Leading
from dynrec_jax.features.catalogue import Features
from dynrec_jax.study import grown_content
from dynrec_jax.study.prepare import Prepared

_COMPONENTS = grown_content.COMPONENTS
_COMPONENT_SCALE = 0.3  # beside categories, which are 0 and 1


class ContentColumns(NamedTuple):
  """What turns videos into Q: learned of known videos, for any.

  Attributes:
    names: of the categories.
    text: components of texts.
    visual: components of images.
  """

  names: list[str]
  text: Leading
  visual: Leading

  def of(
    self,
    categories: Sequence[Sequence[str]],
    ages: np.ndarray,
    features: Features,
  ) -> np.ndarray:
    """[M, C] float32: categories, age, and components of texts and images.

    Args:
      categories: [M] of each video.
      ages: [M] sessions since each came out; NaN where that is unknown.
      features: of the videos.
    """
    components = [
      _COMPONENT_SCALE * self.text.columns(features.text, features.has_text),
      _COMPONENT_SCALE
      * self.visual.columns(features.visual, features.has_visual),
    ]
    return np.concatenate(
      [
        video_facts.category_columns(categories, self.names),
        video_facts.age_columns(ages),
        *components,
      ],
      axis=1,
    )


def learn_columns(prepared: Prepared) -> ContentColumns:
  """What describes videos, of those that may be learned from.

  Of a run that has grown it is as it was learned before.
  """
  if _has_columns(prepared):
    return ContentColumns(
      grown_content.categories_of(prepared.growth),
      *grown_content.components_of(prepared.growth),
    )
  known, features = prepared.known_videos, prepared.features
  text, visual = (
    video_facts.leading(of, known & has, _COMPONENTS)
    for of, has in (
      (features.text, features.has_text),
      (features.visual, features.has_visual),
    )
  )
  return ContentColumns(category_names(prepared), text, visual)


def now_of(prepared: Prepared) -> float:
  """Sessions since the span began: the end of what is learned.

  That is a border, but of a study that has grown into a further session.
  """
  if prepared.growth is None:
    return float(prepared.sessions.count)
  until = np.array([prepared.growth.until])
  return float(video_clock.in_sessions(until, prepared.sessions)[0])


def _has_columns(prepared: Prepared) -> bool:
  """Whether a network goes on that has learned what columns mean."""
  return prepared.growth is not None and bool(
    prepared.growth.kept.videos.columns
  )


def content_columns(prepared: Prepared) -> np.ndarray:
  """[V, C] float32, Q of the catalogue, see `ContentColumns`.

  Ages are at the end of the span; what a date cuts off is not in them, as they
  are differences of upload times to one moment.
  """
  ages = now_of(prepared) - uploads(prepared)
  categories = prepared.records.videos.categories
  return learn_columns(prepared).of(categories, ages, prepared.features)


def content_size(prepared: Prepared) -> int:
  """C, without what the columns hold, which takes seconds to make."""
  ages = video_facts.age_columns(np.zeros(0))
  return len(category_names(prepared)) + ages.shape[1] + 2 * _COMPONENTS


def category_names(prepared: Prepared) -> list[str]:
  """Those that have a column."""
  if _has_columns(prepared):
    return grown_content.categories_of(prepared.growth)
  categories = prepared.records.videos.categories
  return video_facts.category_names(categories, prepared.known_videos)


def uploads(prepared: Prepared) -> np.ndarray:
  """[V] sessions since the span began when videos came out; NaN is unknown."""
  times = prepared.records.videos.upload_time
  return uploads_of(times, prepared.sessions)


def uploads_of(times: np.ndarray, sessions: Sessions) -> np.ndarray:
  """The same of upload times, seconds or MISSING_TIME."""
  unknown = times == MISSING_TIME
  found = video_clock.in_sessions(np.where(unknown, 0, times), sessions)
  return np.where(unknown, np.nan, found)
