"""Frames and clips of videos that the tests encode themselves."""

import itertools
import sys
import types

import av
import jax
import numpy as np
import pytest
from pictures import (
  HEIGHT,
  WIDTH,
  grey,
  moving,
  numbers,
  write_audio,
  write_video,
)

from dynrec_jax.features import frames
from dynrec_jax.features.frames import FrameShape

pytestmark = pytest.mark.slow

SMALL = FrameShape(resize=32, side=24)


@pytest.mark.parametrize(
  ('duration', 'expected'),
  [
    (0.04, [0]),
    (1, [0]),
    (1.04, [0, 1]),
    (3, [0, 1, 2]),
    (60, list(range(60))),
    (60.5, [i * 60.5 / 60 for i in range(60)]),
    (600, [i * 10 for i in range(60)]),
  ],
)
def test_sample_secs(duration, expected):
  np.testing.assert_allclose(frames.sample_secs(duration), expected)


def test_one_frame_per_second(tmp_path):
  path = tmp_path / 'a.mkv'
  write_video(path, [grey(n) for n in range(80)])  # 3.2 s
  found = list(frames.sampled_frames(path, SMALL))
  assert [x.shape for x in found] == [(24, 24, 3)] * 4
  assert {x.dtype for x in found} == {np.dtype(np.uint8)}
  assert numbers(found) == [0, 25, 50, 75]


@pytest.mark.parametrize('rate', [10, 30, 24])
def test_a_long_video_gives_frames_over_its_whole_length(tmp_path, rate):
  path = tmp_path / 'a.mkv'
  write_video(path, [grey(n) for n in range(100)], rate=rate)
  found = frames.sampled_frames(path, SMALL, frames_per_sec=5, max_frames=8)
  # 8 times, an eighth of 100 frames apart; the frame on display then.
  assert numbers(list(found)) == [0, 12, 25, 37, 50, 62, 75, 87]


def test_frames_stay_until_the_next_one_comes(tmp_path):
  path = tmp_path / 'a.mkv'
  # A slide show, in tenths of seconds, that starts late.
  write_video(path, [grey(n) for n in range(4)], rate=10, pts=[30, 55, 57, 70])
  found = numbers(list(frames.sampled_frames(path, SMALL)))
  # At 0, 1, 2, 3 and 4 s after the first frame; the next come at 2.5, 2.7, 4.
  assert found == [0, 0, 0, 2, 3]


def test_moving_shape_is_where_it_should_be(tmp_path):
  path = tmp_path / 'a.mkv'
  write_video(path, [moving(n) for n in range(60)], rate=20)
  shape = FrameShape(resize=HEIGHT, side=HEIGHT)  # cuts 16 pixels either side
  for second, picture in enumerate(frames.sampled_frames(path, shape)):
    red = (picture[..., 0] > 150) & (picture[..., 1] < 90)
    rows, columns = np.nonzero(red)
    assert abs(rows.mean() - 31.5) < 1
    assert abs(columns.mean() - (20 * second + 7.5)) < 1
    assert abs(red.sum() - 16 * 16) < 40
    assert picture[4, 60].argmax() == 2
    assert picture[60, 60].argmax() == 1
  assert second == 2


def test_resizing_keeps_the_ratio_or_takes_the_given_one(tmp_path):
  path = tmp_path / 'a.mkv'
  picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
  picture[16:48, 32:64] = 255  # a square in the middle
  write_video(path, [picture])

  def size(shape):
    (found,) = frames.sampled_frames(path, shape)
    bright = found[..., 1] > 128
    return bright.any(axis=1).sum(), bright.any(axis=0).sum()

  assert size(FrameShape(resize=32, side=32)) == (16, 16)
  assert size(FrameShape(resize=(32, 96), side=32)) == (16, 32)
  write_video(path, [picture.transpose(1, 0, 2)])
  assert size(FrameShape(resize=32, side=32)) == (16, 16)


