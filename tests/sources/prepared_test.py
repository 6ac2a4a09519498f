"""Prepared copies: never of other files, never half, never made twice."""

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
  assert loaded(folder, tmp_path).profiles.tolist() == ['', 'hi']


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


def test_two_processes_may_prepare_the_same_copy(tmp_path, monkeypatch):
  folder = write_folder(tmp_path / 'in')
  blocks = record_files.video_blocks
  others = []

  def overtaken(videos):
    if not others:  # another run starts and ends inside this one
      others.append(None)
      others[0] = loaded(folder, tmp_path)
    yield from blocks(videos)

  monkeypatch.setattr(record_files, 'video_blocks', overtaken)
  assert_same(loaded(folder, tmp_path), others[0])
