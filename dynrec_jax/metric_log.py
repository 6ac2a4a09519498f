"""What a run measures, in files, and how far it has come, on the terminal.

`metrics.jsonl` holds one json object per record and is what tables are made
from; TensorBoard's events beside it hold the same numbers for the eye.
"""

import collections
import contextlib
import json
import logging
import math
import os
import shutil
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TextIO

from dynrec_jax.parallel import hosts


@contextlib.contextmanager
def _hidden(module: str) -> Iterator[None]:
  """Makes an optional import fail, unless the module is loaded anyway."""
  if module in sys.modules:
    yield
    return
  sys.modules[module] = None  # Python's own mark for "cannot be imported".
  try:
    yield
  finally:
    del sys.modules[module]


# tensorboardX loads PyTorch where it is installed, for features that are of
# no use here and at the price of seconds.
with _hidden('torch'):
  from tensorboardX.crc32c import crc32c
  from tensorboardX.proto.event_pb2 import Event, SessionLog
  from tensorboardX.proto.summary_pb2 import Summary

_FILE = 'metrics.jsonl'
_NOT_VALUES = ('step', 'time')
_WINDOW_SECS = 60.0  # over which the rate is measured
_REDRAW_SECS = 0.2
_BAR_WIDTH = 16
_LOG = logging.getLogger(__name__)


