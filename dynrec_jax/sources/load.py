"""The one door to every data source."""

import os
import pathlib

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import columns as columns_lib
from dynrec_jax.sources import simulation, two_streams
from dynrec_jax.sources import watched as watched_lib
from dynrec_jax.sources.asked import Asked

# Data sets that are read as they lie.
LAYOUTS = (
  'recbole',
  'microlens',
  'kuairand',
  'kuairec',
  'movielens',
  'crossosn',
)
NAMES = (
  *('simulated_year', 'movietweetings', 'movietweetings_streams', 'files'),
  *LAYOUTS,
)
SIMULATED = ('simulated_year',)
# What no download brings.
OF_FOLDERS = ('files', *LAYOUTS)
# Whose log is read by `layouts.log`, so that `watched` says what counts.
LOGS = tuple(name for name in LAYOUTS if name != 'crossosn')
# Whose columns may have other names.
NAMED_COLUMNS = ('files', 'recbole', 'crossosn')
# Data sets of one network, which has no tweets.
WITHOUT_TWEETS = LOGS


def load_source(
  name: str,
  *,
  data_dir: str | os.PathLike | None,
  manual_dir: str | os.PathLike | None,
  strict: bool = False,
  world: str = 'small',
  world_seed: int = simulation.DEFAULT_SEED,
  column_names: str = '',
  watched: str = '',
  topics_time: int | None = None,
) -> records_lib.Records:
  """A whole data source in memory, prepared on disk at the first call.

  The prepared copy is named after the content of its input files, so changed
  inputs are prepared anew and equal ones are reused.

  Args:
    name: one of `NAMES`.
    data_dir: where prepared copies and downloads go; None: `dynrec_jax` in
      $XDG_CACHE_HOME or ~/.cache.
    manual_dir: the folder of the input files. None downloads `movietweetings`;
      `files` needs it, `movietweetings_streams` too, as features do not come
      with the download.
    strict: whether a watch of a video that is not listed is an error; else
      such watches are kept out, counted and logged.
    world: of `simulated_year`, see `simulation.world_from_name`.
    world_seed: of `simulated_year`.
    column_names: of `NAMED_COLUMNS`: what the files call them, see
      `sources.columns`.
    watched: of `LOGS`: which rows count, see `sources.watched`; '' is what
      suits the data set.
    topics_time: of `crossosn`: when distributions without a time were known,
      seconds; None: at the first watch.

  Returns:
    The source's records.

  Raises:
    ValueError: an unknown name, or input files that are missing or wrong.
  """
  if name not in NAMES:
    raise ValueError(f'name: found {name!r}; right: {", ".join(NAMES)}')
  asked = Asked(column_names, watched, topics_time)
  check_asked(name, asked)
  # Half a second of imports, which a config's check need not wait for.
  from dynrec_jax.sources import prepared

  root = data_root(data_dir)
  if root.exists() and not root.is_dir():
    raise ValueError(f'data_dir: found a file, {root}; right: a folder')
  if name == 'simulated_year':
    builder_class, arguments = prepared.simulated(root, world, world_seed)
  else:
    builder_class, arguments = prepared.of_files(name, root, manual_dir, asked)
  records = prepared.read(builder_class, arguments, root / 'downloads', strict)
  if name == 'movietweetings_streams':
    return two_streams.two_streams(records)
  return records


def check_asked(name: str, asked: Asked) -> None:
  """Raises for what a source cannot be asked.

  Raises:
    ValueError: it has no such choice, or not this one; names the argument.
  """
  choices = (
    ('column_names', asked.column_names, NAMED_COLUMNS),
    ('watched', asked.watched, LOGS),
    ('topics_time', asked.topics_time is not None, ('crossosn',)),
  )
  for argument, given, sources in choices:
    if given and name not in sources:
      raise ValueError(
        f'{argument}: found {getattr(asked, argument)!r} with the source '
        f'{name}; right: nothing, or a source of {", ".join(sources)}'
      )
  names = columns_lib.RECBOLE if name == 'recbole' else columns_lib.NAMES
  columns_lib.parse(asked.column_names, names)
  watched_lib.parse(asked.watched or watched_lib.ALL)


def data_root(data_dir: str | os.PathLike | None) -> pathlib.Path:
  """Where prepared copies go: `data_dir`, or the user's cache if None."""
  if data_dir is not None:
    return pathlib.Path(data_dir).expanduser()
  cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
  return pathlib.Path(cache).expanduser() / 'dynrec_jax'
