"""Batch variational Bayes for topics of two kinds of words.

mm-LDA (Barnard et al. 2003): theta_d ~ Dir(alpha), every text word and every
visual word draws its own topic from theta_d. Corr-LDA (Blei and Jordan 2003):
visual words do; a text word takes the topic of one of them. The words of each
kind have topics of their own, phi_k ~ Dir(beta).

Updates, initialisation and stopping are those of scikit-learn's
`LatentDirichletAllocation(learning_method='batch')`, of which this is the
special case without visual words.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from dynrec_jax.data.records import NoWordsError
from dynrec_jax.topics.count_blocks import CountBlocks, pack_counts, unpack_rows
from dynrec_jax.topics.dirichlet import expected_log_words, minus_divergence
from dynrec_jax.topics.document_steps import (
  StepResult,
  Stopping,
  regions_alone,
  step_by_region,
  step_by_word,
)

FORMS = ('mm_lda', 'corr_lda')
# The start of every gamma and lambda: Gamma(100, scale 0.01), about 1 +- 0.1.
_START = (100.0, 0.01)
# Documents a block. At K = 70 a document takes 8 (by region) to 13 (by word)
# iterations in the mean and 80 at most: in large blocks most would wait.
_BY_WORD, _BY_REGION = 8, 4
_VISUAL_STREAM = 1  # the visual words' start does not move the text words'


class Counts(NamedTuple):
  """Words of documents, two kinds.

  Attributes:
    text: [D, W] scipy CSR, how often each document has each word.
    visual: [D, X] scipy CSR, the same of visual words.
  """

  text: sparse.csr_matrix
  visual: sparse.csr_matrix


class Settings(NamedTuple):
  """The model and how it is fitted.

  Attributes:
    form: 'mm_lda' or 'corr_lda'. In Corr-LDA the text words of a document
      without visual words draw their topics from theta_d themselves.
    topic_count: K.
    topic_prior: alpha, Dirichlet parameter of a document's topics.
    word_prior: beta, Dirichlet parameter of a topic's words, of either kind.
    visual_weight: how many text words a visual word counts as.
    pass_count: passes over the documents, at most.
    tolerance: relative change of the bound at which passes end; 0 makes all.
    restart: start every document anew in every pass, as scikit-learn does;
      else where the last pass left it: then the bound cannot fall, and a fit
      takes a third of the time, but ends lower (by 3 % on 3,313 films).
    stopping: when a pass is done with a document.
  """

  form: str
  topic_count: int
  topic_prior: float = 0.2
  word_prior: float = 0.02
  visual_weight: float = 1.0
  pass_count: int = 25
  tolerance: float = 0.0
  restart: bool = True
  stopping: Stopping = Stopping()


class TopicModel(NamedTuple):
  """Fitted topics.

  Attributes:
    settings: see `Settings`.
    text_weights: [W, K] Dirichlet parameters of the topics' words.
    visual_weights: [X, K] the same of visual words.
    bounds: [passes] float64, the evidence lower bound after the documents'
      step of each pass, before the topics' step.
  """

  settings: Settings
  text_weights: np.ndarray
  visual_weights: np.ndarray
  bounds: np.ndarray


class DocumentTopics(NamedTuple):
  """What a model says about documents.

  Attributes:
    gamma: [D, K] Dirichlet parameters; alpha for a document without words.
    bound: the evidence lower bound of documents and model.
  """

  gamma: np.ndarray
  bound: float


class _Pass(NamedTuple):
  gamma: np.ndarray  # [D, K]
  word_counts: jax.Array  # [W + X, K]
  log_words: float
  ends: list[jax.Array]  # where each class of documents ended


class _Blocks(NamedTuple):
  """All documents, by the step that finds their topics."""

  count: int
  by_word: list[CountBlocks]
  by_region: list[CountBlocks]


def equal_mass_weight(counts: Counts) -> float:
  """The weight of a visual word that gives both kinds of words equal mass.

  The mean number of text words of the documents that have some, over the same
  of visual words; so the mean document with both reads as much from either,
  however many documents lack one. 1 if there are no words of one kind.
  """
  means = [_mean_length(kind) for kind in counts]
  return means[0] / means[1] if all(means) else 1.0


def fit_topics(
  counts: Counts,
  settings: Settings,
  *,
  seed: int,
  start: np.ndarray | None = None,
) -> TopicModel:
  """Finds the topics of documents.

  Args:
    counts: words; documents without any are left alone.
    settings: the model.
    seed: of the start; text words start as scikit-learn's with this
      `random_state`.
    start: [W + X, K] parameters of the topics' words to begin with; None draws
      them as scikit-learn does.

  Returns:
    The model.

  Raises:
    ValueError: counts or settings that fit no model.
  """
  _check(counts, settings)
  present = np.flatnonzero(has_words(counts))
  counts = Counts(*(kind[present] for kind in counts))
  random = np.random.RandomState(seed)
  dtype = jnp.result_type(float)
  k, split = settings.topic_count, counts.text.shape[1]
  blocks = _blocks(counts, settings, dtype)
  if start is None:
    start = _start_weights(random, seed, counts, k)
  weights = start.astype(dtype)
  bounds, starts = [], None
  for _ in range(settings.pass_count):
    log_words = _log_words(weights, split)
    if starts is None or settings.restart:
      gamma = random.gamma(*_START, (blocks.count, k)).astype(dtype)
      starts = _starts(blocks, log_words, gamma)
    done = _one_pass(blocks, log_words, starts, settings)
    bounds.append(_bound(done, weights, split, settings))
    weights = np.asarray(settings.word_prior + done.word_counts)
    starts = done.ends
    if _settled(bounds, settings.tolerance):
      break
  return TopicModel(
    settings, weights[:split], weights[split:], np.array(bounds)
  )


def document_topics(model: TopicModel, counts: Counts) -> DocumentTopics:
  """The topics of documents, seen in training or not, by a fitted model.

  Args:
    model: see `fit_topics`.
    counts: words of the model's vocabularies.

  Returns:
    Topics; a document starts from equal ones, so that they depend on its own
    words alone.

  Raises:
    ValueError: vocabularies that are not the model's.
  """
  _check(counts, model.settings)
  sizes = tuple(kind.shape[1] for kind in counts)
  split = len(model.text_weights)
  if sizes != (split, len(model.visual_weights)):
    raise ValueError(
      f'the counts have {sizes[0]} text words and {sizes[1]} visual words; the '
      f'model {split} and {len(model.visual_weights)}'
    )
  weights = np.concatenate([model.text_weights, model.visual_weights])
  blocks = _blocks(counts, model.settings, weights.dtype)
  log_words = _log_words(weights, split)
  ones = np.ones((blocks.count, model.settings.topic_count), weights.dtype)
  starts = _starts(blocks, log_words, ones)
  done = _one_pass(blocks, log_words, starts, model.settings)
  return DocumentTopics(
    done.gamma, _bound(done, weights, split, model.settings)
  )


def has_words(counts: Counts) -> np.ndarray:
  """[D] bool, which documents have a word of either kind."""
  return sum(_lengths(kind) for kind in counts) > 0


def _lengths(kind):
  """[D] words of each document."""
  return np.asarray(kind.sum(axis=1), np.float64).ravel()


def _mean_length(kind):
  """Words of the mean document that has some; 0 if none has."""
  lengths = _lengths(kind)
  return float(lengths.sum() / max(np.count_nonzero(lengths), 1))


def _check(counts, settings):
  """Raises for counts or settings that fit no model."""
  if settings.form not in FORMS:
    raise ValueError(
      f'topic model {settings.form!r} is unknown, expected one of '
      f'{", ".join(FORMS)}'
    )
  for name in ('topic_count', 'pass_count'):
    if getattr(settings, name) < 1:
      raise ValueError(
        f'{name} is {getattr(settings, name)}; it must be 1 or more'
      )
  for name in ('topic_prior', 'word_prior', 'visual_weight'):
    value = getattr(settings, name)
    if not 0 < value < np.inf:
      raise ValueError(f'{name} is {value}; it must be positive')
  if counts.text.shape[0] != counts.visual.shape[0]:
    raise ValueError(
      f'{counts.text.shape[0]} documents have text words and '
      f'{counts.visual.shape[0]} visual words; expected the same documents'
    )
  for name, kind in zip(Counts._fields, counts, strict=True):
    wrong = ~((kind.data >= 0) & np.isfinite(kind.data))
    if wrong.any():
      raise ValueError(
        f'a count of {name} words is {kind.data[wrong][0]}; counts are finite '
        'and not negative'
      )
  if not has_words(counts).any():
    raise NoWordsError(
      f'none of the {counts.text.shape[0]} documents has a text word or a '
      'visual word'
    )


def _blocks(counts, settings, dtype):
  """The documents, padded: a text word's id, or W + a visual word's."""
  text, visual = (_canonical(kind) for kind in counts)
  total, split = text.shape
  shifted = sparse.hstack(
    [sparse.csr_matrix((total, split), dtype=visual.dtype), visual],
    format='csr',
  )
  regions = np.zeros(total, bool)
  if settings.form == 'corr_lda':
    regions = _lengths(visual) > 0
  weighted = sparse.hstack(
    [text, visual * settings.visual_weight], format='csr'
  )
  return _Blocks(
    total,
    _pack_rows(~regions, weighted, block_size=_BY_WORD, dtype=dtype),
    _pack_rows(regions, text, shifted, block_size=_BY_REGION, dtype=dtype),
  )


def _canonical(kind):
  """CSR with every word of a document once and no zeros; a copy."""
  kind = sparse.csr_matrix(kind, copy=True)
  kind.sum_duplicates()
  kind.eliminate_zeros()
  return kind


def _pack_rows(where, *counts, **packing):
  """Blocks of the chosen documents, with their numbers among all."""
  rows = np.flatnonzero(where)
  names = np.append(rows, len(where))
  return [
    block._replace(document=names[block.document])
    for block in pack_counts(*(kind[rows] for kind in counts), **packing)
  ]


def _start_weights(random, seed, counts, topic_count):
  """[W + X, K] random parameters of the topics' words."""
  (_, text), (_, visual) = (kind.shape for kind in counts)
  own = np.random.default_rng((seed, _VISUAL_STREAM))
  return np.concatenate(
    [
      random.gamma(*_START, (topic_count, text)).T,
      own.gamma(*_START, (topic_count, visual)).T,
    ]
  )


