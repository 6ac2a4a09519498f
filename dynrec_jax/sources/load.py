"""The one door to every data source."""

import os
import pathlib

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import simulation, two_streams

NAMES = ('simulated_year', 'movietweetings', 'movietweetings_streams', 'files')
SIMULATED = ('simulated_year',)


def load_source(
  name: str,
  *,
  data_dir: str | os.PathLike | None,
  manual_dir: str | os.PathLike | None,
  strict: bool = False,
  world: str = 'small',
  world_seed: int = simulation.DEFAULT_SEED,
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

  Returns:
    The source's records.

  Raises:
    ValueError: an unknown name, or input files that are missing or wrong.
  """
  if name not in NAMES:
    raise ValueError(f'name: found {name!r}; right: {", ".join(NAMES)}')
  # Half a second of imports, which a config's check need not wait for.
  from dynrec_jax.sources import prepared

  root = data_root(data_dir)
  if root.exists() and not root.is_dir():
    raise ValueError(f'data_dir: found a file, {root}; right: a folder')
  if name == 'simulated_year':
    builder_class, arguments = prepared.simulated(root, world, world_seed)
  else:
    builder_class, arguments = prepared.of_files(name, root, manual_dir)
  records = prepared.read(builder_class, arguments, root / 'downloads', strict)
  if name == 'movietweetings_streams':
    return two_streams.two_streams(records)
  return records


def data_root(data_dir: str | os.PathLike | None) -> pathlib.Path:
  """Where prepared copies go: `data_dir`, or the user's cache if None."""
  if data_dir is not None:
    return pathlib.Path(data_dir).expanduser()
  cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
  return pathlib.Path(cache).expanduser() / 'dynrec_jax'
