"""The sweeps of TwitterLDA's blocked Gibbs sampler, jitted as a whole.

A sweep draws all parameters from their Dirichlet and Beta posteriors, then the
topics of all tweets with the words' sides y summed out, then all y:

  p(z = k | tweet) ~ theta_uk prod_w (pi phi_kw + (1 - pi) phi_Bw)
  p(y = 1 | word, z) ~ pi phi_zw,  p(y = 0 | word) ~ (1 - pi) phi_Bw

The product is taken over gathered rows of one [W, K] table, which is what the
sweep's time goes to; a topic costs one uniform number, by the inverse of the
cumulative sum, and a word one.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from dynrec_jax.topics.random_gamma import (
  log_gamma_draws,
  open_uniform,
  threefry_2x32,
)
from dynrec_jax.topics.tweet_blocks import TweetBlocks

# A product of probabilities below this is computed again by logarithms.
_UNDERFLOW = 1e-30
_TINY = float(np.finfo(np.float32).tiny)


class Concentration(NamedTuple):
  """Dirichlet and Beta parameters of one run, rows in its local ids.

  Words of the vocabulary that do not occur are one lump per topic, which
  leaves the joint law of the others as it is. Rows of zeros are padding.

  Attributes:
    topic_word: [W, K].
    topic_rest: [K], the lump.
    background: [W].
    background_rest: [1], the lump.
    switch: [2], for topic and background.
    user_topic: [U, K].
  """

  topic_word: jax.Array
  topic_rest: jax.Array
  background: jax.Array
  background_rest: jax.Array
  switch: jax.Array
  user_topic: jax.Array


class Tables(NamedTuple):
  """Parameters in the form that the draws read; a padding row is all ones.

  Attributes:
    word: [W, K], pi phi_kw + (1 - pi) phi_Bw over the row's maximum.
    background: [W], (1 - pi) phi_Bw over the same number.
    user: [U, K], theta_uk over the row's maximum.
  """

  word: jax.Array
  background: jax.Array
  user: jax.Array


@functools.partial(jax.jit, static_argnames=('widths', 'mode_count'))
def run_sweeps(
  key: jax.Array,
  prior: Concentration,
  start: Concentration,
  blocks: TweetBlocks,
  sweep_count: int,
  random_start: bool,
  *,
  widths: tuple[int, ...],
  mode_count: int,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
  """All sweeps of one run, compiled once per set of shapes.

  Args:
    key: a threefry2x32 key.
    prior: parameters before these tweets.
    start: counts that the first draw of the parameters reads beside the prior.
    blocks: the tweets.
    sweep_count: sweeps.
    random_start: draw the first topics and sides uniformly, by no counts.
    widths: the static widths of the blocks.
    mode_count: last draws of which the mode is taken.

  Returns:
    Frozen topics [blocks, B], and the statistics of topics [W, K],
    background [W] and users [U, K].
  """

  def step(index, carry):
    # Step 0 may only start; the step after the last sweep only draws y.
    counts, last = carry
    step_key = jax.random.fold_in(key, index)
    tables = lax.cond(
      jnp.logical_and(random_start, index == 0),
      lambda: _flat_tables(prior),
      lambda: draw_tables(step_key, jax.tree.map(jnp.add, prior, counts)),
    )
    topics = lax.cond(
      index == sweep_count,
      lambda: _mode(last).astype(jnp.int32),
      lambda: _draw_topics(step_key, tables, blocks, widths),
    )
    last = last.at[index % mode_count].set(topics.astype(jnp.int16))
    codes = _draw_sides(step_key, tables, topics, blocks, widths)
    return _count(topics, codes, blocks, prior), last

  last = jnp.zeros((mode_count, *blocks.user.shape), jnp.int16)
  counts, last = lax.fori_loop(0, sweep_count + 1, step, (start, last))
  frozen = last[sweep_count % mode_count]
  return frozen, counts.topic_word, counts.background, counts.user_topic


def draw_tables(key: jax.Array, concentration: Concentration) -> Tables:
  """Draws phi, phi_B, theta and pi and tabulates them for the tweets."""
  flat, unravel = ravel_pytree(concentration)
  g = unravel(log_gamma_draws(jax.random.fold_in(key, 0), flat))
  log_sum = jax.nn.logsumexp
  topic_total = jnp.logaddexp(log_sum(g.topic_word, axis=0), g.topic_rest)
  total = jnp.logaddexp(log_sum(g.background), g.background_rest[0])
  log_switch = g.switch - log_sum(g.switch)
  topic = g.topic_word + (log_switch[0] - topic_total)
  background = g.background + (log_switch[1] - total)
  # Rows are scaled while they are logarithms, so nothing real underflows.
  # Entries are 1 at most: a product over a long tweet must not overflow.
  largest = jnp.logaddexp(topic.max(-1), background)
  real = largest > -jnp.inf
  largest = jnp.where(real, largest, 0.0)
  share = jnp.exp(background - largest)  # [W]
  word = jnp.exp(topic - largest[:, None]) + share[:, None]
  return Tables(
    jnp.where(real[:, None], jnp.maximum(word, _TINY), 1.0),
    share,
    _user_table(g.user_topic),
  )


def _user_table(log_theta):
  """theta over its row's maximum."""
  largest = log_theta.max(-1, keepdims=True)
  real = largest > -jnp.inf
  shifted = jnp.where(real, log_theta - largest, 0.0)
  return jnp.maximum(jnp.exp(shifted), _TINY)


