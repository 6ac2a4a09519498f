"""Files of a run's folder."""

import worlds

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