@pytest.mark.parametrize(
  ('interpolation', 'method'), [('BILINEAR', 'linear'), ('BICUBIC', 'cubic')]
)
def test_shrinking_averages_as_jax_does(tmp_path, interpolation, method):
  path = tmp_path / 'a.mkv'
  rng = np.random.default_rng(0)
  picture = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
  write_video(path, [picture])
  (found,) = frames.sampled_frames(path, FrameShape(24, 20, interpolation))
  expected = jax.image.resize(
    picture.astype(np.float32), (24, 36, 3), method, antialias=True
  )
  expected = np.clip(expected, 0, 255)[2:22, 8:28]
  gap = np.abs(found - expected)
  # Rounding; FFmpeg's cubic has slightly other weights.
  assert gap.max() < {'linear': 0.7, 'cubic': 3.5}[method]
  assert gap.mean() < {'linear': 0.3, 'cubic': 0.9}[method]
  assert np.std(expected) > 15


class _Turned:
  """A frame that says it is to be shown turned, as telephones store them."""

  def __init__(self, frame, rotation):
    self.frame, self.rotation = frame, rotation

  def __getattr__(self, name):
    return getattr(self.frame, name)


@pytest.mark.parametrize(('degrees', 'corner'), [(0, 0), (90, 1), (-90, 2)])
@pytest.mark.parametrize('resize', [64, (64, 96)])
def test_turned_frames_are_set_upright(degrees, corner, resize):
  picture = np.zeros((64, 96, 3), np.uint8)
  picture[:32, :48] = 250  # top left
  frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
  found = frames._cut(_Turned(frame, degrees), FrameShape(resize, 64))
  # Counterclockwise: top left goes to bottom left; clockwise: to top right.
  row, column = {0: (8, 8), 1: (56, 8), 2: (8, 56)}[corner]
  assert found[row, column, 0] > 200
  assert found[63 - row, 63 - column, 0] < 50


def test_turned_frames_are_stretched_upright():
  picture = np.zeros((64, 96, 3), np.uint8)
  picture[16:48, 32:64] = 250
  frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
  # Upright 96 tall and 64 wide; made 48 tall and 96 wide.
  found = frames._cut(_Turned(frame, 90), FrameShape((48, 96), 48))
  bright = found[..., 0] > 125
  assert (bright.any(axis=1).sum(), bright.any(axis=0).sum()) == (16, 48)


def test_a_cover_is_no_video():
  cover = av.stream.Disposition.attached_pic
  picture = types.SimpleNamespace(disposition=cover, type='video')
  film = types.SimpleNamespace(
    disposition=av.stream.Disposition.default, type='video'
  )

  class Streams(list):
    video = property(list)

  both_kinds = types.SimpleNamespace(streams=Streams([picture, film]))
  assert frames._video_stream(both_kinds) is film
  music = types.SimpleNamespace(streams=Streams([picture]))
  with pytest.raises(frames._Unreadable, match='no video stream'):
    frames._video_stream(music)


@pytest.mark.parametrize(
  ('stride', 'starts'), [(16, [0, 16]), (8, [0, 8, 16, 24]), (20, [0, 20])]
)
def test_clips_are_runs_of_frames(tmp_path, stride, starts):
  path = tmp_path / 'a.mkv'
  write_video(path, [grey(n) for n in range(42)])
  found = list(frames.clips(path, SMALL, stride=stride))
  assert [x.shape for x in found] == [(16, 24, 24, 3)] * len(starts)
  assert [numbers(x) for x in found] == [
    list(range(start, start + 16)) for start in starts
  ]


def test_a_short_video_is_one_clip(tmp_path):
  path = tmp_path / 'a.mkv'
  write_video(path, [grey(n) for n in range(5)])
  (found,) = frames.clips(path, SMALL)
  assert numbers(found) == [0, 1, 2, 3] + [4] * 12


def test_only_the_clip_at_hand_is_in_memory(tmp_path, monkeypatch):
  path = tmp_path / 'a.mkv'
  write_video(path, [grey(n) for n in range(64)])
  decoded = itertools.count()
  original = frames._cut
  monkeypatch.setattr(
    frames, '_cut', lambda *x: (next(decoded), original(*x))[1]
  )
  found = frames.clips(path, SMALL)
  next(found)
  assert next(decoded) == 16
  next(found)
  assert next(decoded) == 33


