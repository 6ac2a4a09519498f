"""Files are whole or as they were, whatever stops the writing."""

import errno
import os
import stat
import threading

import numpy as np
import pytest

from dynrec_jax.storage import whole_files


def names_in(folder):
  return sorted(path.name for path in folder.iterdir())


class TestWriting:
  def test_makes_folders_and_replaces(self, tmp_path):
    path = tmp_path / 'new' / 'folder' / 'file.txt'
    whole_files.write_text(path, 'something longer, in two\nlines')
    assert path.read_bytes() == b'something longer, in two\nlines\n'
    whole_files.write_lines(str(path), iter(['ä', '', 'b']))
    assert path.read_text(encoding='utf-8') == 'ä\n\nb\n'
    assert names_in(path.parent) == ['file.txt']

  def test_a_name_without_a_folder_is_of_this_one(self, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole_files.write_text('file', 'x')
    assert names_in(tmp_path) == ['file']

  def test_arrays(self, tmp_path):
    arrays = {'a': np.arange(6.0).reshape(2, 3), 'b': np.array(['ä'])}
    whole_files.write_arrays(tmp_path / 'file.npz', arrays)
    with np.load(tmp_path / 'file.npz') as found:
      assert set(found.files) == {'a', 'b'}
      for name, value in arrays.items():
        np.testing.assert_array_equal(found[name], value)
    assert names_in(tmp_path) == ['file.npz']

  def test_nothing_is_there_before_the_end(self, tmp_path):
    path = tmp_path / 'file'
    with whole_files.whole_file(path, binary=True) as file:
      file.write(b'abc')
      file.flush()
      assert not path.exists()
    assert path.read_bytes() == b'abc'

  @pytest.mark.parametrize('mask', [0o022, 0o077, 0o002])
  def test_rights_are_those_of_any_new_file(self, tmp_path, mask):
    before = os.umask(mask)
    try:
      whole_files.write_text(tmp_path / 'ours', '')
      (tmp_path / 'plain').write_text('')
    finally:
      os.umask(before)
    modes = [
      stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ('ours', 'plain')
    ]
    assert modes == [0o666 & ~mask] * 2

  def test_writers_of_one_file_do_not_meet(self, tmp_path):
    path = tmp_path / 'file'
    together = threading.Barrier(4)

    def write(letter):
      with whole_files.whole_file(path) as file:
        file.write(letter * 1000)
        together.wait(10)
        file.write(letter * 1000)

    threads = [threading.Thread(target=write, args=(x,)) for x in 'abcd']
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    text = path.read_text()
    assert text == text[0] * 2000
    assert names_in(tmp_path) == ['file']


class TestFailing:
  @pytest.fixture
  def path(self, tmp_path):
    path = tmp_path / 'file'
    path.write_text('old')
    return path

  def still_old(self, path):
    return path.read_text() == 'old' and names_in(path.parent) == ['file']

  @pytest.mark.parametrize('step', ['fsync', 'replace'])
  def test_a_full_disk_is_one_error_with_the_path(
    self, path, monkeypatch, step
  ):
    def full(*_):
      raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match='No space left') as caught:
      whole_files.write_text(path, 'new')
    assert caught.value.errno == errno.ENOSPC
    assert str(caught.value).endswith(f"'{path}'")
    assert self.still_old(path)

  def test_a_folder_in_the_place(self, tmp_path):
    (tmp_path / 'file').mkdir()
    with pytest.raises(IsADirectoryError) as caught:
      whole_files.write_text(tmp_path / 'file', 'new')
    assert str(caught.value).endswith(f"'{tmp_path / 'file'}'")
    assert names_in(tmp_path) == ['file']

  def test_a_file_in_the_place_of_a_folder(self, path):
    with pytest.raises(OSError, match=str(path)):
      whole_files.write_text(path / 'inner' / 'file', 'new')
    assert self.still_old(path)

  @pytest.mark.parametrize('stop', [KeyboardInterrupt, ValueError])
  def test_what_stops_the_writer_passes(self, path, stop):
    def lines():
      yield 'new'
      raise stop

    with pytest.raises(stop):
      whole_files.write_lines(path, lines())
    assert self.still_old(path)

  def test_an_error_about_another_file_keeps_its_name(self, path, tmp_path):
    def lines():
      yield (tmp_path / 'absent').read_text()

    with pytest.raises(FileNotFoundError, match='absent'):
      whole_files.write_lines(path, lines())
    assert self.still_old(path)


def test_arrays_come_back_as_they_were_written(tmp_path):
  path = tmp_path / 'some.npz'
  arrays = {'one': np.arange(6.0).reshape(2, 3), 'two': np.array(['a', 'é'])}
  whole_files.write_arrays(path, arrays)
  found = whole_files.read_arrays(path)
  assert found.keys() == arrays.keys()
  for name, array in arrays.items():
    np.testing.assert_array_equal(found[name], array)
    assert found[name].dtype == array.dtype


@pytest.mark.parametrize('kept', [0, 1, 30, 0.5, -1])
def test_damaged_arrays_are_named(kept, tmp_path):
  path = tmp_path / 'some.npz'
  whole_files.write_arrays(path, {'one': np.arange(99)})
  whole = path.read_bytes()
  path.write_bytes(whole[: int(kept * len(whole)) if kept == 0.5 else kept])
  with pytest.raises(ValueError, match=r'some\.npz cannot be read \('):
    whole_files.read_arrays(path)


def test_arrays_of_objects_and_single_arrays_are_no_such_file(tmp_path):
  path = tmp_path / 'some.npz'
  np.savez(path, one=np.array([{}], object))
  with pytest.raises(ValueError, match='cannot be read'):
    whole_files.read_arrays(path)
  with open(path, 'wb') as file:
    np.save(file, np.arange(3))
  with pytest.raises(ValueError, match='cannot be read'):
    whole_files.read_arrays(path)
  with pytest.raises(FileNotFoundError):
    whole_files.read_arrays(tmp_path / 'none.npz')


class TestFolders:
  def test_a_folder_takes_the_place_of_another(self, tmp_path):
    place = tmp_path / 'above' / 'folder'
    for text in ('one', 'two'):
      with whole_files.whole_folder(place) as part:
        assert not list(part.iterdir())
        (part / 'below').mkdir()
        (part / 'below' / text).write_text(text)
      assert names_in(place / 'below') == [text]
    assert names_in(place.parent) == ['folder']

  def test_a_block_that_raises_leaves_what_was_there(self, tmp_path):
    with whole_files.whole_folder(tmp_path / 'x') as part:
      (part / 'old').touch()

    def fail():
      with whole_files.whole_folder(tmp_path / 'x') as part:
        (part / 'new').touch()
        raise KeyError

    with pytest.raises(KeyError):
      fail()
    assert names_in(tmp_path / 'x') == ['old']
    assert names_in(tmp_path) == ['x']

  def test_a_rename_that_fails_puts_it_back(self, tmp_path, monkeypatch):
    with whole_files.whole_folder(tmp_path / 'x') as part:
      (part / 'old').touch()
    rename = os.rename

    def fail(old, new):
      if str(old).endswith('.part'):
        raise OSError(errno.EIO, 'broken', str(old))
      rename(old, new)

    monkeypatch.setattr(whole_files.os, 'rename', fail)
    with (
      pytest.raises(OSError, match=r'broken: .*/x'),
      whole_files.whole_folder(tmp_path / 'x') as part,
    ):
      (part / 'new').touch()
    assert names_in(tmp_path) == ['x']
    assert names_in(tmp_path / 'x') == ['old']
