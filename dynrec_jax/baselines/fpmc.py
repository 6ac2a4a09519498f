"""FPMC: who watches, and what they watched before, as factors."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from dynrec_jax.baselines import blocks, top_k
from dynrec_jax.data import batches, histories
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.recommender import Queries, Recommender, Seen
from dynrec_jax.typed import typed

BASKETS = ('last', 'session')
BATCH = 256  # samples of a step


class Settings(NamedTuple):
  """What is learned, and how.

  Attributes:
    basket: what a watch follows: the 'last' video, or all videos of the last
      'session' before its own.
    factors: of each of the four tables.
    learning_rate: of stochastic gradient steps, per sample; it falls to 0
      epoch by epoch.
    reg: weight of |Theta|^2, of the rows that a sample reads.
    epochs: passes over all watches.
  """

  basket: str
  factors: int
  learning_rate: float
  reg: float
  epochs: int


class Tables(NamedTuple):
  """Theta. Two tables that the same row is read of lie side by side.

  Attributes:
    user: [U, F], V^UI.
    video: [V, 2F], V^IU and V^IL: a video as what comes next.
    basket: [V, F], V^LI: a video as what came before.
  """

  user: jax.Array
  video: jax.Array
  basket: jax.Array


class Samples(NamedTuple):
  """S watches, each with the slice of `Histories.item` that is its basket.

  Attributes:
    user: [S] int32.
    video: [S] int32.
    start: [S] int64, where its basket starts.
    count: [S] int64, |B|; 0 of a user's first.
  """

  user: np.ndarray
  video: np.ndarray
  start: np.ndarray
  count: np.ndarray


class Batch(NamedTuple):
  """Samples of one step, and their baskets' videos one after the other.

  Attributes:
    user: [B] int32.
    video: [B] int32, what was watched.
    other: [B] int32, a video that the user never watched.
    where: [B] bool, samples that count.
    row: [P] int32, whose basket each of `basket` is in; B is nobody's.
    basket: [P] int32, videos.
  """

  user: jax.Array
  video: jax.Array
  other: jax.Array
  where: jax.Array
  row: jax.Array
  basket: jax.Array


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends what the user's factors and the last basket speak for.

  Paper: Table 1, row FPMC: x(u, i | B) = <V_u^UI, V_i^IU> + (1 / |B|) sum over
  l in B of <V_i^IL, V_l^LI>, trained by S-BPR: ln sigmoid(x_i - x_j) - reg
  |Theta|^2, i watched next, j drawn from what the user never watched.
  Differs: a step takes the sum over several samples, and the learning rate
    falls in a line to 0, so that the noise of the last steps dies down. The
    third pair of tables (user with basket) is the same for all videos, and is
    left out.

  A user without a known watch has the mean of all learned users' factors; an
  empty basket adds nothing.

  Args:
    seen: all that is known of everyone's watches.
    settings: see there.

  Returns:
    The recommender; all scores are 0 if there is no watch to learn from.

  Raises:
    ValueError: an unknown basket.
  """
  if settings.basket not in BASKETS:
    raise ValueError(
      f'basket is {settings.basket!r}; valid are {", ".join(BASKETS)}'
    )
  samples = watches_after_baskets(seen.watches, seen.clock, settings.basket)
  unseen = Unseen(seen.watches, seen.video_count)
  samples = Samples(*(x[unseen.count[samples.user] > 0] for x in samples))
  if not len(samples.user):
    return top_k.all_equal(seen.video_count)
  tables = init_tables(
    seen.seed, seen.watches.user_count, seen.video_count, settings.factors
  )
  for epoch in range(settings.epochs):
    rng = np.random.default_rng((seen.seed, epoch))
    drawn = _draw(rng, samples, unseen, seen.watches.item)
    # Never 0: the last epoch learns too.
    rate = settings.learning_rate * (1 - epoch / settings.epochs)
    tables = _run_epoch(tables, *drawn, rate, settings.reg)
  return _recommender(tables, np.unique(samples.user), settings.basket)


