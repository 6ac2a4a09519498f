"""Tiny studies of `plus`: three videos in four tell when they came out."""

import networks
import numpy as np
import worlds

from dynrec_jax.data.records import MISSING_TIME


def plus_study(settings, **changes):
  """Three in four of its videos tell when they came out."""
  study = worlds.Study(networks.config_of(settings, 'plus', **changes))
  return study_with(study, study.prepared, uploads_of(study.prepared))


def uploads_of(prepared):
  count = len(prepared.records.videos.id)
  days = np.arange(count) * 9 - 40
  times = worlds.START + days.astype(np.int64) * worlds.DAY
  return np.where(np.arange(count) % 4 == 3, MISSING_TIME, times)


def study_with(study, prepared, upload):
  videos = prepared.records.videos._replace(upload_time=upload)
  records = prepared.records._replace(videos=videos)
  prepared = prepared._replace(records=records)
  return worlds.Study(study.config, prepared)
