import itertools
import json
import os
import pathlib
import pty
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import time

import jax.numpy as jnp
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from dynrec_jax import metric_log
from dynrec_jax.metric_log import MetricLog, progress, read_metrics


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

  def test_events_hold_the_same_numbers(self, tmp_path):
    with open_log(tmp_path) as log:
      for step in range(25):
        log.write(step, {'train/x': step / 4, 'train/y': -step})
    expected = [
      value
      for step in range(25)
      for value in ((step, 'train/x', step / 4), (step, 'train/y', -step))
    ]
    assert tensorboard_view(tmp_path) == expected

  def test_a_record_costs_less_than_a_millisecond(self, tmp_path):
    values = {f'train/loss_{i}': i / 7 for i in range(8)}
    with open_log(tmp_path) as log:
      log.write(0, values)  # opens the events
      costs = []
      for step in range(1, 301):
        started = time.perf_counter()
        log.write(step, values)
        costs.append(time.perf_counter() - started)
    assert np.median(costs) < 1e-3

  def test_other_processes_write_nothing(self, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(metric_log.hosts, 'is_writer', lambda: False)
    with open_log(tmp_path / 'run', last_step=-1) as log:
      log.write(1, {'x': 1.0})
    with progress(5, 'train') as bar:
      bar.set_postfix({'loss': 1.0}, refresh=False)
      bar.update()
    assert not (tmp_path / 'run').exists()
    assert capfd.readouterr() == ('', '')


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


@pytest.fixture
def clock(monkeypatch):
  """What tqdm takes for the time, in seconds."""

  class Clock:
    now = 50.0

    def __call__(self):
      return self.now

  clock = Clock()
  monkeypatch.setattr('tqdm.std.time', clock)
  return clock


class TestProgressInAFile:
  def run(self, clock, capsys, total, steps, start=0, secs=0.5):
    with progress(total, 'epoch 1', start=start) as bar:
      for step in range(start + 1, start + steps + 1):
        clock.now += secs
        bar.set_postfix({'loss': 1 / step}, refresh=False)
        bar.update()
    return capsys.readouterr().err

  def test_plain_lines_are_rare_and_the_last_is_shown(self, clock, capsys):
    text = self.run(clock, capsys, 1000, 105)
    lines = text.splitlines()
    # The start, then every 10 s, which is 20 steps, and the end.
    steps = [int(line.split()[2].split('/')[0]) for line in lines]
    assert steps == [0, 20, 40, 60, 80, 100, 105]
    assert lines[0] == 'epoch 1 0/1,000 0 %, ?step/s, ? left'
    # 980 steps at 2 a second are 490 s.
    assert lines[1] == (
      'epoch 1 20/1,000 2 %,  2.00step/s, 08:10 left, loss=0.05'
    )
    assert '\r' not in text
    assert text.endswith('\n')

  def test_a_last_line_is_not_repeated(self, clock, capsys):
    lines = self.run(clock, capsys, 3, 3, secs=20).splitlines()
    assert len(lines) == 1 + 3
    assert lines[-1].startswith('epoch 1 3/3 100 %')

  def test_a_resumed_run_counts_its_own_speed(self, clock, capsys):
    text = self.run(clock, capsys, 20_000, 20, start=10_000)
    assert text.splitlines()[-1].startswith(
      'epoch 1 10,020/20,000 50 %,  2.00step/s'
    )

  def test_without_updates_it_shows_the_start(self, capsys):
    for total in (5, 0):
      with progress(total, 'none', start=total):
        pass
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(',')[0] for line in lines] == [
      'none 5/5 100 %',
      'none 0/0 0 %',
    ]

  def test_an_error_passes_and_ends_the_line(self, capsys):
    def run():
      with progress(9, 'x') as bar:
        bar.update()
        raise ValueError('inner')

    with pytest.raises(ValueError, match='inner'):
      run()
    assert capsys.readouterr().err.splitlines()[-1].startswith('x 1/9')


@pytest.mark.parametrize('size', [(24, 80), (0, 0)], ids=['80', 'unknown'])
def test_a_terminal_gets_one_bar_with_whole_log_lines_above(size):
  ours, theirs = pty.openpty()
  termios.tcsetwinsize(theirs, size)
  code = """
    import logging as standard, sys, time
    from absl import app, logging
    from dynrec_jax import metric_log
    def main(_):
      logging.set_verbosity('info')
      with metric_log.progress(40, 'epoch 1') as bar:
        for step in range(1, 41):
          time.sleep(0.02)
          bar.set_postfix({'loss': 0.25}, refresh=False)
          bar.update()
          if step % 10 == 0:
            logging.info('note %d', step)
            standard.getLogger('other').warning('warning %d', step)
            print('printed', step, file=sys.stderr)
      logging.info('after')
    app.run(main)
    """
  process = subprocess.Popen(
    [sys.executable, '-c', textwrap.dedent(code)],
    env=environment(),
    stdout=subprocess.DEVNULL,
    stderr=theirs,
  )
  os.close(theirs)
  text = b''
  try:
    while part := os.read(ours, 1 << 16):
      text += part
  except OSError:  # Linux's way to say that the other end is closed
    pass
  assert process.wait(60) == 0
  # What a terminal shows of each line: its last drawing.
  lines = text.decode().replace('\r\n', '\n').strip('\n').split('\n')
  shown = [line.split('\r')[-1] for line in lines]
  for step in (10, 20, 30, 40):
    for note in (f'note {step}', f'warning {step}', f'printed {step}'):
      assert sum(line.endswith(note) for line in shown) == 1, (note, shown)
  bars = [line for line in shown if 'epoch 1:' in line]
  assert len(bars) == 1
  assert '100%' in bars[0]
  assert 'loss=0.25' in bars[0]
  assert 'step/s' in bars[0]
  assert shown[-1].endswith('after')
  assert 5 <= text.count(b'epoch 1:') <= 40  # redrawn, not at every step


def environment():
  root = pathlib.Path(metric_log.__file__).parents[1]
  return {**os.environ, 'PYTHONPATH': str(root)}


def run_python(code, directory, *, expected_exit=0):
  process = subprocess.run(
    [
      sys.executable,
      '-c',
      f'DIRECTORY = {str(directory)!r}\n' + textwrap.dedent(code),
    ],
    env=environment(),
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
