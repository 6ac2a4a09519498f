"""The training of Kim's network for sentences, and what it says of texts.

Paper: see `text_cnn`. The softmax's weight vectors are at most 3 long.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dynrec_jax.features import text_batches
from dynrec_jax.features.text_convolution import WIDTHS, TextCnn

_MOST_NORM = 3.0  # of a class's weight vector
_BATCH = 50  # texts


class Scores(NamedTuple):
  """How well the held-out labels are named: mean loss, share of right ones."""

  loss: float
  accuracy: float


class TrainedCnn(NamedTuple):
  """A network after early stopping.

  Attributes:
    params: of the best epoch.
    history: one `Scores` per epoch trained.
    best_epoch: from 1.
  """

  params: dict
  history: list[Scores]
  best_epoch: int


def train_cnn(
  model: TextCnn,
  documents: text_batches.EncodedDocuments,
  shares: np.ndarray,
  train: np.ndarray,
  held_out: np.ndarray,
  *,
  seed: int,
  most_epochs: int,
  patience: int,
  learning_rate: float = 1e-3,
) -> TrainedCnn:
  """The network at the epoch with the smallest held-out loss.

  Args:
    model: whose classes are the columns of `shares`.
    documents: encoded.
    shares: [V, C] targets.
    train: [n] videos to learn from, each with text and label.
    held_out: [m] videos to stop by, the same.
    seed: of the first weights, the order and the dropout.
    most_epochs: at most so many.
    patience: epochs without a smaller loss that end the training.
    learning_rate: of Adam.

  Returns:
    The weights and how every epoch did.

  Raises:
    ValueError: the held-out loss is no number any more.
  """
  table = jnp.asarray(documents.table)
  key = jax.random.key(seed)
  # Declares the weights; computes nothing, so compiles nothing.
  params = model.init(key, method=lambda module: module.kernels)
  optimizer = _adam(learning_rate)
  state = (params, optimizer.init(params))
  best, history, step = params, [], 0
  for epoch in range(1, most_epochs + 1):
    rng = np.random.default_rng((seed, epoch))
    for batch in text_batches.length_batches(
      documents, train, batch_size=_BATCH, rng=rng
    ):
      step += 1
      state = _train_step(
        model,
        optimizer,
        state,
        table,
        batch.ids,
        batch.used,
        _targets(shares, batch.rows),
        jax.random.fold_in(key, step),
      )
    history.append(
      held_out_scores(model, state[0], documents, shares, held_out)
    )
    if not np.isfinite(history[-1].loss):
      raise ValueError(
        f'text CNN: the held-out loss is {history[-1].loss} after epoch '
        f'{epoch}; are there word vectors with huge numbers?'
      )
    best_epoch = 1 + int(np.argmin([scores.loss for scores in history]))
    if best_epoch == epoch:
      best = state[0]
    if epoch - best_epoch >= patience:
      break
  return TrainedCnn(best, history, best_epoch)


def held_out_scores(
  model: TextCnn,
  params: dict,
  documents: text_batches.EncodedDocuments,
  shares: np.ndarray,
  chosen: np.ndarray,
) -> Scores:
  """How well the network names the labels of the videos that are chosen."""
  weights = params['params']
  pooled = pooled_features(model, params, documents, chosen).astype(np.float64)
  logits = pooled @ np.asarray(weights['head']) + weights['head_bias']
  right = shares[chosen]
  loss = np.logaddexp.reduce(logits, axis=1) - np.sum(logits * right, axis=1)
  guess = np.argmax(logits, axis=1)
  hits = right[np.arange(len(chosen)), guess] > 0
  return Scores(float(np.mean(loss)), float(np.mean(hits)))


def pooled_features(
  model: TextCnn,
  params: dict,
  documents: text_batches.EncodedDocuments,
  chosen: np.ndarray,
) -> np.ndarray:
  """[n, 3M] float32 features of the documents [n] that are chosen.

  Those without words have 0.
  """
  table = jnp.asarray(documents.table)
  size = model.map_count * len(WIDTHS)
  features = np.zeros((len(documents.lengths), size), np.float32)
  for batch in text_batches.length_batches(
    documents, chosen[documents.lengths[chosen] > 0], batch_size=_BATCH
  ):
    pooled = np.asarray(_pool(model, params, table, batch.ids, batch.used))
    real = batch.rows >= 0
    features[batch.rows[real]] = pooled[real]
  return features[chosen]


@functools.lru_cache
def _adam(learning_rate):
  """One object per rate, so that a second training compiles nothing."""
  return optax.adam(learning_rate)


def _targets(shares, rows):
  """[B, C] targets of a batch, 0 in rows that are left."""
  return np.where(rows[:, None] >= 0, shares[rows], 0)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _train_step(model, optimizer, state, table, ids, used, shares, key):
  """One update; then no class's weights are longer than Kim's 3."""
  params, moments = state

  def loss(params):
    logits = model.apply(
      params, ids, table[used], deterministic=False, rngs={'dropout': key}
    )
    # Rows that are left have no shares, so no loss.
    total = jnp.sum(optax.softmax_cross_entropy(logits, shares))
    return total / jnp.sum(shares)

  updates, moments = optimizer.update(jax.grad(loss)(params), moments)
  params = optax.apply_updates(params, updates)
  head = _shortened(params['params']['head'])
  return {'params': {**params['params'], 'head': head}}, moments


def _shortened(head):
  """Every class's weights [F] at a length of 3 or less."""
  length = jnp.linalg.norm(head, axis=0)
  return head * jnp.minimum(1, _MOST_NORM / jnp.maximum(length, 1e-12))


@functools.partial(jax.jit, static_argnums=0)
def _pool(model, params, table, ids, used):
  return model.apply(params, ids, table[used], method='pool')