def _log_words(weights, split):
  """[W + X, K] E[log phi], each kind of words summing to 1 by itself."""
  parts = [weights[:split], weights[split:]]
  return jnp.concatenate(
    [expected_log_words(jnp.asarray(part)) for part in parts if len(part)]
  )


def _starts(blocks, log_words, gamma):
  """Where each class of documents starts: gamma, or phi by region."""
  rows = np.concatenate([gamma, np.ones_like(gamma[:1])])
  by_word = [jnp.asarray(rows[block.document]) for block in blocks.by_word]
  return by_word + [
    regions_alone(log_words, jnp.asarray(rows[block.document]), block.tokens[1])
    for block in blocks.by_region
  ]


def _one_pass(blocks, log_words, starts, settings):
  """The topics of all documents, and what they say about the words."""
  stopping, prior = settings.stopping, settings.topic_prior
  results, ends = [], []
  middle = len(blocks.by_word)
  for block, start in zip(blocks.by_word, starts[:middle], strict=True):
    found = step_by_word(
      log_words, start, block.tokens[0], prior, stopping=stopping
    )
    results.append(found)
    ends.append(found.gamma)
  for block, start in zip(blocks.by_region, starts[middle:], strict=True):
    found, phi = step_by_region(
      log_words,
      start,
      *block.tokens,
      settings.visual_weight,
      prior,
      stopping=stopping,
    )
    results.append(found)
    ends.append(phi)
  return _gather(blocks, results, ends)


def _gather(blocks, results: list[StepResult], ends):
  """One result of all classes."""
  gamma = unpack_rows(
    blocks.by_word + blocks.by_region,
    [np.asarray(found.gamma) for found in results],
    blocks.count,
  )
  log_words = sum(
    float(np.asarray(found.log_words, np.float64).sum()) for found in results
  )
  return _Pass(
    gamma, sum(found.word_counts for found in results), log_words, ends
  )


def _bound(done, weights, split, settings):
  """The evidence lower bound, in float64 where many terms are added."""
  topics = minus_divergence(done.gamma, settings.topic_prior)
  words = sum(
    minus_divergence(part.T, settings.word_prior)
    for part in (weights[:split], weights[split:])
  )
  return done.log_words + topics + words


def _settled(bounds, tolerance):
  """Whether the last pass changed the bound by less than the share."""
  if len(bounds) < 2:
    return False
  before, after = bounds[-2:]
  return abs(after - before) < tolerance * abs(before)
