"""What a run measures, in files, and how far it has come, on the terminal.

`metrics.jsonl` holds one json object per record, for programs; TensorBoard's
events beside it hold the same numbers for the eye.
"""

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from absl import logging
from tqdm import tqdm
from tqdm.contrib import DummyTqdmFile

from dynrec_jax.parallel import hosts
from dynrec_jax.storage import whole_files


@contextlib.contextmanager
def _hidden(module: str) -> Iterator[None]:
  """Makes an optional import fail, unless the module is loaded anyway."""
  found = sys.modules.setdefault(module, None)  # Python's mark for "cannot"
  yield
  if found is None:
    del sys.modules[module]


# tensorboardX loads PyTorch where it is installed, for features that are of
# no use here and at the price of seconds.
with _hidden('torch'):
  from tensorboardX import SummaryWriter

_FILE = 'metrics.jsonl'
_NOT_VALUES = ('step', 'time')
_REDRAW_SECS = 0.2
_SIZE = 80, 24  # columns and rows of a terminal that does not say
_EVENTS_FLUSH_SECS = 10


class MetricLog:
  """Appends records to `metrics.jsonl` and to TensorBoard's events.

  Only the first host writes. Every record is on its way to the disk when
  `write` returns, so a killed run loses none, but for the last seconds of the
  events. To make a resumed run's file read as that of an uninterrupted one,
  write what belongs to a step before saving its checkpoint, and call `resume`
  with the step of the restored one.
  """

  def __init__(
    self,
    directory: str | os.PathLike[str],
    *,
    clock: Callable[[], float] = time.time,
  ):
    """Opens the files to append, making the directory if needed.

    Args:
      directory: of the run.
      clock: seconds since the epoch.

    Raises:
      ValueError: a line before the last one is not a record.
    """
    self._clock = clock
    self._directory = os.fspath(directory)
    self._file: TextIO | None = None
    self._events: SummaryWriter | None = None
    self._purge_step: int | None = None
    if not hosts.is_writer():
      return
    os.makedirs(directory, exist_ok=True)
    self._path = os.path.join(directory, _FILE)
    _drop_records(self._path, None)
    self._file = open(self._path, 'a', encoding='utf-8')  # noqa: SIM115

  def __enter__(self) -> 'MetricLog':
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()

  def resume(self, last_step: int) -> None:
    """Drops the records that this run is about to write again.

    Args:
      last_step: the step that the run goes on from, 0 if it starts anew.
        Records of later steps come from a run that was cut off.

    Raises:
      ValueError: a line before the last one is not a record.
    """
    if self._file is None:
      return
    self._file.close()
    _drop_records(self._path, last_step)
    self._file = open(self._path, 'a', encoding='utf-8')  # noqa: SIM115
    self._close_events()
    # TensorBoard is to forget this step and all later ones.
    self._purge_step = last_step + 1

  def write(self, step: int, values: Mapping[str, Any]) -> None:
    """Writes one record.

    Args:
      step: optimizer updates done.
      values: scalars by names such as `train/loss_semantic`. NaN and the
        infinities are written as the strings NaN, Infinity and -Infinity,
        since json has no numbers for them; `read_metrics` turns them back.

    Raises:
      ValueError: a value is not one number, or is named `step` or `time`.
    """
    if self._file is None:
      return
    numbers = {name: _number(name, value) for name, value in values.items()}
    now = round(self._clock(), 3)
    self._file.write(_line({'step': int(step), 'time': now, **numbers}) + '\n')
    self._file.flush()
    if self._events is None:
      self._events = _open_events(self._directory, self._purge_step)
    for name, number in numbers.items():
      self._events.add_scalar(name, number, int(step), now)

  def close(self) -> None:
    """Closes the files; writing is an error from now on."""
    if self._file is not None:
      self._file.close()
    self._close_events()

  def _close_events(self) -> None:
    if self._events is not None:
      self._events.close()
      self._events = None


