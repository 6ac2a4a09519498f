"""Kim's convolutional network for sentences, as the text feature of videos.

Paper: Sec 3.2's t, the 300 numbers before the softmax of a text CNN. It is that
of Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014:
filters over 3, 4 and 5 words, 100 each, ReLU, the maximum over time, dropout
0.5, a softmax whose weight vectors are at most 3 long. It is trained to name a
video's labels; then the softmax is dropped.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from dynrec_jax.features import text_batches
from dynrec_jax.features.text_cnn_training import pooled_features, train_cnn
from dynrec_jax.features.text_convolution import WIDTHS, TextCnn
from dynrec_jax.features.word_vectors import WordVectors

_HELD_OUT = 0.1  # share of the labelled videos


class CnnEncoder(NamedTuple):
  """A trained network with the words that it reads.

  Attributes:
    weights: its parameters by name.
    vectors: of the words.
    most_words: known words of a text that count.
    scale: what the vectors are divided by.
  """

  weights: Mapping[str, np.ndarray]
  vectors: WordVectors
  most_words: int
  scale: float

  def encode(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Features and mask of texts that it was not trained on."""
    documents = text_batches.encode_documents(
      texts, self.vectors, most_words=self.most_words, scale=self.scale
    )
    word_size, map_count = self.weights[f'kernel_{WIDTHS[0]}'].shape[1:]
    model = TextCnn(word_size, map_count, self.weights['head'].shape[1])
    has_text = documents.lengths > 0
    params = {'params': dict(self.weights)}
    everything = np.arange(len(has_text))
    return pooled_features(model, params, documents, everything), has_text


class TextFeatures(NamedTuple):
  """What `encode_texts` gives.

  Attributes:
    features: [V, size] float32, not negative, 0 where `has_text` is False.
    has_text: [V] bool, which documents hold a word with a vector.
    classes: the labels that the network learned to name.
    held_out_loss: cross-entropy on the held-out videos at the epoch kept.
    held_out_accuracy: how often there the first guess is one of the labels.
    majority_accuracy: how often the most frequent class is: what no text gives.
    epoch_count: epochs trained.
    best_epoch: the one kept, from 1.
    model: what encodes other texts, of which nothing is learned.
  """

  features: np.ndarray
  has_text: np.ndarray
  classes: tuple[str, ...]
  held_out_loss: float
  held_out_accuracy: float
  majority_accuracy: float
  epoch_count: int
  best_epoch: int
  model: CnnEncoder

  @property
  def encode(self) -> Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]:
    """Other texts -> their features and mask."""
    return self.model.encode


