"""A training problem at the paper's sizes, from made-up watches.

Only the sizes and the skew of popularity matter here; nothing is learned.
"""

import numpy as np

from dynrec_jax import train
from dynrec_jax.data import batches, histories, inputs, relevance, sequences
from dynrec_jax.data.batch import Batch
from dynrec_jax.data.batch_spec import BatchSpec
from dynrec_jax.data.records import Watches
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.features.catalogue import Features
from dynrec_jax.losses import LossWeights
from dynrec_jax.models.dynamic import Dynamic
from dynrec_jax.models.theta import Theta
from dynrec_jax.objective import ObjectiveSettings

VIDEOS = 6_814
VISUAL, TEXT, TOPICS = 8_192, 300, 70
SAMPLES, STEPS, HIDDEN = 64, 50, 300
_USERS = 1_024
_HISTORY = 12  # watches before the border
_DAY = 86_400


def training_set(*, ragged: bool) -> TrainingSet:
  """One sample per user: 12 known watches, then 50, or 1 to 50 of them.

  Ragged lengths are geometric with mean 12, cut at 50, as all-after targets
  of about 15 watches per user and year are.
  """
  rng = np.random.default_rng(0)
  targets = np.full(_USERS, STEPS)
  if ragged:
    targets = np.minimum(rng.geometric(1 / 12, size=_USERS), STEPS)
  counts = _HISTORY + targets
  # Popularity falls with the rank; Gumbel noise draws without repeats.
  log_popularity = -np.log(np.arange(VIDEOS) + 100)
  noisy = log_popularity + rng.gumbel(size=(_USERS, VIDEOS))
  ranked = np.argsort(-noisy, axis=1)
  user = np.repeat(np.arange(_USERS), counts)
  within = np.concatenate([np.arange(n) for n in counts])
  table = Watches(
    user.astype(np.int32),
    ranked[user, within].astype(np.int32),
    _DAY * within.astype(np.int64),
  )
  watches = histories.watch_histories(table, _USERS)
  end = _DAY * (_HISTORY + STEPS)
  sessions = Sessions(np.array([0, _DAY * _HISTORY, end], np.int64))
  users = np.arange(_USERS)
  samples = sequences.virtual_sequences(watches, watches, sessions, users)
  topics = rng.dirichlet(np.full(TOPICS, 0.1), size=VIDEOS).astype(np.float32)
  decay = {'decay': 0.1, 'unit_secs': 30.0 * _DAY}
  rows = inputs.interest_rows(
    samples,
    watches,
    topics,
    sessions,
    history_mode='topic_only',
    norm='sum_weights',
    **decay,
  )
  return TrainingSet(
    video_count=VIDEOS,
    watches=watches,
    samples=samples,
    interest_rows=rows,
    relevance=relevance.find_relevant(watches, users, VIDEOS),
    paired_videos=np.arange(VIDEOS, dtype=np.int32),
    history_mode='topic_only',
    max_len=STEPS,
    max_bag=2000,
    **decay,
  )


def features(visual_size: int = VISUAL) -> Features:
  """Random unit features of the paper's widths.

  Args:
    visual_size: of v; fewer as in a basis of its span, which take as long as
      any numbers do.
  """
  rng = np.random.default_rng(1)
  visual = rng.normal(size=(VIDEOS, visual_size)).astype(np.float32)
  text = rng.normal(size=(VIDEOS, TEXT)).astype(np.float32)
  visual /= np.linalg.norm(visual, axis=1, keepdims=True)
  text /= np.linalg.norm(text, axis=1, keepdims=True)
  there = np.ones(VIDEOS, bool)
  return Features(visual, text, there, there)


def spec(device_count: int, partners: str = 'drawn') -> BatchSpec:
  """The paper's batch: 64 samples, 256 videos of Eq (1)."""
  return BatchSpec(
    batch_size=SAMPLES,
    device_count=device_count,
    semantic_batch_size=256,
    negative_count=1,
    negative='less_than_pos',
    seed=0,
    partners=partners,
  )


def network(visual_size: int = VISUAL) -> Dynamic:
  """The paper's, at its sizes, or with fewer visual numbers."""
  return Dynamic(Theta(VIDEOS, visual_size, TEXT, TOPICS), 'sum_weights')


def settings(product_dtype=None) -> ObjectiveSettings:
  """Eq (9) of the paper."""
  return ObjectiveSettings(
    wanted=LossWeights(True, True, True),
    semantic_margin=0.3,
    relevance_margin=0.5,
    in_batch_negatives=False,
    product_dtype=product_dtype,
  )


def balance(data: TrainingSet) -> train.Balance:
  """lambda_1 to lambda_3 of the paper."""
  weights = LossWeights(semantic=0.2, interest=0.4, relevance=0.2)
  return train.Balance(weights, train.populations_of(data))


def optimizer():
  """The paper's."""
  return train.make_optimizer('sgd', learning_rate=1e-3, weight_decay=1e-4)


def first_batch(data: TrainingSet, partners: str = 'drawn') -> Batch:
  """The first batch for one device, stacked."""
  return next(batches.batches(data, spec(1, partners)))


def step_flops(batch: Batch, visual_size: int = VISUAL) -> dict[str, int]:
  """Of the products that this batch needs, without padding, by part.

  A product with gradients of both sides counts three times, one with a
  frozen side twice.
  """
  videos = 1 + int(np.sum(np.diff(batch.sequences.video_ids[0]) > 0))
  sequences_count = batch.sequences.last.size
  steps = int(batch.sequences.step_counts.sum())
  positions = int(batch.targets.where.sum())
  rows = min(videos + sequences_count, steps)
  size = HIDDEN
  return {
    'embedding': 2 * 2 * videos * size * (visual_size + TEXT),
    'maps': 2 * size * (3 * videos * 2 * size + 2 * sequences_count * TOPICS),
    'interest': 2 * SAMPLES * 2 * size * (2 * videos + 3 * size),
    'gru': 3 * 2 * 3 * size * size * (rows + steps),
    'softmax': 3 * 2 * positions * size * VIDEOS,
  }


def rectangle(batch: Batch) -> dict[str, np.ndarray]:
  """The batch's packed sequences as padded rectangles, for a plain peer."""
  counts, packed = batch.sequences.step_counts[0], batch.sequences.inputs[0]
  starts = np.cumsum(counts) - counts
  shape = (batch.sequences.last[0].size, len(counts))
  inputs_ = np.zeros(shape, np.int64)
  where = np.zeros(shape, bool)
  for step, (start, count) in enumerate(zip(starts, counts, strict=True)):
    inputs_[:count, step] = packed[start : start + count]
    where[:count, step] = True
  place = batch.targets.positions[0][batch.targets.where[0]]
  step = np.searchsorted(starts, place, side='right') - 1
  last = batch.sequences.last[0]
  last_step = np.searchsorted(starts, last, side='right') - 1
  last_rows = last - starts[last_step]
  if batch.partners is not None:
    last_rows = np.concatenate([last_rows, last_rows[0][batch.partners[0]]])
  return {
    'inputs': inputs_,
    'where': where,
    'position_rows': place - starts[step],
    'position_steps': step,
    'targets': batch.targets.videos[0][batch.targets.where[0]].astype(np.int64),
    'last_rows': last_rows,
  }
