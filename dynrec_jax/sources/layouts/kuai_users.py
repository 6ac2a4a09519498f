"""Profiles of the users of KuaiRand and KuaiRec, whose table is the same."""

import pathlib

from dynrec_jax.sources.layouts import catalogue
from dynrec_jax.sources.text_tables import Form

# Not the encrypted ones, nor counts whose ranges are told.
_TOLD = {
  'user_active_degree': 'activity',
  'is_live_streamer': 'streams',
  'is_video_author': 'uploads',
  'follow_user_num_range': 'follows',
  'fans_user_num_range': 'fans',
  'friend_user_num_range': 'friends',
  'register_days_range': 'days',
}


def profiles(path: pathlib.Path | None) -> dict[str, str]:
  """What is told of each user; {} without a table.

  Raises:
    ValueError: a missing column, or a user twice.
  """
  if path is None:
    return {}
  return catalogue.profiles(path, Form(), 'user_id', _TOLD)
