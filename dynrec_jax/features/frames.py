"""Frames and clips out of video files, one at a time, by FFmpeg (PyAV).

A still image is a video of one frame. Files that cannot be read give one
ValueError that names the file, so that a caller can list it and go on.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

# A frame counts as shown this little before its time: Matroska rounds times to
# milliseconds.
_TOLERANCE_SECS = 2e-3
# Where a file does not say: what FFmpeg takes for still images.
_FALLBACK_RATE = 25
# Beyond this ratio of its sides a frame would be resized to a giant strip.
_MAX_RATIO = 16


class FrameShape(NamedTuple):
  """What a network wants of a frame: resized, then the centre cut out.

  Attributes:
    resize: pixels of the shorter side (the other keeps the ratio), or
      (height, width), whatever the frame's ratio.
    side: pixels of the square that is cut out.
    interpolation: FFmpeg's name; both kinds average when they shrink.
  """

  resize: int | tuple[int, int]
  side: int
  interpolation: str = 'BILINEAR'


class _Shown(NamedTuple):
  """A decoded frame and its time after the first one."""

  secs: float
  frame: object


def sample_secs(
  duration_secs: float, *, frames_per_sec: float = 1.0, max_frames: int = 60
) -> np.ndarray:
  """The times at which a video's frames are taken.

  Paper: "sampled frames" (A34). From 0 in steps of 1 / frames_per_sec; a video
  too long for that gets max_frames times, evenly over its whole length.

  Args:
    duration_secs: of the video.
    frames_per_sec: frames per second of the video.
    max_frames: at most so many.

  Returns:
    [n] times in seconds, at least one, all but the first below the duration.
  """
  count = max(1, int(np.ceil(duration_secs * frames_per_sec - 1e-6)))
  if count <= max_frames:
    return np.arange(count) / frames_per_sec
  return np.arange(max_frames) * (duration_secs / max_frames)


def sampled_frames(
  path: str | os.PathLike,
  shape: FrameShape,
  *,
  frames_per_sec: float = 1.0,
  max_frames: int = 60,
) -> Iterator[np.ndarray]:
  """The frames shown at `sample_secs` of the video, as a network wants them.

  Args:
    path: a video or an image.
    shape: of the frames.
    frames_per_sec: frames per second of the video.
    max_frames: at most so many.

  Yields:
    [side, side, 3] uint8, red, green, blue.

  Raises:
    ValueError: no frame can be read from the file; it says why.
  """
  with _errors(path):
    wanted = sample_secs(
      _duration_secs(path),
      frames_per_sec=frames_per_sec,
      max_frames=max_frames,
    ).tolist()
    before = None
    for shown in _decoded(path):
      while before and wanted and wanted[0] < shown.secs - _TOLERANCE_SECS:
        yield _cut(before.frame, shape)
        wanted.pop(0)
      if not wanted:
        return
      before = shown
    # The last frame stays till the end.
    for _ in wanted:
      yield _cut(before.frame, shape)


def clips(
  path: str | os.PathLike,
  shape: FrameShape,
  *,
  clip_len: int = 16,
  stride: int = 16,
) -> Iterator[np.ndarray]:
  """Runs of consecutive frames, from the first frame on.

  Paper: "sampled clips" (A34). Frames that no longer fill a clip are left out;
  a video of fewer than clip_len frames is one clip, its last frame repeated.

  Args:
    path: a video or an image.
    shape: of the frames.
    clip_len: frames per clip.
    stride: frames from one clip's start to the next one's.

  Yields:
    [clip_len, side, side, 3] uint8, red, green, blue.

  Raises:
    ValueError: no frame can be read from the file; it says why.
  """
  with _errors(path):
    frames: list[np.ndarray] = []
    until_next, found = 0, False
    for shown in _decoded(path):
      if until_next > 0:
        until_next -= 1
        continue
      frames.append(_cut(shown.frame, shape))
      if len(frames) == clip_len:
        yield np.stack(frames)
        found = True
        frames = frames[stride:]
        until_next = max(0, stride - clip_len)
    if not found:
      yield np.stack(frames + frames[-1:] * (clip_len - len(frames)))


@contextlib.contextmanager
def _errors(path):
  """Turns what PyAV raises into one ValueError that names the file."""
  av = _av()
  try:
    if not os.path.isfile(path):
      raise _Unreadable('no such file')
    if not os.path.getsize(path):
      raise _Unreadable('an empty file (0 bytes)')
    yield
  except (_Unreadable, av.FFmpegError, OSError) as error:
    reason = getattr(error, 'strerror', None) or str(error)
    raise ValueError(
      f'{path}: found {reason}; right: a video or image that FFmpeg reads'
    ) from error


class _Unreadable(Exception):
  """Why a file that FFmpeg may open has no frame for us."""


def _av():
  """The library, which only the extra brings."""
  try:
    import av
  except ImportError as error:
    raise ImportError(
      "reading videos needs PyAV: pip install 'dynrec_jax[extract]'"
    ) from error
  return av


def _opened(path):
  """The file; titles in another encoding than UTF-8 are no fault."""
  av = _av()
  # From 19 on PyAV keeps what it cannot decode, and has no such setting.
  strict = int(av.__version__.split('.')[0]) < 19
  settings = {'metadata_errors': 'replace'} if strict else {}
  return av.open(os.fspath(path), **settings)


def _video_stream(container):
  """The first stream of moving (or still) pictures, not an album's cover."""
  cover = _av().stream.Disposition.attached_pic
  for stream in container.streams.video:
    if not stream.disposition & cover:
      stream.thread_type = 'AUTO'
      return stream
  kinds = sorted({stream.type for stream in container.streams} - {'video'})
  raise _Unreadable(f'no video stream, only {", ".join(kinds) or "nothing"}')


