"""A small folder of the source `files`, and its records."""

import pathlib

import numpy as np

from dynrec_jax.sources import load


def write_folder(folder: pathlib.Path) -> pathlib.Path:
  """A small folder of the source `files`."""
  folder.mkdir()
  (folder / 'watches.csv').write_text(
    'user,video,time\nbea,v2,30\nann,v1,20\nbea,gone,5\nbea,v1,30\nbea,v2,10\n'
  )
  (folder / 'videos.csv').write_text('id,title\nv1,One\nv2,Two\n')
  return folder


def loaded(folder, tmp_path, *, strict=False):
  return load.load_source(
    'files', data_dir=tmp_path / 'data', manual_dir=folder, strict=strict
  )


def assert_same(found, wanted):
  """Two nested tuples of arrays are equal in dtype, shape and every value."""
  assert type(found) is type(wanted)
  for name, one, other in zip(wanted._fields, found, wanted, strict=True):
    if isinstance(other, tuple):
      assert_same(one, other)
      continue
    assert (one.dtype, one.shape) == (other.dtype, other.shape), name
    np.testing.assert_array_equal(one, other, err_msg=name)
    if other.dtype == object:
      assert list(map(type, one)) == list(map(type, other)), name
