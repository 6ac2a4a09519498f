"""The topics of documents given the words of topics: variational E-steps.

`step_by_word`: every word draws its own topic z ~ theta_d (LDA; mm-LDA, whose
words are of two kinds). `step_by_region`: visual words do, and a text word
takes the topic of a visual word y of its document, y uniform (Corr-LDA, Blei
and Jordan 2003).

Both iterate each document's q until the mean change of gamma_d falls below
`tolerance`, freeze it, and end a block when all its documents are frozen.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from dynrec_jax.topics.count_blocks import Tokens
from dynrec_jax.topics.dirichlet import expected_log
from dynrec_jax.typed import typed

# Keeps a word that no topic of a document can give from dividing by 0; what
# scikit-learn adds too.
_NEVER = 2.220446049250313e-16
_MASKED = -1e30  # a logarithm of 0 whose differences are finite
# Logarithms of rare words are large: no shortened products on any device.
_einsum = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)


class Stopping(NamedTuple):
  """When a document's topics are found.

  Attributes:
    tolerance: mean absolute change of gamma_d.
    max_steps: iterations at most.
  """

  tolerance: float = 1e-3
  max_steps: int = 100


class StepResult(NamedTuple):
  """What a step gives for blocks of documents.

  Attributes:
    gamma: [blocks, B, K] Dirichlet parameters of the documents' topics.
    word_counts: [W, K] expected words of each topic.
    log_words: [blocks], the bound on the words' log-likelihood, that is
      E[log p(w, y, z | theta, phi) - log q(y, z)].
  """

  gamma: jax.Array
  word_counts: jax.Array
  log_words: jax.Array


@jax.jit
@typed
def step_by_word(
  log_words: Float[Array, 'W K'],
  start: Float[Array, 'blocks B K'],
  tokens: Tokens,
  topic_prior: float | Float[Array, ''],
  *,
  stopping: Stopping,
) -> StepResult:
  """Every word's topic is its own: gamma_d = alpha + sum_w c_dw phi_dw.

  phi_dwk ~ exp(E[log theta_dk] + E[log phi_kw]), never stored.

  Args:
    log_words: E[log phi_kw].
    start: gamma_d to start from.
    tokens: words and how much each counts; any kinds in one table.
    topic_prior: alpha.
    stopping: when documents are done.
  """
  table = jnp.exp(log_words)

  def block(totals, inputs):
    gamma, ids, counts = inputs
    words = table[ids]  # [B, W, K]

    def share(gamma):
      theta = jnp.exp(expected_log(gamma))
      norm = _einsum('bk,bwk->bw', theta, words) + _NEVER
      return theta, norm

    def update(gamma):
      theta, norm = share(gamma)
      taken = _einsum('bw,bwk->bk', counts / norm, words)
      return topic_prior + theta * taken

    gamma = _iterate(update, lambda g: g, gamma, stopping)
    theta, norm = share(gamma)
    parts = (counts / norm)[..., None] * theta[:, None]
    bound = (counts * jnp.log(norm)).sum()
    return totals.at[ids].add(parts), (gamma, bound)

  inputs = (start, tokens.ids, tokens.counts)
  totals, (gamma, bound) = lax.scan(block, jnp.zeros_like(table), inputs)
  return StepResult(gamma, totals * table, bound)


@jax.jit
@typed
def step_by_region(
  log_words: Float[Array, 'W K'],
  start: Float[Array, 'blocks B N K'],
  text: Tokens,
  visual: Tokens,
  visual_weight: float | Float[Array, ''],
  topic_prior: float | Float[Array, ''],
  *,
  stopping: Stopping,
) -> tuple[StepResult, Float[Array, 'blocks B N K']]:
  """A text word's topic is that of a visual word of its document.

  With n a distinct visual word that occurs c_n times among N, m a text word
  that occurs c_m times, and the weight s of a visual word, as if each stood s
  times in its document:

    rho_mn ~ c_n exp(sum_k phi_nk E[log phi^text_km])
    phi_nk ~ exp(E[log theta_k] + E[log phi^visual_kn]
                 + sum_m c_m rho_mn E[log phi^text_km] / (s c_n))
    gamma_k = alpha + s sum_n c_n phi_nk

  Args:
    log_words: E[log phi_kw] of both kinds.
    start: phi_nk to start from.
    text: words and their counts.
    visual: words and their counts, unweighted; one at least in a document.
    visual_weight: s.
    topic_prior: alpha.
    stopping: when documents are done.

  Returns:
    The result, and phi_nk to go on from.
  """

  def block(totals, inputs):
    phi, text, visual = inputs
    model = _Regions.of(log_words, text, visual, visual_weight, topic_prior)
    gamma, phi = _iterate(
      model.update, lambda x: x[0], (model.gamma(phi), phi), stopping
    )
    rho, log_norm = model.links(phi)
    given = _einsum('bnm,bnk->bmk', rho, phi) * text.counts[..., None]
    totals = totals.at[text.ids].add(given)
    totals = totals.at[visual.ids].add(model.mass[..., None] * phi)
    bound = model.bound(gamma, phi, log_norm)
    return totals, (gamma, phi, bound)

  totals, (gamma, phi, bound) = lax.scan(
    block, jnp.zeros_like(log_words), (start, text, visual)
  )
  return StepResult(gamma, totals, bound), phi


@jax.jit
@typed
def regions_alone(
  log_words: Float[Array, 'W K'],
  gamma: Float[Array, 'blocks B K'],
  visual: Tokens,
) -> Float[Array, 'blocks B N K']:
  """phi_nk before any text word is read: where `step_by_region` starts."""
  logits = expected_log(gamma)[:, :, None] + log_words[visual.ids]
  return _softmax(logits)


class _Regions(NamedTuple):
  """The equations of `step_by_region` on one block."""

  log_text: jax.Array  # [B, M, K]
  log_visual: jax.Array  # [B, N, K]
  text_counts: jax.Array  # [B, M]
  mass: jax.Array  # [B, N], s c_n
  log_counts: jax.Array  # [B, N], log(c_n / sum c_n)
  topic_prior: float | jax.Array

  @classmethod
  def of(cls, log_words, text, visual, visual_weight, topic_prior):
    """From a block's tokens."""
    real = visual.counts > 0
    total = jnp.maximum(visual.counts.sum(-1, keepdims=True), 1)
    log_share = jnp.log(jnp.where(real, visual.counts / total, 1))
    return cls(
      log_words[text.ids],
      log_words[visual.ids],
      text.counts,
      visual_weight * visual.counts,
      jnp.where(real, log_share, _MASKED),
      topic_prior,
    )

  def gamma(self, phi):
    """[B, K]."""
    return self.topic_prior + _einsum('bn,bnk->bk', self.mass, phi)

  def links(self, phi):
    """rho, as [B, N, M], and the logarithm of its norm [B, M]."""
    logits = _einsum('bnk,bmk->bnm', phi, self.log_text)
    logits += self.log_counts[..., None]
    largest = logits.max(1, keepdims=True)
    shares = jnp.exp(logits - largest)
    norm = shares.sum(1, keepdims=True)
    return shares / norm, (jnp.log(norm) + largest)[:, 0]

  def update(self, state):
    """One round of rho, phi, gamma."""
    gamma, phi = state
    rho, _ = self.links(phi)
    taken = rho * self.text_counts[:, None]
    evidence = _einsum('bnm,bmk->bnk', taken, self.log_text)
    evidence /= jnp.where(self.mass > 0, self.mass, 1)[..., None]
    logits = expected_log(gamma)[:, None] + self.log_visual + evidence
    phi = _softmax(logits)
    return self.gamma(phi), phi

  def bound(self, gamma, phi, log_norm):
    """E[log p(w, y, z | theta, phi) - log q(y, z)] of the block."""
    log_phi = jnp.log(jnp.where(phi > 0, phi, 1))
    own = expected_log(gamma)[:, None] + self.log_visual - log_phi
    visual = (self.mass * (phi * own).sum(-1)).sum()
    return visual + (self.text_counts * log_norm).sum()


def _iterate(update, gamma_of, state, stopping):
  """Updates a block's documents until each one's gamma has settled."""

  def step(carry):
    count, moving, state = carry
    new = update(state)
    keep = functools.partial(_where_rows, moving)
    change = jnp.abs(gamma_of(new) - gamma_of(state)).mean(-1)
    state = jax.tree.map(keep, new, state)
    return count + 1, moving & (change >= stopping.tolerance), state

  def unsettled(carry):
    count, moving, _ = carry
    return (count < stopping.max_steps) & moving.any()

  moving = jnp.ones(gamma_of(state).shape[0], bool)
  return lax.while_loop(unsettled, step, (0, moving, state))[2]


def _softmax(logits):
  """Along the last axis; `jax.nn.softmax` compiles three times as long."""
  shares = jnp.exp(logits - logits.max(-1, keepdims=True))
  return shares / shares.sum(-1, keepdims=True)


def _where_rows(rows, new, old):
  """New where rows is True, old elsewhere."""
  return jnp.where(rows.reshape(-1, *[1] * (new.ndim - 1)), new, old)