def encode_texts(
  documents_without_labels: Sequence[str],
  labels: Sequence[Sequence[str]],
  vectors: WordVectors,
  *,
  size: int = 300,
  seed: int,
  most_words: int = 400,
  least_videos: int = 5,
  most_classes: int = 100,
  most_epochs: int = 100,
  patience: int = 3,
) -> TextFeatures:
  """A vector for every text, from a CNN trained to name the videos' labels.

  Leaks: the texts must not hold what they are trained to name. If the labels
  are the categories, make the documents without the field `categories`; if
  they are the tags, without `tags`. Else the network learns to read the label
  off the text, and its features tell little more. This function cannot see it.

  A video may have several labels: the softmax learns the uniform distribution
  over them, which for one label is Kim's. Videos without a label (or text) are
  not trained on. A tenth of those with both is held out; training stops when
  the loss there has not fallen for `patience` epochs, and the best epoch is
  kept. Nothing of any user is read.

  Differs: Adam instead of Adadelta, and unknown words are left out rather than
    given random vectors, which would tell rare names apart by chance.

  Args:
    documents_without_labels: [V] one text per video.
    labels: [V] the videos' categories or tags, any number each, also none.
    vectors: of the words.
    size: numbers per feature, a multiple of 3.
    seed: not negative; the same inputs and seed give the same features.
    most_words: known words of a text that count; the rest is cut, and logged.
    least_videos: how many videos with text must have a label to make it a
      class.
    most_classes: so many classes at most, the most widespread.
    most_epochs: passes over the videos at most.
    patience: epochs without a better held-out loss that end the training.

  Returns:
    Features, their mask and how the training went.

  Raises:
    ValueError: an argument is out of range, no text has a known word, or the
      labels give fewer than two classes.
  """
  _check_arguments(documents_without_labels, labels, size, seed)
  documents = text_batches.encode_documents(
    documents_without_labels, vectors, most_words=most_words
  )
  has_text = documents.lengths > 0
  targets = text_batches.label_targets(
    [x if has else () for x, has in zip(labels, has_text, strict=True)],
    least_videos=least_videos,
    most_classes=most_classes,
  )
  _check_trainable(has_text, targets, least_videos)
  train, held_out = _split(targets.shares, seed)
  model = TextCnn(
    documents.table.shape[1], size // len(WIDTHS), len(targets.classes)
  )
  trained = train_cnn(
    model,
    documents,
    targets.shares,
    train,
    held_out,
    seed=seed,
    most_epochs=most_epochs,
    patience=patience,
  )
  best = trained.history[trained.best_epoch - 1]
  majority = np.argmax((targets.shares[train] > 0).sum(axis=0))
  found = TextFeatures(
    pooled_features(model, trained.params, documents, np.arange(len(has_text))),
    has_text,
    targets.classes,
    best.loss,
    best.accuracy,
    float(np.mean(targets.shares[held_out, majority] > 0)),
    len(trained.history),
    trained.best_epoch,
    CnnEncoder(
      {k: np.asarray(v) for k, v in trained.params['params'].items()},
      vectors,
      most_words,
      documents.scale,
    ),
  )
  _report(found, len(train), len(held_out), found.classes[majority])
  return found


def _report(found, train_count, held_out_count, majority):
  """Logs how the training went."""
  logging.debug(
    'text CNN: %d classes, %d videos to learn, %d held out; epoch %d of %d: '
    'loss %.3f, first guess right %.3f (always %r: %.3f)',
    len(found.classes),
    train_count,
    held_out_count,
    found.best_epoch,
    found.epoch_count,
    found.held_out_loss,
    found.held_out_accuracy,
    majority,
    found.majority_accuracy,
  )


def _check_arguments(documents, labels, size, seed):
  if size < len(WIDTHS) or size % len(WIDTHS):
    raise ValueError(
      f'size is {size}; right for a text CNN: a multiple of {len(WIDTHS)},'
      f' as many filters for each width of {WIDTHS}'
    )
  if seed < 0:
    raise ValueError(f'seed is {seed}; right: 0 or more')
  if len(documents) != len(labels):
    raise ValueError(
      f'{len(documents)} documents, {len(labels)} lists of labels; right: one '
      'of each per video'
    )


def _check_trainable(has_text, targets, least_videos):
  """Refuses texts and labels of which nothing can be learned."""
  if not has_text.any():
    raise ValueError(
      f'none of the {len(has_text)} documents has a word with a vector; right: '
      "vectors of the documents' language, or another encoder, as tfidf_svd"
    )
  if len(targets.classes) < 2:
    raise ValueError(
      f'a text CNN learns to tell labels apart, but of the {has_text.sum()} '
      f'videos with text {least_videos} or more share a label for only '
      f'{len(targets.classes)} labels {targets.classes}; right: two or more, '
      'or another encoder, as tfidf_svd'
    )


def _split(shares, seed):
  """Labelled videos to learn from and to stop by."""
  labelled = np.flatnonzero(shares.sum(axis=1) > 0)
  mixed = np.random.default_rng((seed, 0)).permutation(labelled)
  count = max(1, round(_HELD_OUT * len(mixed)))
  return np.sort(mixed[count:]), np.sort(mixed[:count])
