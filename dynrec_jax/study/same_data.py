"""What data a run's folder is of: whoever goes on from it must bring the same.

`data.json` holds a digest of every table that the run has read, and the keys
that chose them; `data.npz` a number per user and per video, so that a
refusal says in words what has changed.
"""

import json
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections

from dynrec_jax.checkpoint import same_config
from dynrec_jax.data import summary
from dynrec_jax.data.summary import Summary
from dynrec_jax.parallel import hosts
from dynrec_jax.report import runs
from dynrec_jax.storage import whole_files
from dynrec_jax.study import identity, workdir
from dynrec_jax.study.prepare import Prepared

_FACTS, _SUMMARY = 'data.json', 'data.npz'
# What a run of an earlier version left, which did not say what it was of.
_STATE = ('split_*', 'tuning', 'cv', 'cross_validation.jsonl', runs.RESULTS)
_ADVICE = (
  'Right: mode=update, where rows were added; another workdir, or the data as '
  'they were'
)


class _Saved(NamedTuple):
  """What a folder says of its data.

  Attributes:
    digests: of each table.
    keys: what chose them from the source, by dotted key.
    summary: None if it is damaged or lost.
  """

  digests: dict[str, str]
  keys: dict[str, object]
  summary: Summary | None


def hold(config: ml_collections.ConfigDict, prepared: Prepared) -> None:
  """Notes in the run's folder what data it is of; refuses others.

  Raises:
    ValueError: what lies there is of other data, and what has changed; or it
      does not tell.
  """
  refuse_other(config, prepared)
  saved = _read(config)
  if not hosts.is_writer() or (saved and saved.summary):
    return
  path = workdir.path_of(config, _SUMMARY)
  whole_files.write_arrays(path, prepared.summary._asdict())
  keys = same_config.select(config.to_dict(), identity.DATA)
  facts = {'digests': summary.table_digests(prepared.summary), 'keys': keys}
  # Last: where it is, the other is.
  workdir.write_text(config, _FACTS, json.dumps(facts, indent=2))


def refuse_other(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  tables: Sequence[str] = summary.TABLES,
  advice: str = _ADVICE,
) -> None:
  """Raises if the run's folder is of other data.

  Args:
    config: of the run.
    prepared: the study.
    tables: those of `summary.TABLES` that must be the same.
    advice: what is right, for the message.

  Raises:
    ValueError: see `hold`.
  """
  told = since(config, prepared, tables)
  if told:
    raise ValueError(
      f'{config.workdir} holds a run of other data; since then: {told}. '
      f'{advice}'
    )


def since(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  tables: Sequence[str] = summary.TABLES,
) -> str:
  """What has changed since the folder's run, in words; '' if nothing has."""
  saved = _read(config)
  if saved is None:
    return ''
  now = summary.table_digests(prepared.summary)
  differ = [of for of in tables if saved.digests[of] != now[of]]
  if not differ:
    return ''
  if saved.summary is None:
    told = [f'{", ".join(differ)} are others ({_SUMMARY}, which knew, is lost)']
  else:
    told = summary.changes(saved.summary, prepared.summary, differ)
  keys = same_config.select(config.to_dict(), identity.DATA)
  keys = json.loads(json.dumps(keys))
  told += [
    f'{key} was {saved.keys.get(key)}, is {value}'
    for key, value in keys.items()
    if saved.keys.get(key) != value
  ]
  return '; '.join(told)


def saved_summary(config: ml_collections.ConfigDict) -> Summary | None:
  """Of what the folder's run was; None if it holds none, or its file is lost.

  Raises:
    ValueError: see `hold`.
  """
  saved = _read(config)
  return None if saved is None else saved.summary


def _read(config: ml_collections.ConfigDict) -> _Saved | None:
  """What the folder says; None of a folder that holds no run.

  Raises:
    ValueError: the file is damaged, or there is a run without it.
  """
  folder = pathlib.Path(workdir.state_of(config))
  path = folder / _FACTS
  try:
    facts = json.loads(path.read_text('utf-8'))
    digests = {of: str(facts['digests'][of]) for of in summary.TABLES}
    return _Saved(digests, dict(facts['keys']), _read_summary(folder, digests))
  except FileNotFoundError:
    found = [name for name in _STATE if any(folder.glob(name))]
    if not found or not hosts.is_writer():  # who is the one to tell
      return None
    raise ValueError(
      f'{folder} holds {found[0]} and no {_FACTS}, so that nothing tells what '
      'data that is of: an earlier version made it, or the file is lost. '
      'Right: another workdir'
    ) from None
  except (ValueError, KeyError, TypeError, AttributeError):
    raise ValueError(
      f'{path}: damaged, so that nothing tells what data the run is of; '
      'right: another workdir'
    ) from None


def _read_summary(
  folder: pathlib.Path, digests: dict[str, str]
) -> Summary | None:
  """The numbers behind the digests; None if they are damaged or lost."""
  try:
    found = Summary(**whole_files.read_arrays(folder / _SUMMARY))
    if summary.table_digests(found) == digests:
      return found
  except (OSError, ValueError, TypeError, AttributeError):
    pass
  return None
