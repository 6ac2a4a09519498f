"""Folders that cannot be served; what can is in `study/export_test`."""

import pytest
from folder_contents import contents

from dynrec_jax.serving import folder, folder_service


def test_what_is_no_export(tmp_path):
  for place in (tmp_path, tmp_path / 'none'):
    with pytest.raises(ValueError, match=r'holds no manifest\.json of an expo'):
      folder_service.read_manifest(place)


def test_a_damaged_file_is_named(tmp_path):
  place = tmp_path / 'x'
  folder.write(place, contents())
  assert folder_service.read_manifest(place)['k'] == 5
  path = place / 'weights.safetensors'
  whole = path.read_bytes()
  path.write_bytes(whole[:-1] + b'!')
  with pytest.raises(ValueError, match=r'weights\.safetensors: lost or damag'):
    folder_service.read_manifest(place)
  path.write_bytes(whole)
  (place / 'videos.json').unlink()
  with pytest.raises(ValueError, match=r'videos\.json: lost or damaged'):
    folder_service.read_manifest(place)


def test_another_format(tmp_path, monkeypatch):
  monkeypatch.setattr(folder, 'FORMAT', 2)
  folder.write(tmp_path / 'x', contents())
  monkeypatch.setattr(folder, 'FORMAT', 1)
  with pytest.raises(ValueError, match='found format 2; right: 1, by'):
    folder_service.read_manifest(tmp_path / 'x')
