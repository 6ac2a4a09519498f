"""The text CNN against a plain loop, what it learns and its refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from plain_cnn import maxima_loop
from planted_texts import THEMES, VECTORS, planted

from dynrec_jax.features.text_cnn import encode_texts
from dynrec_jax.features.text_convolution import window_maxima

pytestmark = pytest.mark.usefixtures('quick_compile')


def problem(seed=0):
  """Texts of 7, 1, 4 and 2 words; filters of 3, 4 and 5 words, 2 maps each."""
  rng = np.random.default_rng(seed)
  words = rng.standard_normal((6, 3)).astype(np.float32)
  words[0] = 0
  ids = rng.integers(1, 6, (4, 7)).astype(np.int32)
  for row, length in enumerate((7, 1, 4, 2)):
    ids[row, length:] = 0
  kernels = [
    rng.standard_normal((w, 3, 2)).astype(np.float32) for w in (3, 4, 5)
  ]
  return ids, words, kernels


def as_jax(ids, words, kernels):
  return jnp.asarray(ids), jnp.asarray(words), [jnp.asarray(k) for k in kernels]


@pytest.mark.parametrize('seed', range(4))
def test_maxima_equal_the_loop(seed):
  ids, words, kernels = problem(seed)
  want = maxima_loop(ids, words, kernels)
  arguments = as_jax(ids, words, kernels)
  np.testing.assert_allclose(window_maxima(*arguments), want, 1e-5, 1e-5)
  jitted = jax.jit(window_maxima)(*arguments)
  np.testing.assert_allclose(jitted, want, 1e-5, 1e-5)


def test_one_word_hand_computed():
  # The word 2 meets each of the filter's words 1, -3, 5 alone.
  found = window_maxima(
    jnp.array([[1, 0]]),
    jnp.array([[0.0], [2.0]]),
    [jnp.array([[[1.0, -1]], [[-3, -3]], [[5, -2]]])],
  )
  np.testing.assert_array_equal(found, [[10, -2]])


def test_gradient_is_that_of_the_winning_windows():
  ids, words, kernels = as_jax(*problem())
  check_grads(
    lambda ks: window_maxima(ids, words, [jnp.asarray(k) for k in ks]),
    (kernels,),
    order=1,
    modes=['rev'],
    eps=1e-3,
  )


def test_padding_and_neighbours_do_not_count():
  ids, words, kernels = problem()
  small = window_maxima(*as_jax(ids[1:2, :1], words, kernels))
  longer = np.pad(ids, ((0, 3), (0, 12)))
  found = window_maxima(*as_jax(longer, words, kernels))
  np.testing.assert_allclose(found[1:2], small, rtol=1e-6)
  np.testing.assert_allclose(
    found[:4], window_maxima(*as_jax(ids, words, kernels)), rtol=1e-6
  )


@pytest.fixture(scope='module')
def learned():
  texts, labels = planted()
  texts += ['', 'nothing known', 'sea1', 'Sky2 xyz wood3']
  labels += [('SEA',), ('SKY',), (), ('RARE', 'WOOD')]
  found = encode_texts(texts, labels, VECTORS, size=30, seed=0)
  return texts, labels, found


def test_planted_labels_are_learned(learned):
  _, _, found = learned
  assert found.classes == ('WOOD', 'SEA', 'SKY')
  assert found.majority_accuracy < 0.5
  assert found.held_out_accuracy > 0.85
  assert found.held_out_loss < 0.6 < np.log(3)
  assert 1 <= found.best_epoch <= found.epoch_count <= 100


def test_features_separate_unseen_texts(learned):
  texts, labels, _ = learned
  fresh, right = planted(60, seed=1)
  found = encode_texts(
    [*texts, *fresh], [*labels, *[()] * 60], VECTORS, size=30, seed=0
  )
  known, query = found.features[:240], found.features[-60:]
  centres = np.stack([known[i:240:3].mean(axis=0) for i in range(3)])
  distance = np.linalg.norm(query[:, None] - centres, axis=-1)
  guess = [THEMES[i].upper() for i in distance.argmin(axis=1)]
  assert np.mean([g == r[0] for g, r in zip(guess, right, strict=True)]) > 0.8


def test_texts_without_known_words_are_zero_and_said_so(learned):
  texts, _, found = learned
  assert found.features.shape == (len(texts), 30)
  assert found.features.dtype == np.float32
  np.testing.assert_array_equal(
    np.flatnonzero(~found.has_text), [240, 241], 'empty, unknown words only'
  )
  np.testing.assert_array_equal(found.features[[240, 241]], 0)
  assert (found.features.max(axis=1) > 0)[found.has_text].all()
  assert (found.features >= 0).all()


def test_equal_seeds_give_equal_features(learned):
  texts, labels, first = learned
  again = encode_texts(texts, labels, VECTORS, size=30, seed=0)
  np.testing.assert_array_equal(first.features, again.features)
  assert first[2:-1] == again[2:-1]
  other = encode_texts(texts, labels, VECTORS, size=30, seed=1, most_epochs=1)
  assert np.abs(first.features - other.features).max() > 0.1


def test_other_texts_are_encoded_by_the_same_network(learned):
  """In another order, beside others, and scaled as the trained-on words."""
  texts, _, found = learned
  others = [texts[5], 'zzz unheard', texts[0], '']
  features, has_text = found.encode(others)
  np.testing.assert_allclose(
    features[[0, 2]], found.features[[5, 0]], rtol=1e-4, atol=1e-5
  )
  assert np.abs(features[0]).max() > 0.01
  np.testing.assert_array_equal(has_text, [True, False, True, False])
  np.testing.assert_array_equal(features[[1, 3]], 0)
  assert found.encode([])[0].shape == (0, 30)


@pytest.mark.parametrize(
  ('labels', 'found'), [([('A',)] * 240, "1 labels .*'A'"), ([()] * 240, '0')]
)
def test_less_than_two_classes_are_refused(labels, found):
  texts, _ = planted()
  with pytest.raises(
    ValueError,
    match=rf'for only {found}.*right: two or more, or another encoder, as tfid',
  ):
    encode_texts(texts, labels, VECTORS, seed=0)


def test_labels_of_textless_videos_make_no_class():
  texts, labels = planted(10)
  with pytest.raises(ValueError, match='of the 10 videos with text 5 or more'):
    encode_texts(
      [*texts, *[''] * 9], [*labels, *[('SEA',), ('SKY',), ()] * 3], VECTORS,
      seed=0,
    )  # fmt: skip


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'size': 100}, '^size is 100; right .* a multiple of 3'),
    ({'size': 0}, '^size is 0'),
    ({'seed': -1}, 'seed is -1; right: 0 or more'),
    ({'labels': [()]}, '2 documents, 1 lists of labels'),
    ({}, 'none of the 2 documents has a word with a vector; .*tfidf_svd'),
  ],
)
def test_bad_arguments_are_refused(change, message):
  arguments = {'labels': [('a',), ('b',)], 'seed': 0, **change}
  with pytest.raises(ValueError, match=message):
    encode_texts(['x', ''], vectors=VECTORS, **arguments)
