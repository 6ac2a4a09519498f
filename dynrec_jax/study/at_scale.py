"""A study's records prepared by Apache Beam, and read again by every mode."""

import contextlib
import importlib.util
import io
import logging as logging_lib
import os
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import ml_collections

from dynrec_jax.data import filters
from dynrec_jax.preparation.rules import Rules
from dynrec_jax.study import span
from dynrec_jax.study.naming import naming

if TYPE_CHECKING:
  from dynrec_jax.preparation.study_set import StudySet

_KEYS = {
  'manual_dir': 'data.manual_dir',
  'prepared_dir': 'data.prepared_dir',
  'strict': 'data.strict',
  'span': span.KEYS_IN_WORDS,
  'min_tweets_per_user': 'filter.min_tweets_per_user',
  'min_videos_per_user': 'filter.min_videos_per_user',
  'min_users_per_video': 'filter.min_users_per_video',
}


def prepare_at_scale(config: ml_collections.ConfigDict) -> str:
  """Makes the set of a study's records; says what is in it.

  Raises:
    ValueError: wrong input, or filters that leave nothing; names file, row or
      key.
    OSError: the runner gave up.
    ImportError: Apache Beam is not there.
  """
  rules = rules_of(config)
  if importlib.util.find_spec('apache_beam') is None:
    raise ImportError(
      "mode=prepare_at_scale needs Apache Beam: pip install 'dynrec_jax[beam]'"
    )
  with _quiet():
    from dynrec_jax.preparation import plan, stages

  # TFDS prints what it does.
  with contextlib.redirect_stdout(io.StringIO()), naming(**_KEYS):
    made = plan.prepare(
      _place(config.data.manual_dir),
      _place(config.data.prepared_dir),
      rules,
      stages.Runner(tuple(shlex.split(config.data.beam_options))),
      rows_per_range=config.data.range_rows,
      strict=config.data.strict,
    )
  lines = filters.removed(made.steps)
  found = ', '.join(f'{count:,} {name}' for name, count in made.counts.items())
  return '\n'.join([*lines, f'{config.data.prepared_dir}: {found}'])


def read(config: ml_collections.ConfigDict) -> 'StudySet':
  """What `prepare_at_scale` made; tells what it told of the tables.

  Raises:
    ValueError: there is none, or it is of other rules; names the key.
  """
  # Half a second of imports, which a config's check need not wait for.
  from dynrec_jax.preparation import study_set
  from dynrec_jax.sources import notes, prepared

  with naming(**_KEYS):
    found = study_set.read(config.data.prepared_dir, rules_of(config))
    notes.log(found.notes)
    prepared.report_unlisted(found.notes, config.data.strict)
  return found


def rules_of(config: ml_collections.ConfigDict) -> Rules:
  """All that decides which records the study keeps.

  Raises:
    ValueError: the config fixes no span; names the key.
  """
  clock, by_time = span.make_clock(config), config.split.by == 'time'
  visual = config.data.require_visual
  return Rules(
    borders=tuple(clock.borders.tolist()),
    cut=clock.end(config.split.cut) if by_time else None,
    min_tweets_per_user=config.filter.min_tweets_per_user,
    min_videos_per_user=config.filter.min_videos_per_user,
    min_users_per_video=config.filter.min_users_per_video,
    mode=config.filter.mode,
    require_visual=visual,
    text_fields=tuple(sorted(config.text.fields)) if visual else (),
    new_videos=tuple(sorted(config.split.new_videos)) if by_time else (),
  )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Without what Beam warns of as it is imported: clients nobody asks for."""
  before = logging_lib.root.manager.disable
  logging_lib.disable(logging_lib.WARNING)
  try:
    yield
  finally:
    logging_lib.disable(before)


def _place(folder: str) -> str:
  """A folder by its whole path, on this machine or elsewhere."""
  return folder if '://' in folder else os.path.abspath(folder)
