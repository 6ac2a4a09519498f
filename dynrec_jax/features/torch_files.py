"""State dicts out of PyTorch's files, without PyTorch and without running code.

A .pth file is a pickle that names tensors, and their raw numbers beside it. Two
layouts are read: the zip archive (PyTorch 1.6 and later) and the stacked
pickles before it, in which the public VGG19, C3D and EfficientNet-Lite0 files
are stored. The pickle may name only the few functions below; any other name is
refused, so a file cannot make this program call anything.
"""

import collections
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

import jax.numpy as jnp
import numpy as np

_DTYPES = {
  'DoubleStorage': np.float64,
  'FloatStorage': np.float32,
  'HalfStorage': np.float16,
  'BFloat16Storage': jnp.bfloat16,
  'LongStorage': np.int64,
  'IntStorage': np.int32,
  'ShortStorage': np.int16,
  'CharStorage': np.int8,
  'ByteStorage': np.uint8,
  'BoolStorage': np.bool_,
}
# The first pickle of the stacked layout, and the second.
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

# Whatever a damaged file makes the readers raise.
_DAMAGE = (
  ArithmeticError,
  AttributeError,
  EOFError,
  LookupError,
  MemoryError,
  NotImplementedError,
  OSError,
  RuntimeError,
  TypeError,
  ValueError,
  pickle.UnpicklingError,
  zipfile.BadZipFile,
)


class _Storage(NamedTuple):
  """A run of numbers: where it lies, and where in that it starts."""

  key: str
  dtype: np.dtype
  start: int


class _Tensor(NamedTuple):
  """A tensor before its numbers are known."""

  storage: _Storage
  start: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