def _flat_tables(prior):
  """Tables under which all topics and both sides are equally likely."""
  return Tables(
    jnp.ones_like(prior.topic_word),
    jnp.full_like(prior.background, 0.5),
    jnp.ones_like(prior.user_topic),
  )


def _draw_topics(key, tables, blocks, widths):
  """Topics of all tweets, [blocks, B]."""
  slot = lax.iota(jnp.uint32, blocks.user.size)
  uniform = open_uniform(threefry_2x32(key, slot, 1)[0])
  uniform = uniform.reshape(blocks.user.shape)
  topics = jnp.zeros(blocks.user.shape, jnp.int32)
  for kind, width in enumerate(widths):

    def block(i, topics, kind=kind, width=width):
      _, tokens = _block_tokens(i, blocks, kind, width)
      drawn = _draw_block(tables, tokens, blocks.user[i], uniform[i])
      return topics.at[i].set(drawn)

    first, end = blocks.first_block[kind], blocks.first_block[kind + 1]
    topics = lax.fori_loop(first, end, block, topics)
  return topics


def _draw_block(tables, tokens, user, uniform):
  """One topic per tweet, in proportion to theta_uk prod_w p(w | k)."""
  k = tables.word.shape[1]
  p = tables.user[user]  # [B, K]
  for row in tokens:
    p = p * tables.word[row]
  triangle = jnp.triu(jnp.ones((k, k), jnp.float32))
  below = functools.partial(jnp.dot, precision=lax.Precision.HIGHEST)
  p = lax.optimization_barrier(p)
  cumulative = below(p, triangle)

  def by_logarithms(_):
    # Only where a product left the range of float32: long, odd tweets.
    def add(log_p, row):
      return log_p + jnp.log(tables.word[row]), None

    log_p, _ = lax.scan(add, jnp.log(tables.user[user]), tokens)
    p = jnp.exp(log_p - log_p.max(-1, keepdims=True))
    return below(p, triangle)

  low = ~(cumulative[:, -1] >= _UNDERFLOW).all()
  cumulative = lax.cond(low, by_logarithms, lambda c: c, cumulative)
  threshold = uniform[:, None] * cumulative[:, -1:]
  # A product with ones adds small whole numbers exactly, on all cores; XLA
  # reduces rows on one.
  below_count = below((cumulative < threshold).astype(jnp.float32), jnp.ones(k))
  return jnp.minimum(below_count.astype(jnp.int32), k - 1)


def _draw_sides(key, tables, topics, blocks, widths):
  """Draws y; the code of a token is word * (K + 1) + (topic, or K if y = 0)."""
  k = tables.word.shape[1]
  half = lax.iota(jnp.uint32, blocks.tokens.size // 2)
  bits = threefry_2x32(key, half, 2)
  uniform = open_uniform(jnp.concatenate(bits))
  nothing = (tables.word.shape[0] - 1) * (k + 1)
  codes = jnp.full(blocks.tokens.shape, nothing, jnp.int32)
  for kind, width in enumerate(widths):

    def block(i, codes, kind=kind, width=width):
      start, tokens = _block_tokens(i, blocks, kind, width)  # [W, B]
      chance = lax.dynamic_slice(uniform, (start,), (tokens.size,))
      mixed = tables.word[tokens, topics[i]]
      threshold = chance.reshape(tokens.shape) * mixed
      plain = threshold < tables.background[tokens]
      code = tokens * (k + 1) + jnp.where(plain, k, topics[i])
      return lax.dynamic_update_slice(codes, code.reshape(-1), (start,))

    first, end = blocks.first_block[kind], blocks.first_block[kind + 1]
    codes = lax.fori_loop(first, end, block, codes)
  return codes


def _block_tokens(i, blocks, kind, width):
  """Where block i, of the given class, begins, and its tokens [W, B]."""
  lanes = blocks.user.shape[1]
  size = width * lanes
  inside = i - blocks.first_block[kind]
  start = blocks.first_token[kind] + inside * size
  tokens = lax.dynamic_slice(blocks.tokens, (start,), (size,))
  return start, tokens.reshape(width, lanes)


def _count(topics, codes, blocks, like):
  """Statistics of an assignment; padding rows stay 0."""
  rows, k = like.topic_word.shape
  words = jnp.zeros(rows * (k + 1), jnp.float32).at[codes].add(1.0)
  words = words.reshape(rows, k + 1).at[-1].set(0.0)
  users = jnp.zeros_like(like.user_topic).at[blocks.user, topics].add(1.0)
  topic_word, background = words[:, :k], words[:, k]
  return jax.tree.map(jnp.zeros_like, like)._replace(
    topic_word=topic_word,
    background=background,
    switch=jnp.stack([topic_word.sum(), background.sum()]),
    user_topic=users.at[-1].set(0.0),
  )


def _mode(draws):
  """The most frequent value along axis 0, the lowest of those that tie."""
  votes = jnp.stack([(draws == draw).sum(0) for draw in draws])
  best = votes.max(0)
  highest = jnp.iinfo(draws.dtype).max
  return jnp.where(votes == best, draws, highest).min(0)
