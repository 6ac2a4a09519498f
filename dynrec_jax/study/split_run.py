"""One random split of the users: trained, stopped early, evaluated.

Reads the config and hands plain arguments to the layers below.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from dynrec_jax import checkpoint, evaluate, metric_log, train
from dynrec_jax.baselines import popularity, random
from dynrec_jax.data import inputs, relevance, sequences, sessions, split
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.split import UserSplit
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.evaluate import Queries, Recommender
from dynrec_jax.models.theta import DynamicRecommender
from dynrec_jax.objective import Features
from dynrec_jax.parallel import host_memory
from dynrec_jax.predict import Predictor
from dynrec_jax.study import behaviours, identity, settings
from dynrec_jax.study.naming import naming
from dynrec_jax.study.prepare import Prepared

# How much of the span is known of held-out users, by mode of a scenario.
MODES = {
  'single': {
    'long': sessions.LONG_FRACTION,
    'short': sessions.SHORT_FRACTION,
  },
  'cross': {'cross': sessions.LONG_FRACTION},
}


class Split(NamedTuple):
  """One split of a prepared study.

  Attributes:
    number: 0 to split.seeds - 1.
    seed: of everything random in it.
    users: who trains, validates and is tested.
    behaviours: what may be read of everyone in it.
    directory: of its checkpoints and metrics.
  """

  number: int
  seed: int
  users: UserSplit
  behaviours: Histories
  directory: str

  @property
  def checkpoints(self) -> str:
    """Where its checkpoints lie."""
    return os.path.join(self.directory, 'checkpoints')


def make_split(
  config: ml_collections.ConfigDict, prepared: Prepared, number: int
) -> Split:
  """Split `number` of the config's study.

  Raises:
    ValueError: if it leaves nobody to train on, to stop training or to test.
  """
  seed = config.seed + number
  users = split.split_users(
    len(prepared.records.user_ids),
    seed=seed,
    test_frac=config.split.test_frac,
    valid_frac=config.train.val_frac,
  )
  for key, part in (
    ('split.test_frac', users.test),
    ('train.val_frac', users.valid),
  ):
    if not len(part):
      count = len(prepared.records.user_ids)
      raise ValueError(f'{key} of {count} users is nobody; raise it')
  directory = os.path.join(config.workdir, f'split_{number}')
  readable = behaviours.of_split(
    prepared.behaviours, prepared.records, users.train
  )
  return Split(number, seed, users, readable, directory)


def make_model(
  config: ml_collections.ConfigDict, prepared: Prepared
) -> DynamicRecommender:
  """The shell at the sizes of the data."""
  return DynamicRecommender(
    video_count=len(prepared.records.videos.id),
    visual_size=prepared.features.visual.shape[1],
    text_size=prepared.features.text.shape[1],
    topic_count=prepared.behaviours.topics.shape[1],
    embed_size=config.model.embed_size,
    hidden_size=config.model.D_h,
    embed_norm=config.model.embed_norm,
    gru_bias=config.model.gru_bias,
    softmax_bias=config.model.softmax_bias,
  )


def make_predictor(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  model: DynamicRecommender,
  features: Features,
  clock: sessions.Sessions | None = None,
) -> Predictor:
  """The model as a recommender, with the config's way of reading queries.

  `clock` is the queries', if it is not the data's; ages keep the unit that
  they had in training.
  """
  return Predictor(
    model,
    features,
    prepared.behaviours.topics,
    clock or prepared.sessions,
    settings.query_settings(config, prepared),
  )


@naming(learning_rate='opt.learning_rate', reduction='loss.reduction')
def train_split(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  model: DynamicRecommender,
  predictor: Predictor,
  features: Features,
  this: Split,
  stop_requested: Callable[[int], bool],
) -> bool:
  """Trains until it is complete (True) or asked to stop (False).

  A split that was trained before is read from its checkpoint and left alone.

  Raises:
    ValueError: for a checkpoint of another config or catalogue.
    train.NonFiniteLossError: see `train.fit`.
  """
  host_memory.drop_programs()  # of the preparation and of earlier splits
  data = make_training_set(config, prepared, this)
  optimizer = settings.make_optimizer(config)
  step_fn = train.make_train_step(
    model,
    optimizer,
    settings.objective_settings(config),
    reduction=settings.preset_value(config, 'reduction'),
    populations=train.populations_of(data),
  )
  queries = make_queries(
    config, prepared, this, this.users.valid, sessions.LONG_FRACTION
  )

  def validate(params):
    return score(config, predictor.recommender(params), queries)

  with checkpoint.Checkpointer(
    this.checkpoints,
    config=identity.saved_config(config, prepared),
    must_match=identity.CHECKPOINT,
  ) as saver:
    return train.fit(
      step_fn,
      train.init_state(model, optimizer, this.seed),
      data,
      settings.batch_spec(config, this.seed),
      features,
      settings.loop_settings(config),
      validate=validate,
      saver=saver,
      log_dir=this.directory,
      stop_requested=stop_requested,
    )


def test_split(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  model: DynamicRecommender,
  predictor: Predictor,
  this: Split,
) -> None:
  """Writes the test scores of the model and the baselines to the metrics.

  Raises:
    ValueError: if there is no checkpoint that fits.
  """
  found = load_params(config, prepared, model, this)
  recommenders = {
    'random': _baseline(random.RandomRecommender(model.video_count, this.seed)),
    'popularity': _baseline(_popularity(config, prepared, this)),
    'model': predictor.recommender(found.state),
  }
  with metric_log.MetricLog(this.directory) as log:
    for mode, fraction in MODES[config.scenario].items():
      queries = make_queries(config, prepared, this, this.users.test, fraction)
      for method, recommend in recommenders.items():
        scores = score(config, recommend, queries)
        log.write(
          found.step,
          {f'test_{mode}/{method}/{k}': v for k, v in scores.items()},
        )


def load_params(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  model: DynamicRecommender,
  this: Split,
) -> checkpoint.Checkpoint:
  """The best parameters of a split, of this config and this catalogue."""
  template = jax.eval_shape(lambda: model.init(jax.random.key(0))['params'])
  found = checkpoint.load_for_inference(this.checkpoints, template)
  checkpoint.refuse_other_config(
    found.config,
    identity.saved_config(config, prepared),
    identity.CHECKPOINT,
    this.checkpoints,
  )
  return found


def make_training_set(
  config: ml_collections.ConfigDict, prepared: Prepared, this: Split
) -> TrainingSet:
  """The virtual sequences of the train users."""
  samples = sequences.virtual_sequences(
    prepared.watches,
    this.behaviours,
    prepared.sessions,
    this.users.train,
    horizon=config.seq.horizon,
    max_target_len=config.seq.max_target_len,
    next_count=config.seq.next_count,
  )
  decay = settings.decay(config, prepared)
  rows = inputs.interest_rows(
    samples,
    this.behaviours,
    prepared.behaviours.topics,
    prepared.sessions,
    history_mode=config.model.history_mode,
    norm=config.interest.norm,
    **decay,
  )
  related = None
  if config.loss.relevance_weight:
    related = relevance.find_relevant(
      prepared.watches,
      np.unique(samples.user),
      len(prepared.records.videos.id),
      positive=config.rel.positive,
    )
  features = prepared.features
  paired = np.flatnonzero(features.has_visual & features.has_text)
  return TrainingSet(
    video_count=len(prepared.records.videos.id),
    watches=prepared.watches,
    samples=samples,
    interest_rows=rows,
    relevance=related,
    paired_videos=paired.astype(np.int32),
    history_mode=config.model.history_mode,
    max_len=config.seq.max_target_len,
    **decay,
  )


def make_queries(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  users: np.ndarray,
  fraction: float,
) -> Queries:
  """The users at the end of n_f, `fraction` of the sessions.

  Paper: Sec 4.1; in the cross network held-out users' watches are hidden.
  """
  samples = sequences.queries(
    prepared.watches,
    users,
    sessions.history_sessions(prepared.sessions, fraction),
    prepared.sessions,
    hide_history=config.scenario == 'cross',
  )
  return Queries(samples, prepared.watches, this.behaviours)


def score(
  config: ml_collections.ConfigDict, recommend: Recommender, queries: Queries
) -> dict[str, float]:
  """A recommender's measures at the config's k, see `evaluate.summarise`.

  Raises:
    ValueError: if no user has a ground truth.
  """
  return evaluate.summarise(
    evaluate.evaluate(
      recommend,
      queries,
      k=config.decode.k,
      mask_history=config.eval.mask_history,
    )
  )


def _baseline(baseline) -> Recommender:
  """A baseline behind the contract of `evaluate`."""

  def recommend(queries, known, known_where, k):
    del queries  # the same lists for everyone, but for what is known
    seen = [ids[w] for ids, w in zip(known, known_where, strict=True)]
    return baseline.recommend(seen, k, seen)

  return recommend


def _popularity(config, prepared: Prepared, this: Split):
  """By distinct train watchers, or by the catalogue's view counts (A26)."""
  videos = prepared.records.videos
  if config.pop.source == 'view_count':
    return popularity.popularity_by_view_count(videos.view_count)
  watches = prepared.records.watches
  mine = np.isin(watches.user, this.users.train)
  return popularity.popularity_by_watchers(
    watches.user[mine], watches.video[mine], len(videos.id)
  )
