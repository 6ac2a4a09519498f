"""One step of a checkpoint directory: writing, reading, trusting it.

A step holds two items: `state`, the flat arrays, and `note`, the json that
says what they are. Both carry checksums, since Orbax itself returns altered
bytes without a word. Whatever is wrong with a step's files, reading it raises
`DamagedError`.
"""

import contextlib
import json
import logging
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from dynrec_jax.checkpoint import cut_leaves
from dynrec_jax.checkpoint import leaves as leaves_lib
from dynrec_jax.parallel import hosts

_LOG = logging.getLogger(__name__)


class Checkpoint(NamedTuple):
  """What one step holds.

  Attributes:
    step: optimizer updates done.
    state: the arrays, in the tree of the template.
    position: the caller's place in the data and its early-stopping record.
    metrics: what the caller measured at this step.
    score: the number that ranks steps, higher is better; None if unranked.
    config: the config of the run that saved it.
  """

  step: int
  state: Any
  position: dict[str, Any]
  metrics: dict[str, float]
  score: float | None
  config: dict[str, Any]


class DamagedError(Exception):
  """A step whose files are missing, cut off or altered."""


def absolute(directory: str | os.PathLike[str]) -> str:
  """Gives the form that Orbax needs; leaves `gs://bucket/run` alone."""
  path = os.fspath(directory)
  return path if '://' in path else os.path.abspath(path)


def as_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
  """Gives `value` as it will be read back: tuples as lists, keys as text.

  Args:
    value: nested dicts and lists of numbers, text, bool and None.
    what: names the value in the message.

  Raises:
    ValueError: json cannot hold it.
  """
  try:
    return json.loads(json.dumps(dict(value)))
  except (TypeError, ValueError) as error:
    raise ValueError(f'{what} cannot be written as json: {error}') from error


def first_line(error: BaseException) -> str:
  """Gives what an error says without the pages that may follow."""
  text = str(error).strip() or repr(error)
  return text.splitlines()[0]


def save_args(
  leaves: Mapping[str, np.ndarray | jax.Array],
  note: Mapping[str, Any],
  cut_rows: int | None = None,
) -> ocp.args.Composite:
  """Gives what `CheckpointManager.save` is to write for one step.

  Args:
    leaves: the state, as `leaves.host_copies` gives it. Of a cut array each
      host writes its shards. Arrays without elements live in the note alone,
      as Orbax cannot write them.
    note: json about the step.
    cut_rows: rows of cut arrays that count, see `leaves.describe`.
  """
  content = {**note, 'leaves': leaves_lib.describe(leaves, cut_rows=cut_rows)}
  stored = {name: leaf for name, leaf in leaves.items() if leaf.size}
  return ocp.args.Composite(
    state=ocp.args.PyTreeSave(stored),
    note=ocp.args.JsonSave({'content': content, 'crc32': _checksum(content)}),
  )


def read_note(manager: ocp.CheckpointManager, step: int) -> dict[str, Any]:
  """Reads what `save_args` noted, with its description of every leaf.

  Args:
    manager: of the directory.
    step: which one.

  Raises:
    DamagedError: the note is missing, cut off or altered.
  """
  args = ocp.args.Composite(note=ocp.args.JsonRestore())
  item = _restore(manager, step, args)['note']
  try:
    content, crc32 = item['content'], item['crc32']
  except (KeyError, TypeError) as error:
    raise DamagedError(f'{where(manager, step)}: not a note') from error
  if _checksum(content) != crc32:
    raise DamagedError(f'{where(manager, step)}: its note was altered')
  return content


