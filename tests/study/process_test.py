"""What a study asks of its process, and where shared files lie."""

import jax
import worlds

from dynrec_jax.parallel import host_memory
from dynrec_jax.study import places, process


def test_memory_and_programs_are_kept(tiny_settings, monkeypatch, tmp_path):
  kept = []
  monkeypatch.setattr(
    host_memory, 'keep_freed_memory', lambda: kept.append(True)
  )
  config = worlds.tiny_config(tiny_settings, data__data_dir=str(tmp_path))
  before = jax.config.jax_compilation_cache_dir
  try:
    process.set_up(config)
    found = jax.config.jax_compilation_cache_dir
  finally:
    jax.config.update('jax_compilation_cache_dir', before)
  assert kept == [True]
  assert found == places.programs_dir(config) == str(tmp_path / 'xla')