def test_an_image_is_a_video_of_one_frame(tmp_path):
  path = tmp_path / 'a.png'
  with av.open(str(path), 'w', format='image2') as container:
    stream = container.add_stream('png', rate=1)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'rgb24'
    frame = av.VideoFrame.from_ndarray(moving(40), format='rgb24')
    container.mux(stream.encode(frame))
    container.mux(stream.encode())
  (found,) = frames.sampled_frames(path, FrameShape(HEIGHT, HEIGHT))
  np.testing.assert_allclose(found.astype(int), moving(40)[:, 16:80], atol=2)
  (clip,) = frames.clips(path, SMALL)
  assert (clip == clip[0]).all()


@pytest.mark.parametrize('codec', ['mpeg4', 'libx264', 'libvpx-vp9'])
def test_usual_codecs_keep_the_time(tmp_path, codec):
  """With frames that are stored in another order than shown."""
  if codec not in av.codecs_available:
    pytest.skip(f'this FFmpeg has no {codec}')
  path = tmp_path / ('a.webm' if 'vp9' in codec else 'a.mp4')
  write_video(path, [moving(n) for n in range(50)], codec=codec)
  shape = FrameShape(resize=HEIGHT, side=HEIGHT)
  found = list(frames.sampled_frames(path, shape))
  assert len(found) == 2
  red = (found[1][..., 0] > 130) & (found[1][..., 1] < 100)
  assert abs(np.nonzero(red)[1].mean() - (25 + 7.5)) < 1.5
  assert len(list(frames.clips(path, SMALL))) == 3


def test_titles_in_another_encoding_do_not_matter(tmp_path):
  path = tmp_path / 'a.avi'
  write_video(path, [grey(3)], codec='mpeg4', title='caf#')
  path.write_bytes(path.read_bytes().replace(b'caf#', b'caf\xe9'))
  assert len(list(frames.sampled_frames(path, SMALL))) == 1


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.avi'])
def test_damaged_files_give_frames_or_one_error(tmp_path, name):
  path = tmp_path / name
  write_video(path, [moving(n) for n in range(30)], codec='mpeg4')
  content = path.read_bytes()
  rng = np.random.default_rng(1)
  failures = 0
  for changes in range(1, 40, 2):
    damaged = bytearray(content)
    for at in rng.integers(0, len(content), changes):
      damaged[at] = rng.integers(256)
    path.write_bytes(damaged)
    for read in both(path):
      found = outcome(read)
      failures += isinstance(found, str)
      assert found if isinstance(found, list) else found.startswith(f'{path}: ')
  assert 0 < failures < 40


def outcome(read):
  """What was read, or the message of the one error there may be."""
  try:
    return read()
  except ValueError as error:
    return str(error)


def both(path):
  """Both readers on a file."""
  return [
    lambda: list(frames.sampled_frames(path, SMALL)),
    lambda: list(frames.clips(path, SMALL)),
  ]


def test_unreadable_files_are_named_with_the_reason(tmp_path):
  video = tmp_path / 'whole.mp4'
  write_video(video, [moving(n) for n in range(40)], codec='mpeg4')
  content = video.read_bytes()
  rng = np.random.default_rng(0)
  for name, data, reason in [
    ('zero.mp4', b'', r'an empty file \(0 bytes\)'),
    ('noise.mp4', rng.bytes(5000), 'Invalid data'),
    ('text.mp4', b'no video at all\n' * 99, 'Invalid data'),
    ('cut.mp4', content[: len(content) // 2], 'Invalid data|moov'),
  ]:
    path = tmp_path / name
    path.write_bytes(data)
    for read in both(path):
      with pytest.raises(
        ValueError, match=f'{name}: found ({reason}).*; right'
      ):
        read()


def test_missing_audio_only_and_thin_files_are_named(tmp_path):
  for read in both(tmp_path / 'none.mp4'):
    with pytest.raises(ValueError, match=r'none\.mp4: found no such file'):
      read()
  write_audio(tmp_path / 'tone.wav')
  for read in both(tmp_path / 'tone.wav'):
    with pytest.raises(
      ValueError, match=r'tone\.wav: found no video stream, on'
    ):
      read()
  write_video(tmp_path / 'thin.mkv', [np.zeros((16, 272, 3), np.uint8)])
  with pytest.raises(ValueError, match='found frames of 272 x 16 pixels'):
    list(frames.sampled_frames(tmp_path / 'thin.mkv', SMALL))


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'av', None)
  with pytest.raises(ImportError, match=r"'dynrec_jax\[extract\]'"):
    list(frames.sampled_frames(tmp_path / 'a.mp4', SMALL))
