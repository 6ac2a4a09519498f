"""The training of the text CNN: stopping, scores, and a step's limits."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from plain_cnn import maxima_loop
from planted_texts import VECTORS, planted

from dynrec_jax.features import text_batches, text_cnn_training
from dynrec_jax.features.text_convolution import TextCnn

pytestmark = pytest.mark.usefixtures('quick_compile')


def fitted(most_epochs=12, patience=2, seed=0, noise=False):
  """A small network trained directly: model, documents, shares, result."""
  texts, labels = planted(90)
  if noise:  # nothing to learn: the held-out loss must rise soon
    labels = np.random.default_rng(3).permutation(labels).tolist()
  documents = text_batches.encode_documents(texts, VECTORS, most_words=15)
  shares = text_batches.label_targets(
    labels, least_videos=1, most_classes=9
  ).shares
  model = TextCnn(16, 4, 3)
  train, held_out = np.arange(60), np.arange(60, 90)
  result = text_cnn_training.train_cnn(
    model,
    documents,
    shares,
    train,
    held_out,
    seed=seed,
    most_epochs=most_epochs,
    patience=patience,
    learning_rate=0.02,
  )
  return model, documents, shares, held_out, result


def test_early_stopping_keeps_the_best_epoch():
  model, documents, shares, held_out, found = fitted(most_epochs=40, noise=True)
  losses = [scores.loss for scores in found.history]
  assert found.best_epoch == 1 + int(np.argmin(losses))
  assert len(losses) == found.best_epoch + 2 < 40
  again = text_cnn_training.held_out_scores(
    model, found.params, documents, shares, held_out
  )
  assert again == found.history[found.best_epoch - 1]
  assert again.loss < losses[-1]


def test_epochs_are_at_most_so_many():
  *_, found = fitted(most_epochs=2)
  assert len(found.history) == 2


def test_scores_equal_the_definition():
  model, documents, shares, held_out, found = fitted(most_epochs=1)
  shares = shares.copy()
  shares[60] = [0.5, 0.5, 0]
  weights = jax.tree.map(np.float64, found.params['params'])
  loss, hits = 0.0, 0
  for video in held_out:
    start, end = documents.starts[video : video + 2]
    maxima = maxima_loop(
      documents.ids[None, start:end],
      documents.table,
      [weights[f'kernel_{w}'] for w in (3, 4, 5)],
    )[0]
    logits = np.maximum(maxima + weights['bias'], 0) @ weights['head']
    logits += weights['head_bias']
    share = np.exp(logits) / np.exp(logits).sum()
    loss -= sum(
      p * np.log(q) for p, q in zip(shares[video], share, strict=True)
    )
    hits += shares[video][np.argmax(logits)] > 0
  got = text_cnn_training.held_out_scores(
    model, found.params, documents, shares, held_out
  )
  np.testing.assert_allclose(got, [loss / 30, hits / 30], rtol=1e-5)


def test_features_do_not_depend_on_the_order_or_choice_of_texts():
  model, documents, _, _, found = fitted(most_epochs=1)
  whole = text_cnn_training.pooled_features(
    model, found.params, documents, np.arange(90)
  )
  some = np.random.default_rng(0).permutation(90)[:33]
  part = text_cnn_training.pooled_features(model, found.params, documents, some)
  np.testing.assert_allclose(part, whole[some], rtol=1e-5, atol=1e-6)


def test_weights_of_a_class_are_at_most_3_long():
  head = jnp.array([[3.0, 0, 6], [4, 0, -8], [0, 1, 0]])
  np.testing.assert_allclose(
    text_cnn_training._shortened(head),
    [[1.8, 0, 1.8], [2.4, 0, -2.4], [0, 1, 0]],
    1e-6,
  )


def test_the_step_applies_the_limit_and_trains_all_weights():
  model, documents, shares, _, found = fitted(most_epochs=1)
  optimizer = optax.sgd(50.0)
  [batch, *_] = text_batches.length_batches(
    documents, np.arange(50), batch_size=50
  )
  before = found.params['params']
  (after, _) = text_cnn_training._train_step(
    model,
    optimizer,
    (found.params, optimizer.init(found.params)),
    jnp.asarray(documents.table),
    batch.ids,
    batch.used,
    shares[batch.rows],
    jax.random.key(0),
  )
  after = after['params']
  np.testing.assert_allclose(np.linalg.norm(after['head'], axis=0), 3, 1e-5)
  for name in before:
    assert np.abs(after[name] - before[name]).max() > 1e-4, name


def test_rows_that_are_left_do_not_train():
  model, documents, shares, _, found = fitted(most_epochs=1)
  optimizer = optax.sgd(0.1)

  def stepped(batch_size):
    [batch] = text_batches.length_batches(
      documents, np.arange(7), batch_size=batch_size
    )
    state = (found.params, optimizer.init(found.params))
    return text_cnn_training._train_step(
      model.clone(dropout_rate=0.0),
      optimizer,
      state,
      jnp.asarray(documents.table),
      batch.ids,
      batch.used,
      text_cnn_training._targets(shares, batch.rows),
      jax.random.key(0),
    )[0]

  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
    stepped(7),
    stepped(11),
  )
