"""Files of a run's folder."""

import errno
import fcntl
import os
import threading

import pytest
import worlds
from fake_hosts import FakeHosts

from dynrec_jax.parallel import hosts
from dynrec_jax.study import workdir


def test_the_first_host_writes_and_others_do_not(
  tiny_settings, tmp_path, monkeypatch
):
  config = worlds.tiny_config(tiny_settings, workdir=str(tmp_path / 'a' / 'b'))
  monkeypatch.setattr(hosts, 'is_writer', lambda: False)
  workdir.write_text(config, 'results.md', 'other')
  assert not (tmp_path / 'a').exists()
  monkeypatch.setattr(hosts, 'is_writer', lambda: True)
  workdir.write_text(config, 'results.md', 'ours')
  assert (tmp_path / 'a' / 'b' / 'results.md').read_text() == 'ours\n'
  path = workdir.path_of(config, 'x.png')
  assert path == str(tmp_path / 'a' / 'b' / 'x.png')


def test_a_second_run_is_told_who_is_at_it(tiny_settings, tmp_path):
  config = worlds.tiny_config(tiny_settings, workdir=str(tmp_path / 'a'))
  message = (
    rf"^workdir is '{tmp_path}/a', where process {os.getpid()} of .* "
    r'\(mode=train_and_evaluate\), since 20\d\d-.* UTC .* is at work; right: '
  )
  with (
    workdir.alone(config),
    pytest.raises(ValueError, match=message),
    workdir.alone(config),
  ):
    pass
  with workdir.alone(config):  # free again
    pass


def test_searches_share_a_folder_and_keep_others_out(tiny_settings, tmp_path):
  settings = tiny_settings | {'workdir': str(tmp_path / 'a')}
  search = worlds.tiny_config(settings, mode='tune')
  other = worlds.tiny_config(settings)
  with (
    workdir.alone(search),
    workdir.alone(search),
    pytest.raises(ValueError, match=r'\(mode=tune\), since'),
    workdir.alone(other),
  ):
    pass
  with (
    workdir.alone(other),
    pytest.raises(ValueError, match='mode=train'),
    workdir.alone(search),
  ):
    pass


def test_a_server_keeps_nobody_out(tiny_settings, tmp_path):
  settings = tiny_settings | {'workdir': str(tmp_path / 'run')}
  server = worlds.tiny_config(settings, mode='serve')
  run = worlds.tiny_config(settings)
  with workdir.alone(run), workdir.alone(server), workdir.alone(server):
    pass


@pytest.mark.parametrize(
  ('changes', 'refused'),
  [
    ({'mode': 'evaluate'}, True),
    ({'mode': 'evaluate', 'eval__methods': ()}, True),
    ({'mode': 'evaluate', 'eval__methods': ('popularity',)}, False),
    ({'mode': 'recommend', 'recommend__split': 1}, False),
    ({'mode': 'recommend', 'recommend__split': 2}, True),
    ({'mode': 'serve', 'serve__folder': 'exported'}, False),
    ({'mode': 'train_and_evaluate'}, False),
  ],
)
def test_who_needs_a_trained_run(changes, refused, tiny_settings, tmp_path):
  (tmp_path / 'split_1' / 'checkpoints').mkdir(parents=True)
  settings = tiny_settings | {'workdir': str(tmp_path)}
  config = worlds.tiny_config(settings, **changes)
  if not refused:
    workdir.refuse_untrained(config)
    return
  with pytest.raises(ValueError, match=r'split_[02].checkpoints is not a dir'):
    workdir.refuse_untrained(config)


def test_a_run_that_writes_nothing_leaves_nothing(tiny_settings, tmp_path):
  config = worlds.tiny_config(tiny_settings, workdir=str(tmp_path / 'a'))
  with pytest.raises(ValueError, match='refused'), workdir.alone(config):
    raise ValueError('refused')
  assert not (tmp_path / 'a').exists()
  with workdir.alone(config):
    workdir.write_text(config, 'results.md', 'ours')
  assert [path.name for path in (tmp_path / 'a').iterdir()] == ['results.md']
  (tmp_path / 'b').mkdir()
  with workdir.alone(
    worlds.tiny_config(tiny_settings, workdir=str(tmp_path / 'b'))
  ):
    pass
  assert (tmp_path / 'b').exists()


def test_a_disk_without_locks_is_warned_of(
  tiny_settings, tmp_path, monkeypatch, caplog
):
  def no_lock(*_):
    raise OSError(errno.ENOLCK, 'No locks available')

  monkeypatch.setattr(fcntl, 'flock', no_lock)
  config = worlds.tiny_config(tiny_settings, workdir=str(tmp_path / 'a'))
  with workdir.alone(config):
    pass
  assert 'no lock' in caplog.text


def test_all_hosts_must_see_one_folder(tiny_settings, tmp_path, monkeypatch):
  monkeypatch.setattr(workdir, '_SEEN_SECS', 0.3)
  fake = FakeHosts(monkeypatch, 3)

  def enter(folders):
    everybody = threading.Barrier(3, timeout=60)

    def host(index):
      folder = str(tmp_path / folders[index])
      with workdir.alone(worlds.tiny_config(tiny_settings, workdir=folder)):
        found = os.listdir(folder)
        everybody.wait()  # the first takes its lock away when it leaves
        return found

    return fake.run(host)

  # Held by the first alone, and nothing of the question is left.
  assert enter('aaa') == [['.lock']] * 3
  assert not (tmp_path / 'a').exists()  # nothing was written there
  found = enter('aab')
  for error, folder in zip(found, 'aab', strict=True):
    assert str(error) == (
      f"workdir is '{tmp_path / folder}', where host 2 of 3 does not see what "
      'host 0 writes; right: a folder that all hosts share, by its whole path'
    )