def read_leaves(
  manager: ocp.CheckpointManager,
  step: int,
  described: Mapping[str, Mapping[str, Any]],
  template: Any = None,
  cut_rows: int | None = None,
) -> dict[str, np.ndarray | jax.Array]:
  """Reads some or all arrays of a step and checks every byte.

  Args:
    manager: of the directory.
    step: which one.
    described: the wanted part of the note's `leaves`.
    template: their tree. What was saved in shards and is cut in the template
      is read shard by shard, as the template has it; each host reads its
      own. None has no cut leaves.
    cut_rows: rows of cut arrays that count, see `leaves.describe`.

  Returns:
    Each array whole on this host, or cut as in the template.

  Raises:
    DamagedError: an array is missing, cut off or altered.
  """
  leaves = {
    name: np.zeros(d['shape'], d['dtype'])
    for name, d in described.items()
    if 0 in d['shape']
  }
  stored = {name: 0 for name in described if name not in leaves}
  like = leaves_lib.flatten(template)
  how = {name: _read_as(described[name], like.get(name)) for name in stored}
  if stored:
    # Without partial_restore Orbax insists on the whole state.
    args = ocp.args.PyTreeRestore(
      item=stored, restore_args=how, partial_restore=True
    )
    leaves |= _restore(manager, step, ocp.args.Composite(state=args))['state']
  # Read whole, what was cut has the rows behind those that count.
  for name, leaf in leaves.items():
    if isinstance(leaf, np.ndarray) and leaves_lib.in_shards(described[name]):
      leaves[name] = leaf[: described[name]['shape'][0]]
  altered = leaves_lib.damage(leaves, described, cut_rows)
  if hosts.any_of_all(bool(altered)):
    raise DamagedError(
      f'{where(manager, step)}: not the bytes that were saved in '
      f'{leaves_lib.listing(altered) or "a shard of another host"}'
    )
  return leaves


def read_scores(manager: ocp.CheckpointManager) -> dict[int, float | None]:
  """Gives the score of every step with a sound note."""
  scores = {}
  for step in manager.all_steps():
    try:
      scores[step] = read_note(manager, step)['score']
    except DamagedError:
      continue  # Restoring names it; nothing ranks it.
  return scores


def best_step(
  scores: Mapping[int, float | None], steps: Iterable[int]
) -> int | None:
  """Gives the step with the highest score, of equals the earliest."""
  ranked = [s for s in sorted(steps) if scores.get(s) is not None]
  return max(ranked, key=lambda step: scores[step], default=None)


def as_checkpoint(note: Mapping[str, Any], state: Any) -> Checkpoint:
  """Gives a note and a state in the form that callers see."""
  fields = ('step', 'position', 'metrics', 'score', 'config')
  return Checkpoint(state=state, **{name: note[name] for name in fields})


def load_for_inference(
  directory: str | os.PathLike[str],
  template: Any = None,
  *,
  subtree: str = 'params',
  cut_rows: int | None = None,
  check: Callable[[Checkpoint], None] | None = None,
) -> Checkpoint:
  """Reads the best step's weights, or the newest's where none has a score.

  Changes nothing on disk, and reads no optimizer state.

  Args:
    directory: as given to `Checkpointer`.
    template: tree of the weights, for instance from `jax.eval_shape`; None
      gives nested dicts of numpy arrays.
    subtree: the field of the saved state that holds the weights.
    cut_rows: rows of arrays that the template cuts over devices that count; it
      may have more, zeros. None counts all.
    check: is given the checkpoint without its state before any array is read,
      and raises if it is not the one that the caller wants.

  Returns:
    The checkpoint; its `state` is the weights alone.

  Raises:
    ValueError: there is no step, it is damaged, it has no such field, or the
      template does not fit. A damaged best step is never replaced by another.
  """
  with _opened(directory) as manager:
    note = read_note(manager, _step_to_load(manager))
    if check is not None:
      check(as_checkpoint(note, None))
    described = _below(note['leaves'], subtree, where(manager, note['step']))
    if template is not None:
      place = where(manager, note['step'])
      leaves_lib.refuse_other_shapes(
        {subtree: template}, described, place, cut_rows
      )
    tree = None if template is None else {subtree: template}
    leaves = read_leaves(manager, note['step'], described, tree, cut_rows)
  if template is None:
    return as_checkpoint(note, leaves_lib.nest(leaves)[subtree])
  filled = leaves_lib.fill({subtree: template}, leaves)
  return as_checkpoint(note, filled[subtree])