def init_tables(
  seed: int, user_count: int, video_count: int, factors: int
) -> Tables:
  """Normal factors of deviation 0.01: what is not learned yet says little.

  Of 0.1, what little a user of few watches learns drowns in it.
  """
  keys = jax.random.split(jax.random.key(seed), 3)
  shapes = Tables(
    (user_count, factors), (video_count, 2 * factors), (video_count, factors)
  )
  drawn = map(jax.random.normal, keys, shapes)
  return Tables(*(0.01 * x for x in drawn))


def watches_after_baskets(
  watches: Histories, clock: Sessions, basket: str
) -> Samples:
  """Every watch, after the basket that it follows.

  Args:
    watches: of all users.
    clock: the sessions.
    basket: one of BASKETS.

  Returns:
    The samples, in the order of the watches.
  """
  user = np.repeat(np.arange(watches.user_count), np.diff(watches.offsets))
  place = np.arange(len(user))
  group = place if basket == 'last' else clock.of(watches.time)
  # Groups lie one behind the other: a watch follows the one before its own.
  first = np.ones(len(user), bool)
  first[1:] = (np.diff(user) != 0) | (np.diff(group) != 0)
  starts = np.flatnonzero(first)
  own = np.cumsum(first) - 1  # the number of each watch's group
  before = starts[np.maximum(own - 1, 0)]
  same_user = (own > 0) & (user[before] == user) if len(user) else first
  count = np.where(same_user, starts[own] - before, 0)
  return Samples(user.astype(np.int32), watches.item, before, count)


class Unseen:
  """The videos that each user never watched, counted and by number."""

  def __init__(self, watches: Histories, video_count: int):
    user = np.repeat(np.arange(watches.user_count), np.diff(watches.offsets))
    pairs = np.unique(user.astype(np.int64) * video_count + watches.item)
    owner, video = np.divmod(pairs, video_count)
    self.count = video_count - np.bincount(owner, minlength=watches.user_count)
    self._first = np.searchsorted(owner, np.arange(watches.user_count))
    self._stride = video_count + 1
    # Below the n-th watched video, n of the lower ids are watched.
    free_below = video - (np.arange(len(pairs)) - self._first[owner])
    self._keys = owner * self._stride + free_below

  def draw(self, rng: np.random.Generator, user: np.ndarray) -> np.ndarray:
    """[n] int32, a video for each user, all of its unseen ones as likely."""
    number = rng.integers(self.count[user])
    keys = user.astype(np.int64) * self._stride + number
    below = np.searchsorted(self._keys, keys, side='right')
    return (number + below - self._first[user]).astype(np.int32)


@typed
def sample_losses(
  user: Float[Array, 'B F'],
  video: Float[Array, 'B 2*F'],
  other: Float[Array, 'B 2*F'],
  basket: Float[Array, 'P F'],
  row: Int[Array, 'P'],
  *,
  reg: float | Float[Array, ''],
) -> Float[Array, 'B']:
  """-ln sigmoid(x_i - x_j) + reg |Theta|^2 of each sample.

  The rows of a basket count together as one row, as in x: each has 1 / |B| of
  the gradient, so with its whole square a large basket would only shrink.

  Args:
    user: V^UI of who watched.
    video: V^IU and V^IL of what was watched, i.
    other: those of a video never watched, j.
    basket: V^LI of the videos of all baskets.
    row: the sample each of them belongs to; B is none.
    reg: the weight of the rows that a sample reads.
  """
  count = len(user)

  def summed(values):
    return jax.ops.segment_sum(values, row, count)

  size = summed(jnp.ones(len(row)))
  mean = summed(basket) / jnp.maximum(size, 1)[:, None]
  context = jnp.concatenate([user, mean], axis=1)  # [B, 2F]
  margin = jnp.sum(context * (video - other), axis=1)
  norm = sum(jnp.sum(x * x, axis=1) for x in (user, video, other))
  norm += summed(jnp.sum(basket * basket, axis=1)) / jnp.maximum(size, 1)
  return reg * norm - jax.nn.log_sigmoid(margin)


