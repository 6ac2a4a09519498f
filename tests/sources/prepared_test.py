"""Prepared copies: never of other files, never half, never made twice."""

import shutil
import subprocess
import sys

import pytest
from absl import logging
from loaded_folder import assert_same, loaded, write_folder

from dynrec_jax.sources import own_folder, record_files


def test_a_changed_file_is_never_served_from_the_old_copy(tmp_path):
  folder = write_folder(tmp_path / 'in')
  assert loaded(folder, tmp_path).videos.title.tolist() == ['One', 'Two']
  (folder / 'videos.csv').write_text('id,title\nv1,One\nv2,Tw0\n')
  assert loaded(folder, tmp_path).videos.title.tolist() == ['One', 'Tw0']
  (folder / 'profiles.csv').write_text('user,text\nann,hi\n')
  assert loaded(folder, tmp_path).profiles.tolist() == ['hi', '']


def test_an_equal_folder_is_not_prepared_again(tmp_path, monkeypatch):
  first = loaded(write_folder(tmp_path / 'in'), tmp_path)

  def fail(*_):
    raise AssertionError('prepared again')

  monkeypatch.setattr(own_folder, 'users_from_folder', fail)
  monkeypatch.setattr(own_folder, 'videos_from_folder', fail)
  assert_same(loaded(write_folder(tmp_path / 'copy'), tmp_path), first)


def test_unlisted_videos_are_counted_and_logged_every_time(tmp_path):
  folder = write_folder(tmp_path / 'in')
  for _ in range(2):  # once freshly prepared, once reused
    lines = []
    handler = logging.PythonHandler()
    handler.emit = lambda record, lines=lines: lines.append(record.getMessage())
    logging.get_absl_logger().addHandler(handler)
    try:
      loaded(folder, tmp_path)
    finally:
      logging.get_absl_logger().removeHandler(handler)
    told = [line for line in lines if 'unlisted' in line]
    assert len(told) == 1
    assert told[0].startswith('1 watches of unlisted videos')
    assert "watches.csv, row 3, column 'video': found 'gone'" in told[0]


@pytest.mark.parametrize('prepared_before', [False, True])
def test_strict_refuses_unlisted_videos(tmp_path, prepared_before):
  folder = write_folder(tmp_path / 'in')
  if prepared_before:
    loaded(folder, tmp_path)
  with pytest.raises(ValueError, match=r"row 3, column 'video': found 'gone'"):
    loaded(folder, tmp_path, strict=True)
  (folder / 'watches.csv').write_text('user,video,time\nbea,v2,30\n')
  assert loaded(folder, tmp_path, strict=True).watches.time.tolist() == [30]


class PowerCut(BaseException):
  """What no `except Exception` can tidy up after."""


@pytest.mark.parametrize('part', ['users', 'videos'])
@pytest.mark.parametrize('error', [PowerCut, OSError('disk full')])
def test_a_broken_preparation_is_never_taken_for_complete(
  tmp_path, monkeypatch, part, error
):
  folder = write_folder(tmp_path / 'in')
  name = f'{part[:-1]}_blocks'
  blocks = getattr(record_files, name)

  def broken(*arguments):
    yield next(blocks(*arguments))
    raise error

  with monkeypatch.context() as patch:
    patch.setattr(record_files, name, broken)
    with pytest.raises(type(error) if isinstance(error, OSError) else error):
      loaded(folder, tmp_path)
  assert len(loaded(folder, tmp_path).watches.user) == 4


def test_a_kill_leaves_nothing_that_is_taken_for_complete(tmp_path):
  folder = write_folder(tmp_path / 'in')
  script = f"""
import os, signal
from dynrec_jax.sources import load, record_files
blocks = record_files.user_blocks
def killed(users):
  yield next(blocks(users))
  os.kill(os.getpid(), signal.SIGKILL)
record_files.user_blocks = killed
load.load_source('files', data_dir={str(tmp_path / 'data')!r},
                    manual_dir={str(folder)!r})
"""
  code = subprocess.run([sys.executable, '-c', script], check=False).returncode
  assert code == -9
  assert list(tmp_path.rglob('incomplete*'))  # it did die half way
  assert len(loaded(folder, tmp_path).watches.user) == 4


def test_of_two_processes_one_prepares_and_one_waits(tmp_path):
  folder = write_folder(tmp_path / 'in')
  script = f"""
import pathlib, time
from absl import logging
logging.set_verbosity('info')
from dynrec_jax.sources import load, own_folder
videos = own_folder.videos_from_folder
def slow(*arguments):
  print('prepares', flush=True)
  time.sleep(1.5)
  return videos(*arguments)
own_folder.videos_from_folder = slow
pathlib.Path({str(tmp_path / 'ready')!r}).touch()
found = load.load_source('files', data_dir={str(tmp_path / 'data')!r},
                         manual_dir={str(folder)!r})
print('users', len(found.user_ids))
"""
  runs = [
    subprocess.Popen(
      [sys.executable, '-c', script],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for _ in range(2)
  ]
  told = [run.communicate(timeout=120) for run in runs]
  assert [run.returncode for run in runs] == [0, 0], told
  out, errors = (''.join(texts) for texts in zip(*told, strict=True))
  assert out.count('prepares') == 1
  assert out.count('users 2') == 2
  assert errors.count('waiting for files, videos: process ') == 1


def copies(tmp_path):
  """The folders of the prepared parts."""
  return sorted(path.parent for path in tmp_path.rglob('sha256.json'))


def cut(path):
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 1
  path.write_bytes(data)


DAMAGES = {
  'cut': cut,
  'empty': lambda path: path.write_bytes(b''),
  'missing': lambda path: path.unlink(),
  'flipped': flip,
}


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_copy_is_made_again(tmp_path, caplog, damage):
  """Whichever of its files it is: records, features, info or digests."""
  folder = write_folder(tmp_path / 'in')
  whole = loaded(folder, tmp_path)
  names = {path.name for copy in copies(tmp_path) for path in copy.iterdir()}
  assert len(names) >= 4
  for place in range(2):
    for name in sorted(names):
      path = copies(tmp_path)[place] / name
      if not path.exists():
        continue
      DAMAGES[damage](path)
      caplog.clear()
      assert_same(loaded(folder, tmp_path), whole)
      assert caplog.text.count('is not whole: making it again') == 1
  assert_same(loaded(folder, tmp_path), whole)


def test_what_is_no_folder_is_no_copy(tmp_path):
  folder = write_folder(tmp_path / 'in')
  whole = loaded(folder, tmp_path)
  for copy in copies(tmp_path):
    (copy / 'stray').touch()
    assert_same(loaded(folder, tmp_path), whole)
    shutil.rmtree(copy)
    copy.write_text('a file')
    assert_same(loaded(folder, tmp_path), whole)