def _duration_secs(path) -> float:
  """From the first frame's start to the last one's end, without decoding.

  The packets say it; what a file's head claims may be missing or untrue.
  """
  with _opened(path) as container:
    stream = _video_stream(container)
    rate = float(stream.average_rate or _FALLBACK_RATE)
    starts, ends, count = [], [], 0
    for packet in container.demux(stream):
      count += packet.size > 0
      if packet.pts is not None:
        starts.append(float(packet.pts * packet.time_base))
        own = float((packet.duration or 0) * packet.time_base)
        ends.append(starts[-1] + (own or 1 / rate))
    return max(ends) - min(starts) if starts else count / rate


def _decoded(path) -> Iterator[_Shown]:
  """All frames, in the order of showing."""
  with _opened(path) as container:
    stream = _video_stream(container)
    rate = float(stream.average_rate or _FALLBACK_RATE)
    start = None
    count = 0
    for frame in container.decode(stream):
      secs = count / rate
      if frame.pts is not None:
        secs = float(frame.pts * frame.time_base)
      start = secs if start is None else start
      yield _Shown(secs - start, frame)
      count += 1
    if not count:
      raise _Unreadable('no frame that can be decoded')


def _cut(frame, shape: FrameShape) -> np.ndarray:
  """Resized, cut and turned upright: [side, side, 3] uint8."""
  height, width = _resized(frame, shape.resize)
  quarters = round(frame.rotation / 90)
  if quarters % 2 and isinstance(shape.resize, tuple):
    width, height = shape.resize
  small = frame.reformat(
    width=width,
    height=height,
    format='rgb24',
    interpolation=_interpolation(shape.interpolation),
  ).to_ndarray()
  top = round((height - shape.side) / 2)
  left = round((width - shape.side) / 2)
  square = small[top : top + shape.side, left : left + shape.side]
  return np.ascontiguousarray(np.rot90(square, quarters))


def _interpolation(name: str):
  """With exact rounding and all colours: the same numbers on all machines."""
  flags = _av().video.reformatter.Interpolation
  exact = flags.ACCURATE_RND | flags.BITEXACT
  return flags[name] | exact | flags.FULL_CHR_H_INP | flags.FULL_CHR_H_INT


def _resized(frame, resize) -> tuple[int, int]:
  """Height and width to resize to."""
  if isinstance(resize, tuple):
    return resize
  shorter, longer = sorted((frame.height, frame.width))
  if longer > _MAX_RATIO * shorter:
    raise _Unreadable(
      f'frames of {frame.width} x {frame.height} pixels, one side more than'
      f' {_MAX_RATIO} times the other'
    )
  longer = resize * longer // shorter
  return (resize, longer) if frame.height < frame.width else (longer, resize)
