"""What the config asks of its source, and the keys of that in errors."""

import contextlib

import ml_collections

from dynrec_jax.sources.asked import Asked
from dynrec_jax.study import span
from dynrec_jax.study.naming import naming


def asked(config: ml_collections.ConfigDict) -> Asked:
  """What is asked of the source beside its files.

  Raises:
    ValueError: `data.topics_date` is no date.
  """
  data = config.data
  time = None
  if data.topics_date:
    time = span.date_secs(data.topics_date, 'data.topics_date')
  return Asked(data.columns, data.watched, time)


def naming_keys() -> contextlib.AbstractContextManager[None]:
  """The config's keys in the errors of a source."""
  return naming(
    manual_dir='data.manual_dir',
    data_dir='data.data_dir',
    strict='data.strict',
    column_names='data.columns',
    watched='data.watched',
    topics_time='data.topics_date',
    topics_date='data.topics_date',
  )
