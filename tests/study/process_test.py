"""What a study asks of its process, and where shared files lie."""

import logging as logging_lib

import jax
import pytest
import worlds
from absl import logging
from fake_hosts import FakeHosts

from dynrec_jax.parallel import host_memory, hosts
from dynrec_jax.study import places, process


def test_memory_and_programs_are_kept(tiny_settings, monkeypatch, tmp_path):
  kept = []
  monkeypatch.setattr(
    host_memory, 'keep_freed_memory', lambda: kept.append(True)
  )
  config = worlds.tiny_config(tiny_settings, data__data_dir=str(tmp_path))
  before = jax.config.jax_compilation_cache_dir
  try:
    with process.set_up(config):
      found = jax.config.jax_compilation_cache_dir
  finally:
    jax.config.update('jax_compilation_cache_dir', before)
  assert kept == [True]
  assert found == places.programs_dir(config) == str(tmp_path / 'xla')


@pytest.mark.parametrize(
  ('changes', 'fault'),
  [
    ({'count': 2, 'index': 0}, r"^hosts\.coordinator is ''; right: HOST:PORT"),
    (
      {'coordinator': 'a:1', 'count': 2},
      r'^hosts\.index is -1 of hosts\.count=2; right: from 0 to 1',
    ),
    ({'index': 1}, r"^hosts\.coordinator is ''"),
  ],
)
def test_hosts_that_make_no_sense_are_told_by_their_keys(
  tiny_settings, monkeypatch, changes, fault
):
  monkeypatch.setattr(host_memory, 'keep_freed_memory', lambda: True)
  config = worlds.tiny_config(tiny_settings)
  config.hosts.update(changes)
  with pytest.raises(ValueError, match=fault), process.set_up(config):
    pass


def test_one_process_by_the_key_whatever_the_launcher_says(monkeypatch):
  monkeypatch.setenv('DYNREC_HOST_COUNT', '2')
  monkeypatch.setenv('DYNREC_HOST_INDEX', '0')
  hosts.start(count=1)
  assert hosts.count() == 1
  with pytest.raises(ValueError, match=r"^coordinator is ''"):
    hosts.start()


def test_the_first_host_tells_and_others_tell_errors(monkeypatch, capsys):
  def host(index):
    process.tell(f'table {index}')
    return [
      process._of_another_host(
        logging_lib.LogRecord('', level, '', 0, 'it broke', (), None)
      )
      for level in (logging.INFO, logging_lib.WARNING, logging_lib.ERROR)
    ]

  assert FakeHosts(monkeypatch, 2).run(host) == [[False, False, True]] * 2
  assert capsys.readouterr().out == 'table 0\n'
