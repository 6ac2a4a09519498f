"""Two streams of one network's users, for the cross-network study.

MovieTweetings is one network. Its films with a picture stand in for the videos;
what the same users said about all other films stands in for their tweets. This
is a study across domains of one platform, not across YouTube and Twitter.
"""

import numpy as np

from dynrec_jax.data import records as records_lib
from dynrec_jax.data.records import Records, Videos


def two_streams(records: Records) -> Records:
  """Watches of films with a picture; words about all other films as tweets.

  Args:
    records: a source with pictures of some of its videos and no tweets.

  Returns:
    The same users and videos; a tweet is the title, the genres and, where it
    is known, the description of a film without a picture.

  Raises:
    ValueError: every film has a picture, or none.
  """
  is_target = records.videos.has_visual
  if is_target.all() or not is_target.any():
    raise ValueError(
      f'movietweetings_streams: found visual features of {is_target.sum()} of '
      f'{len(is_target)} films; right: of some (visual.npz beside ratings.dat '
      'in manual_dir), so that the others make the second stream'
    )
  watches = records.watches
  target = is_target[watches.video]
  said = type(watches)(*(column[~target] for column in watches))
  texts = records_lib.object_array(map(_text, *_columns(records.videos)))
  return records._replace(
    watches=type(watches)(*(column[target] for column in watches)),
    tweets=records_lib.text_tweets(
      said.user.astype(np.int32), said.time, texts[said.video]
    ),
  )


def _columns(videos: Videos):
  return videos.title, videos.categories, videos.description


def _text(title: str, genres: tuple[str, ...], description: str) -> str:
  """What a tweet about the film says."""
  return ' '.join(filter(None, (title, *genres, description)))