def load_leaves(
  directory: str | os.PathLike[str],
  check: Callable[[Checkpoint], None],
) -> Checkpoint:
  """Reads the whole state of the step that `load_for_inference` reads.

  So training can go on from what is served, in arrays of other sizes. Changes
  nothing on disk.

  Args:
    directory: as given to `Checkpointer`.
    check: see `load_for_inference`.

  Returns:
    The checkpoint; its `state` is every array by name, as in
    `leaves.flatten`.

  Raises:
    ValueError: there is no step, or it is damaged.
  """
  with _opened(directory) as manager:
    note = read_note(manager, _step_to_load(manager))
    check(as_checkpoint(note, None))
    leaves = read_leaves(manager, note['step'], note['leaves'])
    return as_checkpoint(note, leaves)


@contextlib.contextmanager
def _opened(
  directory: str | os.PathLike[str],
) -> Iterator[ocp.CheckpointManager]:
  """A manager that only reads; what is damaged is a ValueError.

  Raises:
    ValueError: no such directory.
  """
  path = absolute(directory)
  if '://' not in path and not os.path.isdir(path):
    raise ValueError(f'{path} is not a directory: no checkpoint to load')
  options = ocp.CheckpointManagerOptions(create=False)
  manager = ocp.CheckpointManager(path, options=options)
  with contextlib.closing(manager):
    try:
      yield manager
    except DamagedError as error:
      raise ValueError(f'the checkpoint to load is damaged: {error}') from error


def where(manager: ocp.CheckpointManager, step: int) -> str:
  """Names a step in messages."""
  return f'step {step} in {manager.directory}'


def _step_to_load(manager: ocp.CheckpointManager) -> int:
  """Gives the best step by the newest note that can be read."""
  damaged = []
  for step in sorted(manager.all_steps(), reverse=True):
    try:
      best = read_note(manager, step)['best_step']
    except DamagedError as error:
      _LOG.warning('skipping a damaged checkpoint: %s', error)
      damaged.append(str(error))
      continue
    return step if best is None else best
  why = f': {"; ".join(damaged)}' if damaged else ''
  raise ValueError(f'{manager.directory} holds no sound checkpoint{why}')


def _below(
  described: Mapping[str, Any], subtree: str, place: str
) -> dict[str, Any]:
  """Gives the descriptions of the leaves under one field of the state."""
  below = {n: d for n, d in described.items() if n.startswith(f'{subtree}/')}
  if not below:
    fields = sorted({name.split('/')[0] for name in described})
    raise ValueError(f'{place} has no field {subtree!r}; it has {fields}')
  return below


def _read_as(saved: Mapping[str, Any], like: Any) -> ocp.RestoreArgs:
  """How Orbax is to give a leaf: cut as the template has it, or whole."""
  if leaves_lib.in_shards(saved) and cut_leaves.is_cut(like):
    # Not strict: rows behind those that count are filled up, or left out.
    return ocp.ArrayRestoreArgs(
      sharding=like.sharding, global_shape=like.shape, strict=False
    )
  return ocp.RestoreArgs(restore_type=np.ndarray)


def _restore(
  manager: ocp.CheckpointManager, step: int, args: ocp.args.Composite
) -> Any:
  """Restores, with one exception for all that broken files can cause.

  If one host cannot read, none can: all have to go on from the same step.
  """
  item, found = None, None
  try:
    item = manager.restore(step, args=args)
  except Exception as error:
    found = error
  failed = hosts.any_of_all(found is not None)
  if isinstance(found, PermissionError):
    raise found  # The step may be sound; only we cannot see it.
  if failed:
    why = first_line(found) if found else 'another host cannot read it'
    raise DamagedError(f'{where(manager, step)}: {why}') from found
  return item


def _checksum(content: Mapping[str, Any]) -> int:
  return zlib.crc32(json.dumps(content, sort_keys=True).encode())