def read_torch_file(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """The tensors of a state dict that `torch.save` stored.

  Args:
    path: a .pth, .pt or .pickle file; a state dict, or a checkpoint that has
      one under 'state_dict'.

  Returns:
    Arrays by name, in the file's order; entries that are not tensors are left
    out.

  Raises:
    ValueError: the file is damaged, of another kind or holds other objects.
  """
  try:
    with open(path, 'rb') as file:
      read = _read_zip if zipfile.is_zipfile(file) else _read_stacked
      file.seek(0)
      content, storages = read(file)
    return {
      name: _resolve(value, storages)
      for name, value in _state_dict(content).items()
      if isinstance(value, _Tensor)
    }
  except _DAMAGE as error:
    raise ValueError(
      f'{path}: found {error or type(error).__name__}; right: a state dict'
      ' of tensors as torch.save stores it'
    ) from error


def _read_zip(file: BinaryIO) -> tuple[Any, Mapping[str, np.ndarray]]:
  """The zip layout: NAME/data.pkl, and NAME/data/KEY per storage."""
  with zipfile.ZipFile(file) as archive:
    names = archive.namelist()
    pickles = [name for name in names if name.endswith('/data.pkl')]
    if len(pickles) != 1:
      raise ValueError(f'a zip archive with {len(pickles)} data.pkl')
    root = pickles[0].removesuffix('data.pkl')
    order = f'{root}byteorder'
    if order in names and archive.read(order) != b'little':
      raise ValueError('big-endian numbers')
    seen: dict[str, _Storage] = {}
    with archive.open(pickles[0]) as stream:
      content = _Unpickler(stream, seen).load()
    storages = {
      key: np.frombuffer(archive.read(f'{root}data/{key}'), storage.dtype)
      for key, storage in seen.items()
    }
  return content, storages


def _read_stacked(file: BinaryIO) -> tuple[Any, Mapping[str, np.ndarray]]:
  """The older layout: five pickles, then a count and numbers per storage."""
  if file.read(512)[257:262] == b'ustar':
    raise ValueError(
      'the tar layout of PyTorch before 0.1.11 (load and save it again there)'
    )
  file.seek(0)
  seen: dict[str, _Storage] = {}
  magic, protocol, system = (_Unpickler(file, seen).load() for _ in range(3))
  if magic != _MAGIC or protocol != _PROTOCOL:
    raise ValueError('a pickle that PyTorch did not write')
  if not system.get('little_endian', True):
    raise ValueError('big-endian numbers')
  content = _Unpickler(file, seen).load()
  storages = {}
  for key in _Unpickler(file, seen).load():
    dtype = seen[key].dtype
    count = int.from_bytes(file.read(8), 'little')
    storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    if len(storages[key]) != count:
      raise ValueError(f'{len(storages[key])} of {count} numbers (cut off)')
  return content, storages


class _Unpickler(pickle.Unpickler):
  """Knows tensors, storages and ordered dicts, and nothing else."""

  def __init__(self, file, seen: dict[str, _Storage]):
    super().__init__(file, encoding='utf-8')
    self._seen = seen

  def find_class(self, module: str, name: str) -> Callable:
    """The stand-in for a name in the pickle."""
    if (module, name) == ('collections', 'OrderedDict'):
      return collections.OrderedDict
    if module == 'torch._utils' and name in _REBUILD:
      return _REBUILD[name]
    if module == 'torch' and name in _DTYPES:
      return _storage_type(_DTYPES[name])
    raise pickle.UnpicklingError(f'the name {module}.{name}')

  def persistent_load(self, pid) -> _Storage:
    """The storage that a tensor of the pickle refers to."""
    kind, storage_type, key, _, _, *view = pid
    if kind != 'storage':
      raise pickle.UnpicklingError(f'a reference to a {kind}')
    start = view[0][1] if view and view[0] is not None else 0
    storage = _Storage(str(key), storage_type(), start)
    self._seen.setdefault(str(key), storage._replace(start=0))
    return storage


def _storage_type(dtype):
  """A callable, for pickles may name only callables; it gives the dtype."""
  return lambda: np.dtype(dtype)


def _tensor(storage, start, shape, strides, *_) -> _Tensor:
  """Stands for torch._utils._rebuild_tensor and _rebuild_tensor_v2."""
  if not isinstance(storage, _Storage):
    raise pickle.UnpicklingError('a tensor without a storage')
  return _Tensor(storage, start, tuple(shape), tuple(strides))


def _parameter(tensor, *_) -> _Tensor:
  """Stands for torch._utils._rebuild_parameter."""
  return tensor


_REBUILD = {
  '_rebuild_tensor': _tensor,
  '_rebuild_tensor_v2': _tensor,
  '_rebuild_parameter': _parameter,
}


def _state_dict(content) -> Mapping[str, Any]:
  """The state dict itself, out of a checkpoint if it lies in one."""
  inner = content
  if isinstance(content, Mapping) and isinstance(
    content.get('state_dict'), Mapping
  ):
    inner = content['state_dict']
  if not isinstance(inner, Mapping):
    raise ValueError(f'a {type(inner).__name__}')
  if not any(isinstance(value, _Tensor) for value in inner.values()):
    raise ValueError('a dict without tensors')
  return inner


def _resolve(tensor: _Tensor, storages: Mapping[str, np.ndarray]) -> np.ndarray:
  """The tensor's numbers, copied out of its storage if not all of it."""
  numbers = storages[tensor.storage.key]
  start = tensor.storage.start + tensor.start
  sizes = (start, *tensor.shape, *tensor.strides)
  last = start + sum(
    (n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True)
  )
  empty = 0 in tensor.shape
  if min(sizes) < 0 or (not empty and last >= len(numbers)):
    raise ValueError(f'a tensor of {len(numbers)} numbers that ends at {last}')
  if empty:
    return np.zeros(tensor.shape, numbers.dtype)
  width = numbers.dtype.itemsize
  return np.ascontiguousarray(
    np.lib.stride_tricks.as_strided(
      numbers[start:],
      tensor.shape,
      [step * width for step in tensor.strides],
      writeable=False,
    )
  )
