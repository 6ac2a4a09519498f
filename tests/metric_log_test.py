import io
import itertools
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import textwrap

import jax.numpy as jnp
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from dynrec_jax import metric_log
from dynrec_jax.metric_log import MetricLog, Progress, read_metrics


def masked_crc(data):
  """CRC-32C bit by bit, then TFRecord's rotation and offset."""
  crc = 0xFFFFFFFF
  for byte in data:
    crc ^= byte
    for _ in range(8):
      crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
  crc ^= 0xFFFFFFFF
  return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def read_events(path):
  """Reads the TFRecord framing by hand: length, crc, payload, crc."""
  data = path.read_bytes()
  events, at = [], 0
  while at < len(data):
    header = data[at : at + 8]
    (length,) = struct.unpack('<Q', header)
    (header_crc,) = struct.unpack('<I', data[at + 8 : at + 12])
    payload = data[at + 12 : at + 12 + length]
    (payload_crc,) = struct.unpack('<I', data[at + 12 + length :][:4])
    assert (header_crc, payload_crc) == (
      masked_crc(header),
      masked_crc(payload),
    )
    events.append(Event.FromString(payload))
    at += 16 + length
  return events


def tensorboard_view(directory):
  """What TensorBoard shows: a session's start hides later steps before it."""
  shown = []
  for path in sorted(directory.glob('events.out.tfevents.*')):
    events = read_events(path)
    assert events[0].file_version == 'brain.Event:2'
    for event in events[1:]:
      if event.session_log.status == SessionLog.START:
        shown = [x for x in shown if x[0] < event.step]
      for value in event.summary.value:
        shown.append((event.step, value.tag, value.simple_value))
  return shown


def open_log(directory, last_step=None, **settings):
  log = MetricLog(directory, **settings)
  if last_step is not None:
    log.resume(last_step)
  return log


class TestRecords:
  def test_writes_one_json_line_per_record(self, tmp_path):
    ticks = itertools.count(1000.25)
    with open_log(
      tmp_path / 'run', last_step=-1, clock=lambda: next(ticks)
    ) as log:
      log.write(1, {'train/loss': 0.5, 'train/count': 3})
      log.write(np.int64(2), {'train/loss': jnp.float32(0.25)})
    lines = (tmp_path / 'run' / 'metrics.jsonl').read_text().splitlines()
    first, second = map(json.loads, lines)
    assert list(first) == ['step', 'time', 'train/loss', 'train/count']
    assert (first['step'], first['train/loss'], first['train/count']) == (
      1,
      0.5,
      3,
    )
    assert (second['step'], second['train/loss']) == (2, 0.25)
    assert 1000 < first['time'] < second['time']

  def test_what_json_has_no_number_for_comes_back(self, tmp_path):
    values = {'a': np.nan, 'b': np.inf, 'c': -np.inf, 'd': 1e-300}

    def no_constants(name):
      raise AssertionError(f'{name} is not json')

    for last_step in (-1, 1):  # The second opening rewrites the file.
      with open_log(tmp_path, last_step=last_step) as log:
        log.write(1, values)
    path = tmp_path / 'metrics.jsonl'
    for line in path.read_text().splitlines():
      json.loads(line, parse_constant=no_constants)
    for record in read_metrics(path):
      found = [record[name] for name in values]
      np.testing.assert_array_equal(found, list(values.values()))

  @pytest.mark.parametrize(
    ('values', 'message'),
    [
      ({'loss': np.zeros(2)}, "metric 'loss' is .*one number"),
      ({'loss': 'high'}, "metric 'loss' is 'high'"),
      ({'loss': None}, "metric 'loss' is None"),
      ({'step': 3}, "'step' is a field"),
      ({'time': 3}, "'time' is a field"),
    ],
  )
  def test_refuses_what_is_not_a_metric(self, tmp_path, values, message):
    with open_log(tmp_path, last_step=-1) as log:
      with pytest.raises(ValueError, match=message):
        log.write(1, values)
      log.write(1, {'loss': 1.0})
    assert len(read_metrics(tmp_path / 'metrics.jsonl')) == 1

  def test_a_killed_run_loses_no_record(self, tmp_path):
    run_python(
      """
      import os, signal
      from dynrec_jax.metric_log import MetricLog
      log = MetricLog(DIRECTORY)
      for step in range(25):
        log.write(step, {'x': step / 4})
      os.kill(os.getpid(), signal.SIGKILL)
      """,
      tmp_path,
      expected_exit=-signal.SIGKILL,
    )
    found = read_metrics(tmp_path / 'metrics.jsonl')
    assert [(r['step'], r['x']) for r in found] == [
      (step, step / 4) for step in range(25)
    ]
    assert tensorboard_view(tmp_path) == [
      (step, 'x', step / 4) for step in range(25)
    ]

  def test_other_processes_write_nothing(self, tmp_path, monkeypatch):
    monkeypatch.setattr(metric_log.hosts, 'is_writer', lambda: False)
    stream = io.StringIO()
    with open_log(tmp_path / 'run', last_step=-1) as log:
      log.write(1, {'x': 1.0})
    with Progress(5, 'train', stream=stream) as progress:
      progress.update(1, {})
    assert not (tmp_path / 'run').exists()
    assert stream.getvalue() == ''


