"""Pictures, and videos and sounds that the tests encode themselves."""

import fractions

import av
import numpy as np

WIDTH, HEIGHT = 96, 64


def write_video(path, pictures, *, rate=25, pts=None, codec='ffv1', title=None):
  """Pictures [n, H, W, 3] uint8 as a video; pts count 1 / rate seconds."""
  with av.open(str(path), 'w') as container:
    if title:
      container.metadata['title'] = title
    stream = container.add_stream(codec, rate=rate)
    stream.height, stream.width = pictures[0].shape[:2]
    # ffv1 loses nothing, of these not even colours.
    stream.pix_fmt = 'bgr0' if codec == 'ffv1' else 'yuv420p'
    for number, picture in enumerate(pictures):
      frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
      frame.pts = number if pts is None else pts[number]
      frame.time_base = fractions.Fraction(1, rate)
      container.mux(stream.encode(frame))
    container.mux(stream.encode())


def write_audio(path, seconds=1):
  with av.open(str(path), 'w') as container:
    stream = container.add_stream('pcm_s16le', rate=8000)
    stream.layout = 'mono'
    for start in range(0, 8000 * seconds, 400):
      tone = 9000 * np.sin(np.arange(start, start + 400) / 9)
      frame = av.AudioFrame.from_ndarray(
        tone.astype(np.int16)[None], format='s16', layout='mono'
      )
      frame.sample_rate, frame.pts = 8000, start
      container.mux(stream.encode(frame))
    container.mux(stream.encode())


def grey(number):
  """A picture whose brightness tells its number, up to 110."""
  return np.full((HEIGHT, WIDTH, 3), 20 + 2 * number, np.uint8)


def numbers(pictures):
  """What `grey` was told, from pictures or clips."""
  means = np.asarray(pictures, float).mean(axis=(-3, -2, -1))
  return np.round((means - 20) / 2).astype(int).tolist()


def moving(number):
  """A red square that goes right by a pixel a frame, on blue above green."""
  picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
  picture[: HEIGHT // 2, :, 2] = 200
  picture[HEIGHT // 2 :, :, 1] = 200
  picture[24:40, number + 16 : number + 32] = (220, 0, 0)
  return picture
