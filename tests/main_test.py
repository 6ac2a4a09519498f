"""The whole job, as a user starts it: trained, killed, resumed, asked."""

import contextlib
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import forked
import jax
import pytest
import worlds

from dynrec_jax import checkpoint, main
from dynrec_jax.parallel import host_memory
from dynrec_jax.study import check, keys
from dynrec_jax.study import workdir as workdir_lib

ROOT = pathlib.Path(__file__).parent.parent
QUICK = {'JAX_DISABLE_MOST_OPTIMIZATIONS': '1'}
SETTINGS = {
  'split.seeds': 2,
  'train.max_epochs': 2,
  'train.save_every_steps': 10,
}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  """A folder of its own: with the data, and what runs share of them."""
  root = tmp_path_factory.mktemp('main')
  worlds.write_folder(root / 'folder')
  return root


def settings_of(place, workdir, changes):
  settings = worlds.tiny_settings(place / 'folder', place) | SETTINGS
  return settings | {'workdir': str(place / workdir)} | changes


def flags_of(place, workdir, changes):
  settings = settings_of(place, workdir, changes)
  overrides = [f'--config.{key}={value}' for key, value in settings.items()]
  return [f'--config={ROOT}/configs/single.py:files', *overrides]


def start(arguments, place, **env):
  """A fresh interpreter; `forked.Run` is quicker where none is needed."""
  return subprocess.Popen(
    [sys.executable, *arguments],
    cwd=place,
    env=os.environ | QUICK | {'PYTHONPATH': str(ROOT)} | env,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def finish(process, code=0):
  """Standard output and error of a process that ends as expected."""
  out, errors = process.communicate(timeout=300)
  assert process.returncode == code, errors
  return out, errors


@pytest.fixture(scope='module')
def run_here(place, quick_compile):
  """The same in this process, for what does not depend on a fresh one.

  Gives what was printed. Written as the config file has it, so that a run
  here goes on from one there.
  """
  del quick_compile
  before = jax.config.jax_compilation_cache_dir
  as_file = {
    'text.fields': ('title', 'description', 'tags', 'categories'),
    'opt.preset': 'practical',
  }

  def run_main(workdir, **changes):
    changes = {key.replace('__', '.'): value for key, value in changes.items()}
    config = worlds.tiny_config(as_file | settings_of(place, workdir, changes))
    check.check_config(config)
    with contextlib.redirect_stdout(io.StringIO()) as out:
      main.run(config, main.door_of(config.mode))
    return out.getvalue()

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(host_memory, 'keep_freed_memory', lambda: True)
    yield run_main
  jax.config.update('jax_compilation_cache_dir', before)


@pytest.fixture(scope='module')
def told(place):
  """Standard output and error of an uninterrupted run in the folder `whole`."""
  flags = flags_of(place, 'whole', {})
  return finish(start(['-m', 'dynrec_jax.main', *flags], place))


@pytest.fixture(scope='module')
def whole(told):
  """What that run printed."""
  return told[0]


def results(place, workdir):
  """The results, but for the name of the folder that they lie in."""
  found = json.loads((place / workdir / 'results.json').read_text())
  assert found['config'].pop('workdir') == str(place / workdir)
  return found


def metrics(place, workdir, number):
  """A split's records, without what a clock says."""
  path = place / workdir / f'split_{number}' / 'metrics.jsonl'
  lines = path.read_text().splitlines()
  drop = ('time', 'train/examples_per_sec')
  return [
    {k: v for k, v in json.loads(line).items() if k not in drop}
    for line in lines
  ]


def test_every_mode_has_a_door():
  for mode in keys.KEYS['mode'].values.valid:
    assert callable(main.door_of(mode))
  with pytest.raises(ValueError, match="mode is 'train', which has no door"):
    main.door_of('train')


def test_the_code_of_a_stop_is_known_before_the_imports():
  assert main._REQUEUE_EXIT_CODE == checkpoint.REQUEUE_EXIT_CODE


# What one mode or one method needs, and takes long to import.
SLOW = {'sklearn', 'implicit', 'matplotlib', 'plotly', 'orbax', 'pyarrow'}
SLOW |= {'tensorflow_datasets', 'scipy.stats', 'scipy.special', 'gensim'}


def test_a_config_is_checked_before_what_is_slow_is_imported(place):
  """And `import dynrec_jax.main` alone brings not even JAX."""
  code = (
    'import sys\n'
    'from dynrec_jax import main\n'
    'print("jax" in sys.modules)\n'
    'main.door_of = lambda mode: None\n'
    f'main.run = lambda *_: print({SLOW} & sys.modules.keys())\n'
    'main.app.run(main.main, flags_parser=main._parse)\n'
  )
  out, _ = finish(start(['-c', code, *flags_of(place, 'unused', {})], place))
  assert out == 'False\nset()\n'


@pytest.mark.parametrize('send', [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_importing_is_one_line(place, send):
  """Long before a config is read; exceptions would be lost in some import."""
  (place / 'slow' / 'ml_collections').mkdir(parents=True, exist_ok=True)
  path = place / 'slow' / 'ml_collections' / '__init__.py'
  path.write_text('print("importing", flush=True)\nimport time\ntime.sleep(60)')
  paths = os.pathsep.join([str(place / 'slow'), str(ROOT)])
  process = start(['-m', 'dynrec_jax.main'], place, PYTHONPATH=paths)
  assert process.stdout.readline() == 'importing\n'
  process.send_signal(send)
  _, errors = finish(process, checkpoint.REQUEUE_EXIT_CODE)
  assert errors == 'warning: stopped on request; the same command goes on\n'


@pytest.mark.parametrize('send', [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_ending_changes_nothing(place, send):
  """The work is done; Python has taken the handlers away by then."""
  (place / 'ending' / 'ml_collections').mkdir(parents=True, exist_ok=True)
  (place / 'ending' / 'ml_collections' / '__init__.py').write_text(
    'import os, time\n'
    'class Late:\n'
    '  def __del__(self, write=os.write, sleep=time.sleep):\n'
    '    write(1, b"ending\\n")\n'
    '    sleep(0.3)\n'
    'late = Late()\n'
    'raise SystemExit(3)\n'
  )
  paths = os.pathsep.join([str(place / 'ending'), str(ROOT)])
  process = start(['-m', 'dynrec_jax.main'], place, PYTHONPATH=paths)
  assert process.stdout.readline() == 'ending\n'
  process.send_signal(send)
  _, errors = finish(process, 3)
  assert not errors


def test_a_run_reads_as_a_story(place, told):
  """A line a stage, bars in between; `--v=1` tells files and all the rest."""
  lines = told[1].splitlines()
  stages = [line.split(':')[0] for line in lines if not bar_of(line)]
  split = ['epoch 1', 'epoch 2']
  assert stages == [
    *['visual.npz and videos.csv', 'watches.csv and videos.csv'],
    *['sessions', 'data', 'features', 'topics'],
    *['split 1 of 2', *split, 'split 2 of 2', *split],
    'results',
  ]
  assert any(map(bar_of, lines))
  flags = [*flags_of(place, 'story', {}), '--config.mode=prepare', '--v=1']
  _, errors = finish(forked.Run(flags, place))
  assert re.search(r'filtered\.py:\d+\] data: 60 users', errors)
  assert 'text_lda: read from' in errors


def bar_of(line):
  """Whether a line is of a progress bar."""
  return re.match(r'epoch \d+ [\d,]+/', line)


def test_a_run_leaves_its_results(place, whole):
  folder = place / 'whole'
  assert whole.startswith((folder / 'results.md').read_text())
  lines = whole.splitlines()
  assert lines[0] == ('| mode | method | P@5 | R@5 | F@5 | users | splits |')
  names = ['Random', 'Popularity', 'dynrec (practical)']
  rows = lines[2 : lines.index('')]
  heads = [tuple(line.split(' | ')[:2]) for line in rows]
  assert heads == [
    (f'| {mode}', name) for mode in ('long', 'short') for name in names
  ]
  found = results(place, 'whole')
  assert found['config']['train']['max_epochs'] == 2
  assert [row['method'] for row in found['rows'][:3]] == [
    'random',
    'popularity',
    'model',
  ]
  for row in found['rows']:
    assert len(row['f_score']) == 2
    assert all(0 <= f <= 1 for f in row['f_score'])
  for number in (0, 1):
    records = metrics(place, 'whole', number)
    steps = [r['step'] for r in records if 'train/loss' in r]
    per_epoch = len(steps) // 2
    assert steps == list(range(1, 2 * per_epoch + 1))
    valid = [r['step'] for r in records if 'valid/f_score' in r]
    assert valid == [per_epoch, 2 * per_epoch]
    saved = os.listdir(folder / f'split_{number}' / 'checkpoints')
    assert str(2 * per_epoch) in saved
    assert list((folder / f'split_{number}').glob('events.out.tfevents.*'))


def test_the_same_command_again_trains_nothing(place, whole, run_here):
  before = results(place, 'whole')
  count = len(metrics(place, 'whole', 0))
  assert run_here('whole') == whole
  assert results(place, 'whole') == before
  added = metrics(place, 'whole', 0)[count:]
  assert added
  assert not [r for r in added if 'train/loss' in r or 'valid/f_score' in r]


def wait_for_step(process, place, workdir, number, step):
  """Returns once a split has logged a step."""
  path = place / workdir / f'split_{number}' / 'metrics.jsonl'
  deadline = time.monotonic() + 200
  while time.monotonic() < deadline:
    if process.poll() is not None:
      raise AssertionError(process.communicate()[1])
    with contextlib.suppress(FileNotFoundError):
      if f'{{"step": {step},' in path.read_text():
        return
    time.sleep(0.002)
  raise AssertionError(f'step {step} is not reached')


def interrupt(place, workdir, number, step, send):
  """Starts a run, sends it a signal at a step; its exit code and its log."""
  process = forked.Run(flags_of(place, workdir, {}), place)
  wait_for_step(process, place, workdir, number, step)
  process.send_signal(send)
  _, errors = process.communicate(timeout=300)
  assert not (place / workdir / 'results.json').exists()
  return process.returncode, errors


@pytest.mark.slow
def test_a_run_killed_twice_ends_with_the_same_numbers(place, whole):
  code, errors = interrupt(place, 'killed', 0, 1, signal.SIGTERM)
  assert code == checkpoint.REQUEUE_EXIT_CODE
  assert 'stopped on request; the same command goes on' in errors
  assert 'Traceback' not in errors
  code, errors = interrupt(place, 'killed', 1, 27, signal.SIGKILL)
  assert code == -signal.SIGKILL
  assert 'resuming from step' in errors
  out, errors = finish(forked.Run(flags_of(place, 'killed', {}), place))
  assert 'resuming from step' in errors
  assert out == whole
  assert results(place, 'killed') == results(place, 'whole')
  for number in (0, 1):
    found = [metrics(place, name, number) for name in ('killed', 'whole')]
    found = [[r for r in x if 'train/loss' in r] for x in found]
    assert len(found[0]) > 90
    assert found[0] == found[1]


@pytest.mark.parametrize('send', [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_preparing_is_one_line(place, send):
  """No trace of where it was, and a code to be started again on."""
  code = (
    'import signal, sys, time\n'
    'from dynrec_jax import main\n'
    'def wait(config):\n'
    '  print("preparing", flush=True)\n'
    '  time.sleep(60)\n'
    'from dynrec_jax.study import prepare\n'
    'prepare.prepare = wait\n'
    'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
    'main.app.run(main.main, flags_parser=main._parse)\n'
  )
  process = start(['-c', code, *flags_of(place, 'stopped', {})], place)
  assert process.stdout.readline() == 'preparing\n'
  process.send_signal(send)
  _, errors = finish(process, checkpoint.REQUEUE_EXIT_CODE)
  (line,) = lines_of_error(errors)
  assert 'stopped on request; the same command goes on' in line


def test_a_stop_in_a_late_import_is_one_line(place):
  """Which would take an exception for a library that is not there."""
  (place / 'late').mkdir()
  (place / 'late' / 'slow_library.py').write_text(
    'import time\ntry:\n  print("importing", flush=True)\n  time.sleep(60)\n'
    'except BaseException:\n  pass\n'
  )
  code = (
    'import signal, sys\n'
    'from dynrec_jax import main\n'
    'def wait(config):\n'
    '  import slow_library\n'
    'from dynrec_jax.study import prepare\n'
    'prepare.prepare = wait\n'
    'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
    'main.app.run(main.main, flags_parser=main._parse)\n'
  )
  paths = os.pathsep.join([str(place / 'late'), str(ROOT)])
  arguments = ['-c', code, *flags_of(place, 'stopped', {})]
  process = start(arguments, place, PYTHONPATH=paths)
  assert process.stdout.readline() == 'importing\n'
  process.send_signal(signal.SIGTERM)
  _, errors = finish(process, checkpoint.REQUEUE_EXIT_CODE)
  (line,) = lines_of_error(errors)
  assert line == 'warning: stopped on request; the same command goes on'


def test_another_model_is_refused_by_the_differing_keys(place, whole, run_here):
  message = (
    r'was made with another config: .*model\.D_h: saved 8, now 4; '
    r'model\.embed_norm: saved "everywhere", now "loss_only"'
  )
  with pytest.raises(ValueError, match=message):
    run_here('whole', model__D_h=4, model__embed_norm='loss_only')


def test_a_loss_that_is_no_number_is_told_with_what_to_lower(place, run_here):
  message = r'Try a lower opt\.learning_rate or another loss\.reduction$'
  with pytest.raises(ValueError, match=message):
    run_here('diverged', opt__preset='paper', opt__learning_rate=1e6)


def test_a_log_without_a_span_is_told_the_dates_around_it(place, run_here):
  """Before anything is computed; pasted, they hold all events."""
  message = (
    r'^sessions\.start is \'\' and sessions\.end \'2024-01-01\'; .*: add '
    r'--config\.sessions\.start=2023-01-01 --config\.sessions\.end=2024-01-01$'
  )
  with pytest.raises(ValueError, match=message):
    run_here('unspanned', sessions__start='')
  assert not (place / 'unspanned').exists()


def test_programs_of_a_split_end_with_it(place, whole, run_here, monkeypatch):
  dropped = []
  monkeypatch.setattr(host_memory, 'drop_programs', lambda: dropped.append(1))
  run_here('whole')
  assert len(dropped) == SETTINGS['split.seeds']


def test_evaluate_gives_the_same_rows(place, whole, run_here):
  count = len(metrics(place, 'whole', 0))
  assert run_here('whole', mode='evaluate') == whole
  assert len(metrics(place, 'whole', 0)) == count + 6


def test_evaluate_needs_a_checkpoint(place, run_here):
  with pytest.raises(ValueError, match='no checkpoint to load'):
    run_here('nowhere', mode='evaluate')


@pytest.mark.parametrize(
  'mode', ['evaluate', 'recommend', 'explain', 'export', 'serve', 'update']
)
def test_who_reads_a_trained_run_is_told_at_once_of_none(
  mode, place, run_here, monkeypatch
):
  """Before the data are read; and no folder is left."""
  monkeypatch.setattr(main, 'door_of', lambda _: refuse_to_begin)
  message = rf'split_0.checkpoints is not a directory.* for mode={mode}; right'
  with pytest.raises(ValueError, match=message):
    run_here('untrained', mode=mode)
  assert not (place / 'untrained').exists()


def refuse_to_begin(config):
  raise AssertionError('begun')


def test_recommend_prints_where_the_lists_are(place, whole, run_here):
  """What they hold is recommend_test's."""
  path = place / 'whole' / 'recommendations.jsonl'
  assert run_here('whole', mode='recommend') == f'{path}\n'
  rows = [json.loads(line) for line in path.read_text().splitlines()]
  seen = {}
  for user, video, _ in worlds.watches():
    seen.setdefault(f'u{user}', set()).add(f'v{video}')
  assert {row['user'] for row in rows} == set(seen)
  for row in rows:
    assert len(set(row['videos']) - seen[row['user']]) == 5


def lines_of_error(errors):
  """What was written to standard error."""
  return errors.splitlines()


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'model.width': 3}, r"^error in --config: unknown key 'width'$"),
    ({'data.manual_dir': '/no/where'}, r"data\.manual_dir: found '/no/where'"),
  ],
)
def test_a_bad_value_is_one_line(changes, message, place):
  process = forked.Run(flags_of(place, 'bad', changes), place)
  _, errors = finish(process, 1)
  (line,) = lines_of_error(errors)
  assert re.search(message, line), line
  assert not (place / 'bad').exists()


def test_another_folder_with_configs_of_its_own(place):
  """Ours are found, and `~` in a path; one line says what is wrong with it."""
  folder = place / 'elsewhere'
  (folder / 'configs').mkdir(parents=True)
  (folder / 'configs' / '__init__.py').write_text('raise RuntimeError')
  (folder / 'file').touch()
  flags = flags_of(place, 'unused', {'workdir': '~/file'})
  flags[0] = '--config=configs/single.py:files'
  process = start(['-m', 'dynrec_jax.main', *flags], folder, HOME=str(folder))
  _, errors = finish(process, 1)
  assert errors == (
    f"error: workdir is '{folder}/file'; it is a file; right: a folder, or "
    'what does not exist yet\n'
  )


def test_a_stream_of_ascii_is_no_error(monkeypatch):
  written = io.BytesIO()
  stream = io.TextIOWrapper(written, encoding='ascii')
  monkeypatch.setattr(sys, 'stdout', stream)
  main._write_anywhere()
  print('F 0.5 ± 0.1', flush=True)
  assert written.getvalue() == b'F 0.5 \\xb1 0.1\n'


def test_a_second_run_is_kept_out(place, whole, run_here):
  config = worlds.tiny_config(settings_of(place, 'whole', {}))
  with (
    workdir_lib.alone(config),
    pytest.raises(ValueError, match=r'^workdir is .* where process \d+ of '),
  ):
    run_here('whole')


def test_a_missing_config_file_is_one_line(place):
  process = forked.Run(['--config=configs/none.py'], place)
  _, errors = finish(process, 1)
  (line,) = lines_of_error(errors)
  assert 'configs/none.py' in line


def test_importing_loads_neither_tensorflow_nor_torch():
  code = (
    'import sys, dynrec_jax.main; '
    "print([m for m in ('tensorflow', 'torch') if m in sys.modules])"
  )
  process = start(['-c', code], ROOT)
  assert finish(process)[0] == '[]\n'


@pytest.mark.slow
def test_2_devices_train_and_evaluate_alike(place, whole):
  flags = '--xla_force_host_platform_device_count=2'
  changes = {'train.max_epochs': 1, 'split.seeds': 1}
  process = start(
    ['-m', 'dynrec_jax.main', *flags_of(place, 'two', changes)],
    place,
    XLA_FLAGS=flags,
    NPROC='8',
  )
  finish(process)
  one, two = (
    [r for r in metrics(place, name, 0) if 'train/loss' in r]
    for name in ('whole', 'two')
  )
  for a, b in zip(one[:20], two[:20], strict=True):
    assert b['train/loss'] == pytest.approx(a['train/loss'], rel=1e-4)