class MetricLog:
  """Appends records to `metrics.jsonl` and to TensorBoard's events.

  Only process 0 writes. Every record is on its way to the disk when `write`
  returns, so a killed run loses none. To make a resumed run's file read as
  that of an uninterrupted one, write what belongs to a step before saving
  its checkpoint, and call `resume` with the step of the restored one.
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
    self._file: TextIO | None = None
    if not hosts.is_writer():
      return
    os.makedirs(directory, exist_ok=True)
    self._path = os.path.join(directory, _FILE)
    _drop_records(self._path, None)
    self._file = open(self._path, 'a', encoding='utf-8')  # noqa: SIM115
    self._events = _open_events(directory)
    self._add_event(0, file_version='brain.Event:2')

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
    # Makes TensorBoard forget this step and all later ones.
    session = SessionLog(status=SessionLog.START)
    self._add_event(last_step + 1, session_log=session)

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
    record = {'step': int(step), 'time': round(self._clock(), 3)}
    record |= {name: _json_number(x) for name, x in numbers.items()}
    self._file.write(json.dumps(record, allow_nan=False) + '\n')
    self._file.flush()
    summary = [Summary.Value(tag=n, simple_value=x) for n, x in numbers.items()]
    self._add_event(int(step), summary=Summary(value=summary))

  def close(self) -> None:
    """Closes the files; writing is an error from now on."""
    if self._file is not None and not self._file.closed:
      self._file.close()
      self._events.close()

  def _add_event(self, step: int, **content: Any) -> None:
    event = Event(step=step, wall_time=self._clock(), **content)
    self._events.write(_framed(event.SerializeToString()))
    self._events.flush()


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


class Progress:
  """Shows how far a loop has come, its rate and the time that is left.

  On a terminal it redraws one line; elsewhere, as in a batch job's log, it
  prints a plain line now and then. The rate is that of the last minute, so it
  includes pauses for evaluation but not the compilation of the first step.
  """

  def __init__(
    self,
    total_steps: int,
    label: str,
    *,
    start: int = 0,
    stream: TextIO | None = None,
    every_secs: float = 10.0,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Shows where the loop starts.

    Args:
      total_steps: the step at which the loop ends.
      label: what the loop does, one word.
      start: the step that the loop goes on from.
      stream: where to; None is the standard error stream.
      every_secs: shortest time between two plain lines.
      clock: seconds from any origin.
    """
    self._total_steps = total_steps
    self._label = label
    self._stream = sys.stderr if stream is None else stream
    self._on_terminal = self._stream.isatty()
    self._every_secs = _REDRAW_SECS if self._on_terminal else every_secs
    self._clock = clock
    self._is_silent = not hosts.is_writer()
    self._marks: collections.deque[tuple[float, int]] = collections.deque()
    self._shown_at = -math.inf
    self._unshown: tuple[int, Mapping[str, Any]] | None = None
    if not self._is_silent:
      self._write([self._position(start)])

  def __enter__(self) -> 'Progress':
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()

  def update(self, step: int, values: Mapping[str, Any]) -> None:
    """Says that `step` is done; cheap enough for every step.

    Args:
      step: updates done, counted from the start of training also in a
        resumed run.
      values: scalars to show. They are read only when they are shown, so
        arrays that are still being computed cost no wait at other steps.
    """
    if self._is_silent:
      return
    now = self._clock()
    if not self._marks:
      self._marks.append((now, step))
    self._unshown = (step, values)
    if now - self._shown_at >= self._every_secs:
      self._show(now)

  def close(self) -> None:
    """Shows the last update, if it was not, and ends the line."""
    if self._unshown is not None:
      self._show(self._clock())
    if self._on_terminal and not self._is_silent:
      self._stream.write('\n')
      self._stream.flush()
    self._is_silent = True

  def _show(self, now: float) -> None:
    step, values = self._unshown
    self._unshown = None
    self._shown_at = now
    rate = self._rate(now, step)
    parts = [self._position(step), *self._speed(rate, step)]
    parts += [f'{name} {float(value):.4g}' for name, value in values.items()]
    self._write(parts)

  def _write(self, parts: Sequence[str]) -> None:
    text = '  '.join(parts)
    if self._on_terminal:
      columns = shutil.get_terminal_size().columns
      self._stream.write(f'\r{text[: columns - 1]}\x1b[K')
    else:
      self._stream.write(f'{text}\n')
    self._stream.flush()

  def _rate(self, now: float, step: int) -> float | None:
    """Gives steps per second since the oldest mark of the last minute."""
    while len(self._marks) > 1 and self._marks[1][0] <= now - _WINDOW_SECS:
      self._marks.popleft()
    then, first = self._marks[0]
    self._marks.append((now, step))
    return (step - first) / (now - then) if now > then else None

  def _position(self, step: int) -> str:
    share = min(1.0, step / self._total_steps) if self._total_steps else 1.0
    text = f'{self._label} {step:,}/{self._total_steps:,}'
    if self._on_terminal:
      bar = '#' * int(share * _BAR_WIDTH)
      text += f' [{bar:-<{_BAR_WIDTH}}]'
    return f'{text} {100 * share:3.0f} %'

  def _speed(self, rate: float | None, step: int) -> list[str]:
    if not rate:
      return []
    seconds = math.ceil(max(0, self._total_steps - step) / rate)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    left = f'{hours}:{minutes:02}:{seconds:02} left'
    return [f'{rate:,.4g} steps/s', left]


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
    _LOG.info(
      '%s: dropping %d records after step %d, which this run repeats',
      path,
      len(records) - len(kept),
      last_step,
    )
  partial = f'{path}.partial'
  with open(partial, 'w', encoding='utf-8') as file:
    for record in kept:
      values = {name: _json_number(x) for name, x in record.items()}
      file.write(json.dumps(values, allow_nan=False) + '\n')
    file.flush()
    os.fsync(file.fileno())
  os.replace(partial, path)


def _open_events(directory: str | os.PathLike[str]) -> BinaryIO:
  """Makes an event file that sorts after those of earlier runs."""
  now = time.time_ns()
  name = f'events.out.tfevents.{now // 10**9}.{socket.gethostname()}.{now}'
  return open(os.path.join(directory, name), 'xb')


def _framed(payload: bytes) -> bytes:
  """Gives a record of an event file: length, payload, a checksum of each.

  tensorboardX's own writer waits for the disk at every flush, which costs
  milliseconds a record and more on a network drive.
  """
  length = struct.pack('<Q', len(payload))
  return length + _masked_crc(length) + payload + _masked_crc(payload)


def _masked_crc(data: bytes) -> bytes:
  crc = crc32c(data)
  rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
  return struct.pack('<I', (rotated + 0xA282EAD8) & 0xFFFFFFFF)


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