class TestResume:
  def write(self, directory, steps, last_step, offset=0.0):
    with open_log(directory, last_step=last_step) as log:
      for step in steps:
        log.write(step, {'train/loss': step + offset})
        if step % 2 == 0:
          log.write(step, {'valid/f_score': step / 10})

  def contents(self, directory):
    records = read_metrics(directory / 'metrics.jsonl')
    return [{k: v for k, v in r.items() if k != 'time'} for r in records]

  def test_reads_as_one_uninterrupted_run(self, tmp_path):
    self.write(tmp_path / 'plain', range(1, 8), -1)
    self.write(tmp_path / 'cut', range(1, 7), -1)
    self.write(tmp_path / 'cut', range(5, 8), 4)
    assert self.contents(tmp_path / 'cut') == self.contents(tmp_path / 'plain')
    assert len(self.contents(tmp_path / 'cut')) == 7 + 3
    view = tensorboard_view(tmp_path / 'cut')
    assert view == tensorboard_view(tmp_path / 'plain')
    assert len(view) == 7 + 3

  def test_starting_anew_and_keeping_everything(self, tmp_path):
    self.write(tmp_path, [2, 3], 0)
    self.write(tmp_path, [2, 3], 0, offset=0.5)
    losses = [r.get('train/loss') for r in self.contents(tmp_path)]
    assert losses == [2.5, None, 3.5]
    self.write(tmp_path, [3], None, offset=0.25)
    losses = [r.get('train/loss') for r in self.contents(tmp_path)]
    assert losses == [2.5, None, 3.5, 3.25]
    assert len(tensorboard_view(tmp_path)) == 4

  @pytest.mark.parametrize('last_step', [None, 9])
  @pytest.mark.parametrize('tail', ['{"step": 4, "trai', '{"st\n', '\0\0\0\0'])
  def test_half_a_line_is_tolerated_and_not_glued_to(
    self, tmp_path, tail, last_step
  ):
    self.write(tmp_path, [1, 3], -1)
    path = tmp_path / 'metrics.jsonl'
    with path.open('a') as file:
      file.write(tail)
    assert [r['step'] for r in read_metrics(path)] == [1, 3]
    self.write(tmp_path, [5], last_step)
    assert [r['step'] for r in read_metrics(path)] == [1, 3, 5]
    assert all(map(json.loads, path.read_text().splitlines()))

  def test_a_whole_last_line_without_its_end_is_kept(self, tmp_path):
    path = tmp_path / 'metrics.jsonl'
    path.write_text('{"step": 1, "time": 2.5, "x": 3}')
    self.write(tmp_path, [3], 1)
    assert [r['step'] for r in read_metrics(path)] == [1, 3]
    assert read_metrics(path)[0] == {'step': 1, 'time': 2.5, 'x': 3}

  @pytest.mark.parametrize(
    'line', ['{"step": 2, "x', '[1]', '{"x": 1}', '{"step": 1.5}', '']
  )
  def test_any_other_broken_line_is_an_error(self, tmp_path, line):
    path = tmp_path / 'metrics.jsonl'
    content = f'{{"step": 1}}\n{line}\n{{"step": 3}}\n'
    path.write_text(content)
    for read in (
      lambda: read_metrics(path),
      lambda: open_log(tmp_path, last_step=2),
    ):
      with pytest.raises(ValueError, match=r'metrics.jsonl line 2: found'):
        read()
    assert path.read_text() == content

  def test_cut_off_while_rewriting_leaves_the_old_file(
    self, tmp_path, monkeypatch
  ):
    self.write(tmp_path, [1, 3, 5], -1)
    path = tmp_path / 'metrics.jsonl'
    before = path.read_text()

    def cut_off(*_):
      raise KeyboardInterrupt

    with monkeypatch.context() as patch:
      patch.setattr(metric_log.os, 'fsync', cut_off)
      with pytest.raises(KeyboardInterrupt):
        open_log(tmp_path, last_step=1)
    assert path.read_text() == before
    self.write(tmp_path, [3], 1)
    assert [r['step'] for r in read_metrics(path)] == [1, 3]


class Terminal(io.StringIO):
  def isatty(self):
    return True


class Clock:
  now = 50.0

  def __call__(self):
    return self.now


