"""Reading PyTorch's files, whole and damaged, without PyTorch."""

import io
import pathlib
import pickle
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from dynrec_jax.features.torch_files import read_torch_file

FIXTURES = pathlib.Path(__file__).parents[1] / 'fixtures'
LAYOUTS = ('state_zip.pth', 'state_stacked.pth')
BASE = np.arange(24, dtype=np.float32).reshape(4, 6)
EXPECTED = {
  'plain': BASE,
  'turned': BASE.T,
  'part': BASE[1:3, ::2],
  'row': BASE[2],
  'number': np.array(7),
  'half': (BASE[0] / 8).astype(np.float16),
  'brain': (BASE[0] / 8).astype(jnp.bfloat16),
  'double': BASE[0].astype(np.float64) / 3,
  'none': np.zeros((0, 3), np.float32),
  'flags': BASE[0] > 2,
  'parameter': BASE[3] / 2,
}


@pytest.mark.parametrize('name', LAYOUTS)
def test_reads_every_kind_of_tensor(name):
  found = read_torch_file(FIXTURES / name)
  assert list(found) == list(EXPECTED)
  for key, value in EXPECTED.items():
    assert found[key].dtype == value.dtype, key
    np.testing.assert_array_equal(found[key], value, err_msg=key)


@pytest.mark.parametrize('name', LAYOUTS)
@pytest.mark.parametrize('kept', [0.2, 0.5, 0.9, 0.99])
def test_a_file_cut_off_is_named(tmp_path, name, kept):
  content = (FIXTURES / name).read_bytes()
  path = tmp_path / 'cut.pth'
  path.write_bytes(content[: int(kept * len(content))])
  with pytest.raises(
    ValueError, match=r'cut\.pth: found .*right: a state dict'
  ):
    read_torch_file(path)


def test_a_changed_number_in_a_zip_is_noticed(tmp_path):
  content = bytearray((FIXTURES / 'state_zip.pth').read_bytes())
  at = content.index(np.float32(23).tobytes())
  content[at] ^= 1
  path = tmp_path / 'changed.pth'
  path.write_bytes(content)
  with pytest.raises(ValueError, match='found Bad CRC'):
    read_torch_file(path)


class _Call:
  """Pickles as a call."""

  def __init__(self, function, *arguments):
    self.call = function, arguments

  def __reduce__(self):
    return self.call


def _write_zip(path, content):
  with zipfile.ZipFile(path, 'w') as archive:
    archive.writestr('a/data.pkl', content)


@pytest.mark.parametrize('function', [eval, open, pickle.loads, io.BytesIO])
def test_a_pickle_cannot_call_anything(tmp_path, function):
  path = tmp_path / 'evil.pth'
  mark = tmp_path / 'ran'
  arguments = {
    eval: (f'open({str(mark)!r}, "w")',),
    open: (str(mark), 'w'),
  }.get(function, (b'',))
  _write_zip(path, pickle.dumps({'x': _Call(function, *arguments)}, 2))
  with pytest.raises(ValueError, match=r'evil.pth: found the name \w+\.\w+;'):
    read_torch_file(path)
  assert not mark.exists()


def test_other_content_is_refused(tmp_path):
  path = tmp_path / 'other.pth'
  for content, found in [([1], 'a list'), ({'a': 1}, 'a dict without tensors')]:
    _write_zip(path, pickle.dumps(content, 2))
    with pytest.raises(ValueError, match=f'other.pth: found {found}'):
      read_torch_file(path)
  path.write_bytes(pickle.dumps(3) * 5)
  with pytest.raises(ValueError, match='a pickle that PyTorch did not write'):
    read_torch_file(path)
  path.write_bytes(b'\0' * 257 + b'ustar' + b'\0' * 300)
  with pytest.raises(ValueError, match='tar layout'):
    read_torch_file(path)


def test_a_checkpoint_and_a_tensor_beyond_its_storage(tmp_path):
  """Hand-made, with the names that PyTorch writes."""

  def made(start, shape, strides):
    # c<module>\n<name>\n names a function in the pickle.
    storage = b'ctorch\nFloatStorage\n'
    body = (
      b'\x80\x02}X\x0a\x00\x00\x00state_dict}X\x01\x00\x00\x00w'
      b'ctorch._utils\n_rebuild_tensor_v2\n('
      b'(X\x07\x00\x00\x00storage' + storage + b'X\x01\x00\x00\x000'
      b'X\x03\x00\x00\x00cpuK\x06tQ'
    )
    numbers = b''.join(
      [b'K' + bytes([start])]
      + [
        b'(' + b''.join(b'K' + bytes([n]) for n in part) + b't'
        for part in (shape, strides)
      ]
    )
    return body + numbers + b'\x89}tRss.'

  path = tmp_path / 'checkpoint.pth'

  def write(*tensor):
    with zipfile.ZipFile(path, 'w') as archive:
      archive.writestr('a/data.pkl', made(*tensor))
      archive.writestr('a/data/0', np.arange(6, dtype=np.float32).tobytes())

  write(1, (2, 2), (3, 1))
  np.testing.assert_array_equal(read_torch_file(path)['w'], [[1, 2], [4, 5]])
  write(2, (2, 2), (3, 1))
  with pytest.raises(ValueError, match='tensor of 6 numbers that ends at 6'):
    read_torch_file(path)