def read_metrics(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
  """Gives the records of a `metrics.jsonl`, in the order of the file.

  A last line that a killed run left half-written is not a record.

  Args:
    path: the file.

  Raises:
    ValueError: any other line is not a record.
  """
  with open(path, encoding='utf-8', errors='replace') as file:
    lines = file.read().splitlines()
  records = []
  for number, line in enumerate(lines, start=1):
    record = _parse(line)
    if record is not None:
      records.append(record)
    elif number < len(lines):
      raise ValueError(
        f'{path} line {number}: found {line[:80]!r}, not a json object with '
        'a whole number as step'
      )
  return records


@contextlib.contextmanager
def progress(
  total: int, label: str, *, start: int = 0, every_secs: float = 10.0
) -> Iterator[tqdm]:
  """Shows on the standard error stream how far a loop has come.

  On a terminal it is one bar, with log lines above it; elsewhere, as in a
  batch job's log, a plain line now and then. Only the first host shows it.

  Args:
    total: the step at which the loop ends.
    label: what the loop does, a word or two.
    start: the step that the loop goes on from.
    every_secs: shortest time between two plain lines.

  Yields:
    tqdm's bar: `bar.update()` says that a step is done, and
    `bar.set_postfix(values, refresh=False)` what to show beside it.
  """
  on_terminal = sys.stderr.isatty()
  ncols, nrows = (None, None) if _has_size() else _SIZE
  bar = (tqdm if on_terminal else _Lines)(
    desc=label,
    total=total,
    initial=start,
    unit='step',
    file=sys.stderr,
    mininterval=_REDRAW_SECS if on_terminal else every_secs,
    miniters=1,  # reads the clock at every step: a slow one shows in time
    dynamic_ncols=on_terminal and _has_size(),
    ncols=ncols if on_terminal else None,
    nrows=nrows,
    disable=not hosts.is_writer(),
  )
  with bar, _log_above_bar() if on_terminal else contextlib.nullcontext():
    yield bar


def _has_size() -> bool:
  """Whether the terminal says how large it is; some say 0."""
  try:
    return os.get_terminal_size(sys.stderr.fileno()).columns > 0
  except OSError:
    return False


class _Lines(tqdm):
  """A bar for where a line cannot be drawn again: each time a new line."""

  _FORMAT = (
    '{desc} {n:,}/{total:,} {percentage:.0f} %, {rate_fmt}, {remaining} left'
    '{postfix}'
  )

  def __init__(self, **settings: Any):
    super().__init__(**settings, bar_format=self._FORMAT, leave=False)

  def display(self, msg: str | None = None, pos: int | None = None) -> None:
    """Writes the line; there is nothing to clear, which '' asks for."""
    del pos
    if msg is None:
      self.fp.write(f'{self}\n')
      self.fp.flush()

  def close(self) -> None:
    """Shows the last step, if it was not."""
    if not self.disable and self.n > self.last_print_n:
      self.refresh()
    super().close()


@contextlib.contextmanager
def _log_above_bar() -> Iterator[None]:
  """Sends what is logged or written to standard error around open bars."""
  handler = logging.get_absl_handler().python_handler
  before, terminal = handler.stream, sys.stderr
  with contextlib.redirect_stderr(DummyTqdmFile(terminal)) as stream:
    if before is terminal:  # and not a log file
      handler.setStream(stream)
    try:
      yield
    finally:
      handler.setStream(before)


def _drop_records(path: str, last_step: int | None) -> None:
  """Rewrites a file without half a line and without superseded records.

  The new file replaces the old one in one step: killed at any moment, the
  run finds one of the two.
  """
  if not os.path.exists(path):
    return
  records = read_metrics(path)
  kept = [r for r in records if last_step is None or r['step'] <= last_step]
  if len(kept) < len(records):
    logging.info(
      '%s: dropping %d records after step %d, which this run repeats',
      path,
      len(records) - len(kept),
      last_step,
    )
  whole_files.write_lines(path, map(_line, kept))


def _open_events(directory: str, purge_step: int | None) -> SummaryWriter:
  """Makes an event file that sorts after those of earlier runs.

  A thread of its own writes it, behind a queue without an end: a slow or full
  disk does not hold up who measures.
  """
  return SummaryWriter(
    directory,
    purge_step=purge_step,
    max_queue=0,
    flush_secs=_EVENTS_FLUSH_SECS,
    filename_suffix=f'.{time.time_ns()}',
  )


def _parse(line: str) -> dict[str, Any] | None:
  """Gives the record in a line, or None if there is none."""
  try:
    record = json.loads(line)
  except ValueError:
    return None
  if not isinstance(record, dict) or type(record.get('step')) is not int:
    return None
  special = ('NaN', 'Infinity', '-Infinity')
  return {n: float(x) if x in special else x for n, x in record.items()}


def _line(record: Mapping[str, Any]) -> str:
  values = {name: _json_number(x) for name, x in record.items()}
  return json.dumps(values, allow_nan=False)


def _number(name: str, value: Any) -> float:
  if name in _NOT_VALUES:
    raise ValueError(f'{name!r} is a field of every record, not a metric')
  try:
    return float(value)
  except (TypeError, ValueError) as error:
    raise ValueError(
      f'metric {name!r} is {value!r}; one number is needed'
    ) from error


def _json_number(value: float) -> float | str:
  """Gives a number, or the name that proto3's json mapping has for it."""
  if not math.isfinite(value):
    return 'NaN' if math.isnan(value) else f'{value}'.replace('inf', 'Infinity')
  return value
