"""Checkpoints that survive kills, full disks and flipped bytes.

One directory holds numbered steps; each is committed by one atomic rename and
holds the state's arrays together with everything that goes with them: the
position in the data, the scores, the config and a checksum of every array.
The newest steps and the best one live side by side under one retention rule,
not in two directories: a second directory would mean a second commit, and a
run killed between the two would resume beside a best that it never saw.

Arrays are stored under flat names such as `params/topic_kernel`, so a
checkpoint does not depend on devices, shardings or container classes. They
are copied to the host first, so the caller may donate its buffers at once. No
host copies more than its own shards of an array that is cut over devices.
"""

import contextlib
import logging
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orbax.checkpoint as ocp

from dynrec_jax.checkpoint import files, same_config
from dynrec_jax.checkpoint import leaves as leaves_lib
from dynrec_jax.parallel import hosts

_SPARE_BYTES = 1 << 20  # what a step needs beside its arrays
_LOG = logging.getLogger(__name__)


class Checkpointer:
  """Saves in the background; keeps the newest steps and the best.

  A step is kept if it is one of the newest `keep_latest`, or the best of all
  steps up to one of those. So whichever step a run has to resume from, the
  best that its position speaks of is there too. Of equal scores the earliest
  step is the best, as in early stopping on strict improvement.

  Attributes:
    directory: where the steps lie, as an absolute path.
    best_step: the step with the highest score; None if none has a score.
  """

  def __init__(
    self,
    directory: str | os.PathLike[str],
    *,
    config: Mapping[str, Any],
    must_match: Sequence[str],
    absent: Mapping[str, Any] = MappingProxyType({}),
    keep_latest: int = 2,
    cut_rows: int | None = None,
  ):
    """Opens a directory, creating it if needed, and clears aborted saves.

    Args:
      directory: where the steps lie; also a bucket such as `gs://b/run`.
      config: what json can hold; saved with every step.
      must_match: sections or dotted keys of `config` that have to be equal
        in a checkpoint and in this run, because the state depends on them.
      absent: dotted key -> what a checkpoint says that lacks it, see
        `refuse_other_config`.
      keep_latest: how many of the newest steps stay. Two, so that one
        damaged step does not send a run back to its start.
      cut_rows: rows of arrays cut over devices that count, of the states to
        save and of templates; they may have more, zeros, so that devices hold
        as many. None counts all. A step does not depend on how many there are,
        so it may be restored on other devices, or whole.

    Raises:
      ValueError: `config` is not json, lacks a key of `must_match`, or
        `keep_latest` is below 1.
      OSError: the directory cannot be made or listed.
    """
    if keep_latest < 1:
      raise ValueError(f'keep_latest is {keep_latest}; at least 1 is needed')
    self._config = files.as_json(config, 'config')
    self._must_match = tuple(must_match)
    self._absent = dict(absent)
    for key in self._must_match:
      if not same_config.select(self._config, [key]):
        raise ValueError(f'must_match names {key!r}, which config lacks')
    self._cut_rows = cut_rows
    self._scores: dict[int, float | None] = {}
    self._pending: int | None = None
    options = ocp.CheckpointManagerOptions(
      cleanup_tmp_directories=True,
      preservation_policy=_Retention(self._scores, keep_latest),
    )
    try:
      self._manager = ocp.CheckpointManager(
        files.absolute(directory), options=options
      )
    except Exception as error:
      raise OSError(
        f'cannot use {directory} for checkpoints: {files.first_line(error)}'
      ) from error
    self._scores.update(files.read_scores(self._manager))

  def __enter__(self) -> 'Checkpointer':
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()

  @property
  def directory(self) -> str:
    return str(self._manager.directory)

  @property
  def best_step(self) -> int | None:
    return files.best_step(self._scores, self._manager.all_steps())

  def save(
    self,
    step: int,
    state: Any,
    position: Mapping[str, Any],
    *,
    metrics: Mapping[str, float] | None = None,
    score: float | None = None,
  ) -> bool:
    """Copies the state to the host, then writes it in the background.

    Every process calls it with the same arguments; the first writes, but for
    cut arrays, of which each writes its shards. Saving a step again is
    harmless: it is skipped, unless the new call brings a score that the saved
    step lacks or contradicts; then the step is replaced.

    Args:
      step: optimizer updates done; not below the newest saved step.
      state: tree of arrays, each whole on this process or cut over devices,
        of this process or of all.
      position: what json can hold, enough to go on from here.
      metrics: what was measured at this step.
      score: ranks this step, higher is better; None leaves it unranked.

    Returns:
      Whether a save was started.

    Raises:
      ValueError: the score is not finite, the step is older than the newest
        one, or `position` or `metrics` is not json.
      OSError: this save, or the one before it, could not be written. Steps
        committed earlier are intact.
    """
    if score is not None and not math.isfinite(score):
      raise ValueError(f'the score of step {step} is {score}, not finite')
    position = files.as_json(position, 'position')
    metrics = files.as_json(metrics or {}, 'metrics')
    self.wait()
    if not self._make_room(step, score):
      return False
    steps = self._manager.all_steps()
    leaves = leaves_lib.host_copies(state)
    self._require_space(step, leaves)
    self._pending = step
    self._scores[step] = score
    note = {
      'step': step,
      'position': position,
      'metrics': metrics,
      'score': score,
      'config': self._config,
      'best_step': files.best_step(self._scores, [*steps, step]),
    }
    with self._clear_error(step):
      args = files.save_args(leaves, note, self._cut_rows)
      self._manager.save(step, args=args, force=True)
    return True

  @property
  def has_saved(self) -> bool:
    """Whether any step was ever saved, damaged or not."""
    self.wait()
    return bool(self._manager.all_steps())

  def restore_latest(self, template: Any) -> files.Checkpoint | None:
    """Gives the newest undamaged step, or None where nothing was ever saved.

    Newer steps that are damaged are named in a warning and renamed to
    `damaged-STEP`, so that the resumed run can save those steps again.

    Args:
      template: tree of arrays or `jax.ShapeDtypeStruct`; says the structure,
        and by its shardings on which devices the arrays go. A numpy leaf
        stays on the host.

    Raises:
      ValueError: the config differs in a `must_match` key, the saved arrays
        do not fit the template, every step is damaged, or the best one is.
    """
    self.wait()
    damaged: dict[int, str] = {}
    for step in sorted(self._manager.all_steps(), reverse=True):
      try:
        checkpoint = self._restore(step, template)
      except files.DamagedError as error:
        _LOG.warning('skipping a damaged checkpoint: %s', error)
        damaged[step] = str(error)
        continue
      self._require_best(step, template)
      self._set_aside(damaged)
      return checkpoint
    if damaged:
      raise ValueError(
        f'no checkpoint in {self.directory} can be read; move the '
        'directory away to start anew: ' + '; '.join(damaged.values())
      )
    return None

  def wait(self) -> None:
    """Returns once the save under way is committed.

    Raises:
      OSError: it could not be written; steps committed earlier are intact.
    """
    if self._pending is not None:
      with self._clear_error(self._pending):
        self._manager.wait_until_finished()
      self._pending = None

  def close(self) -> None:
    """Waits as `wait` does, then frees the background threads."""
    try:
      self.wait()
    finally:
      self._manager.close()

  def _make_room(self, step: int, score: float | None) -> bool:
    """Says whether `step` is to be written, deleting what it replaces."""
    steps = self._manager.all_steps()
    if steps and step < max(steps):
      raise ValueError(
        f'step {step} is older than the newest checkpoint, step {max(steps)}, '
        f'in {self.directory}: restore it first, or use an empty '
        'directory'
      )
    if step not in steps:
      return True
    if score is None or score == self._scores.get(step):
      return False
    self._manager.delete(step)
    return True

  def _require_space(self, step: int, leaves: Mapping[str, Any]) -> None:
    """Refuses a save that the disk cannot hold before it starts."""
    if '://' in self.directory:
      return
    needed = sum(leaf.nbytes for leaf in leaves.values()) + _SPARE_BYTES
    free = shutil.disk_usage(self.directory).free
    if free < needed:
      raise OSError(
        f'checkpoint of step {step} needs {needed / 2**20:.1f} MiB in '
        f'{self.directory}, where {free / 2**20:.1f} MiB are free; '
        f'intact: {self._intact()}'
      )

  @contextlib.contextmanager
  def _clear_error(self, step: int) -> Iterator[None]:
    """Turns whatever a failed write raises into one OSError."""
    try:
      yield
    except Exception as error:
      self._pending = None
      self._scores.pop(step, None)
      self._manager.reload()
      raise OSError(
        f'checkpoint of step {step} could not be written to '
        f'{self.directory}: {files.first_line(error)}; '
        f'intact: {self._intact()}'
      ) from error

  def _intact(self) -> str:
    steps = sorted(self._manager.all_steps())
    return f'steps {steps}' if steps else 'no earlier step'

  def _restore(self, step: int, template: Any) -> files.Checkpoint:
    note = files.read_note(self._manager, step)
    place = files.where(self._manager, step)
    same_config.refuse_other_config(
      note['config'], self._config, self._must_match, place, self._absent
    )
    leaves_lib.refuse_other_shapes(
      template, note['leaves'], place, self._cut_rows
    )
    leaves = self._read(step, note, template)
    return files.as_checkpoint(note, leaves_lib.fill(template, leaves))

  def _read(self, step: int, note: Mapping[str, Any], template: Any) -> Any:
    """A step's arrays, as the template has them."""
    return files.read_leaves(
      self._manager, step, note['leaves'], template, self._cut_rows
    )

  def _require_best(self, step: int, template: Any) -> None:
    """Refuses to go on from a step whose best can no longer be read."""
    best = files.read_note(self._manager, step)['best_step']
    if best is None or best == step:
      return
    if best not in self._manager.all_steps():
      _LOG.warning(
        'the best checkpoint, step %d, is gone from %s: from now on the best '
        'is the best of those that are left',
        best,
        self.directory,
      )
      return
    try:
      note = files.read_note(self._manager, best)
      self._read(best, note, template)
    except files.DamagedError as error:
      raise ValueError(
        f'the best checkpoint is damaged: {error}; delete that step to go on '
        'without it, or move the directory away to start anew'
      ) from error

  def _set_aside(self, steps: Mapping[int, str]) -> None:
    """Renames damaged steps so that their numbers are free again."""
    if not steps:
      return
    if hosts.is_writer():
      for step in steps:
        aside = self._manager.directory / f'damaged-{step}'
        if aside.exists():
          aside.rmtree()
        (self._manager.directory / str(step)).rename(aside)
        _LOG.warning('moved damaged step %d to %s', step, aside)
    hosts.wait_for_all('dynrec_checkpoint_set_aside')
    self._manager.reload()
    for step in steps:
      self._scores.pop(step, None)


class _Retention:
  """Keeps the newest steps, and for each the best step up to it."""

  def __init__(self, scores: Mapping[int, float | None], keep_latest: int):
    self._scores = scores
    self._keep_latest = keep_latest

  def should_preserve(
    self, checkpoints: Sequence[Any], *, context: Any
  ) -> list[bool]:
    del context
    steps = sorted(info.step for info in checkpoints)
    keep = set(steps[-self._keep_latest :])
    for newest in tuple(keep):
      keep.add(files.best_step(self._scores, [s for s in steps if s <= newest]))
    return [info.step in keep for info in checkpoints]