class TestProgress:
  def test_plain_lines_are_rare_and_the_last_is_shown(self):
    clock, stream = Clock(), io.StringIO()
    with Progress(1000, 'train', stream=stream, clock=clock) as progress:
      for step in range(1, 101):
        clock.now += 0.5  # 2 steps/s
        progress.update(step, {'loss': 1 / step})
    lines = stream.getvalue().splitlines()
    # The start, at 0.5 s, then every 10 s, which is 20 steps, and the end.
    steps = [int(line.split()[1].split('/')[0]) for line in lines]
    assert steps == [0, 1, 21, 41, 61, 81, 100]
    assert lines[0] == 'train 0/1,000   0 %'
    assert lines[1] == 'train 1/1,000   0 %  loss 1'
    assert lines[2] == (
      # 979 steps at 2 a second are 489.5 s.
      'train 21/1,000   2 %  2 steps/s  0:08:10 left  loss 0.04762'
    )
    assert '\r' not in stream.getvalue()

  def test_a_last_line_is_not_repeated(self):
    clock, stream = Clock(), io.StringIO()
    with Progress(3, 'train', stream=stream, clock=clock) as progress:
      for step in range(1, 4):
        clock.now += 20
        progress.update(step, {})
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + 3
    assert lines[-1] == 'train 3/3 100 %  0.05 steps/s  0:00:00 left'

  def test_a_resumed_run_counts_its_own_speed(self):
    clock, stream = Clock(), io.StringIO()
    progress = Progress(
      20_000, 'train', start=10_000, stream=stream, clock=clock
    )
    assert stream.getvalue() == 'train 10,000/20,000  50 %\n'
    clock.now += 30  # The first step is compiled.
    progress.update(10_001, {})
    clock.now += 10
    progress.update(10_011, {})
    # 9,989 steps at 1 a second: 2 h 46 min 29 s.
    assert stream.getvalue().splitlines()[-1] == (
      'train 10,011/20,000  50 %  1 steps/s  2:46:29 left'
    )

  def test_the_rate_is_that_of_the_last_minute(self):
    clock, stream = Clock(), io.StringIO()
    progress = Progress(10_000, 'train', stream=stream, clock=clock)
    step = 0
    for seconds_per_step in (1.0, 0.1):
      for _ in range(1200):
        clock.now += seconds_per_step
        step += 1
        progress.update(step, {})
    last = stream.getvalue().splitlines()[-1]
    assert '10 steps/s' in last
    assert '0:12:' in last  # 7,600 to 7,700 steps at 10 a second.

  def test_a_terminal_gets_one_line_that_is_redrawn(self, monkeypatch):
    monkeypatch.setenv('COLUMNS', '60')
    clock, stream = Clock(), Terminal()
    with Progress(8, 'train', stream=stream, clock=clock) as progress:
      for step in range(1, 9):
        clock.now += 0.25
        progress.update(step, {'a_long_metric_name': 1.5, 'another': 2.5})
    text = stream.getvalue()
    assert text.count('\n') == 1
    assert text.endswith('\n')
    frames = text[:-1].split('\r')[1:]
    assert len(frames) == 1 + 8
    assert all(frame.endswith('\x1b[K') for frame in frames)
    assert all(len(frame) - len('\x1b[K') <= 59 for frame in frames)
    assert frames[2].startswith('train 2/8 [####------------]  25 %')
    assert '4 steps/s  0:00:02 l' in frames[2]
    assert frames[-1].startswith('train 8/8 [################] 100 %')

  def test_a_terminal_is_not_redrawn_at_every_step(self):
    clock, stream = Clock(), Terminal()
    progress = Progress(10_000, 'train', stream=stream, clock=clock)
    for step in range(1000):
      clock.now += 0.001
      progress.update(step, {})
    assert 5 <= stream.getvalue().count('\r') <= 7

  def test_values_are_read_only_when_shown(self):
    class Pending:
      reads = 0

      def __float__(self):
        Pending.reads += 1
        return 0.5

    clock, stream = Clock(), io.StringIO()
    with Progress(100, 'train', stream=stream, clock=clock) as progress:
      for step in range(1, 51):
        clock.now += 0.1
        progress.update(step, {'loss': Pending()})
    assert Pending.reads == len(stream.getvalue().splitlines()) - 1 == 2

  def test_without_updates_it_shows_the_start_and_ends_its_line(self):
    bar = '\rtrain 5/5 [################] 100 %\x1b[K\n'
    for stream, text in (
      (Terminal(), bar),
      (io.StringIO(), 'train 5/5 100 %\n'),
    ):
      progress = Progress(5, 'train', start=5, stream=stream)
      progress.close()
      progress.close()
      assert stream.getvalue() == text


def run_python(code, directory, *, expected_exit=0):
  root = pathlib.Path(metric_log.__file__).parents[1]
  process = subprocess.run(
    [
      sys.executable,
      '-c',
      f'DIRECTORY = {str(directory)!r}\n' + textwrap.dedent(code),
    ],
    env={**os.environ, 'PYTHONPATH': str(root)},
    capture_output=True,
    text=True,
  )
  assert process.returncode == expected_exit, process.stderr


def test_importing_loads_neither_tensorflow_nor_torch(tmp_path):
  run_python(
    """
    import importlib.util, sys
    from dynrec_jax import metric_log
    metric_log.MetricLog(DIRECTORY).write(1, {'x': 1.0})
    assert not {'tensorflow', 'torch'} & set(sys.modules)
    if importlib.util.find_spec('torch'):
      import torch  # Still there for those who want it.
      assert torch.ones(2).sum() == 2
    """,
    tmp_path,
  )