def sgd_step(
  tables: Tables,
  batch: Batch,
  learning_rate: float | jax.Array,
  reg: float | jax.Array,
) -> Tables:
  """The tables after one step on the rows that the batch reads."""

  def loss(rows):
    each = sample_losses(*rows, batch.row, reg=reg)
    return jnp.sum(jnp.where(batch.where, each, 0))

  rows = (
    tables.user[batch.user],
    tables.video[batch.video],
    tables.video[batch.other],
    tables.basket[batch.basket],
  )
  # Not the gradient of the tables: that would touch every row in every step.
  user, video, other, basket = jax.tree.map(
    lambda x: -learning_rate * x, jax.grad(loss)(rows)
  )
  return Tables(
    tables.user.at[batch.user].add(user),
    tables.video.at[batch.video].add(video).at[batch.other].add(other),
    tables.basket.at[batch.basket].add(basket),
  )


@functools.partial(jax.jit, donate_argnums=0)
def _run_epoch(
  tables: Tables,
  drawn: Batch,
  step_count: int,
  learning_rate: float,
  reg: float,
) -> Tables:
  """A step for each of the first step_count rows of `drawn`."""

  def step(number, tables):
    batch = jax.tree.map(lambda x: x[number], drawn)
    return sgd_step(tables, batch, learning_rate, reg)

  return jax.lax.fori_loop(0, step_count, step, tables)


def _draw(
  rng: np.random.Generator,
  samples: Samples,
  unseen: Unseen,
  items: np.ndarray,
) -> tuple[Batch, int]:
  """Steps of an epoch, one behind the other, and how many there are.

  Their shapes are of few sizes, so that few programs are compiled.
  """
  order = rng.permutation(len(samples.user))
  user, video, start, count = (column[order] for column in samples)
  other = unseen.draw(rng, user)
  step_count = -(-len(order) // BATCH)
  rows = batches.bucket_size(step_count, len(order))

  def steps(column):
    padded = np.zeros(rows * BATCH, column.dtype)
    padded[: len(order)] = column
    return padded.reshape(rows, BATCH)

  row, index = histories.ragged_indices(start, count)
  step = row // BATCH
  pairs = np.bincount(step, minlength=step_count)
  width = batches.bucket_size(int(pairs.max()), len(row))
  real = np.arange(width) < pairs[:, None]
  within = np.full((rows, width), BATCH, np.int32)
  within[:step_count][real] = row % BATCH
  basket = np.zeros((rows, width), np.int32)
  basket[:step_count][real] = items[index]
  where = steps(np.ones(len(order), bool))
  columns = map(steps, (user, video, other))
  return Batch(*columns, where, within, basket), step_count


def _recommender(
  tables: Tables, known_users: np.ndarray, basket: str
) -> Recommender:
  """Scores by x(u, i | B), for each query's user and last basket."""
  user, video, before = map(np.asarray, tables)
  mean = user[known_users].sum(axis=0) / max(1, len(known_users))
  product = functools.partial(_products, tables.video)

  def score(queries: Queries) -> np.ndarray:
    is_known = np.isin(queries.users, known_users)
    own = user[np.where(is_known, queries.users, 0)]
    own = np.where(is_known[:, None], own, mean)
    row, videos = last_baskets(queries.watches, queries.clock, basket)
    sums = np.zeros_like(own)
    np.add.at(sums, row, before[videos])
    size = np.bincount(row, minlength=queries.count)
    context = np.hstack([own, sums / np.maximum(size, 1)[:, None]])
    return blocks.by_blocks(product, context.astype(np.float32))

  return top_k.by_scores(score, len(video))


@jax.jit
def _products(video, context):
  """[B, V] of every context with every video."""
  return context @ video.T


def last_baskets(
  watches: Histories, clock: Sessions, basket: str
) -> tuple[np.ndarray, np.ndarray]:
  """The basket that each row's next watch follows: rows, and their videos."""
  owner = np.repeat(np.arange(watches.user_count), np.diff(watches.offsets))
  place = np.arange(len(owner))
  group = place if basket == 'last' else clock.of(watches.time)
  last = group[watches.offsets[owner + 1] - 1]
  chosen = group == last
  return owner[chosen], watches.item[chosen]
