"""One split of a study: a network trained and stopped early, and its scores."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax import (
  checkpoint,
  evaluate,
  host_shares,
  likelihood,
  train,
  training_loop,
)
from dynrec_jax.data import ordered_batches
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.parallel import catalogue as cut_catalogue
from dynrec_jax.parallel import host_memory, hosts
from dynrec_jax.recommender import Queries, Recommender
from dynrec_jax.study import identity, method_config, settings, splits
from dynrec_jax.study.naming import naming
from dynrec_jax.study.parts import Parts
from dynrec_jax.study.splits import Split
from dynrec_jax.study.training_data import (
  make_questions,
  make_training_set,
  make_validation_set,
)
from dynrec_jax.study.video_facts import make_facts


def make_step(config: ml_collections.ConfigDict, parts: Parts) -> Callable:
  """The network's update, compiled once for all splits and all weights."""
  return train.make_train_step(
    parts.network,
    settings.make_optimizer(config),
    settings.objective_settings(config)._replace(cut=parts.cut),
    reduction=settings.preset_value(config, 'reduction'),
    average=config.opt.average,
  )


def train_split(
  config: ml_collections.ConfigDict,
  parts: Parts,
  this: Split,
  stop_requested: Callable[[int], bool],
) -> bool:
  """Trains until it is complete (True) or asked to stop (False).

  A split that was trained before is read from its checkpoint and left alone.
  Where one date cuts the log (A41), a first fit chooses the number of epochs at
  an earlier date; a second one, of all that comes before the date, takes as
  many. Where users are split, `train.refit` asks for a second fit too, of train
  and validation users (A3). First fits lie in folders of their own.

  Args:
    config: of the network.
    parts: with the network.
    this: who trains and who validates.
    stop_requested: polled at every step.

  Raises:
    ValueError: for a checkpoint of another config or catalogue.
    NonFiniteLossError: see `training_loop.fit`.
  """
  if this.train_until is not None:
    first = splits.earlier_split(config, parts.prepared, this)
  elif config.train.refit:
    first, this = splits.refit_splits(this)
  else:
    return stop_early(config, parts, this, stop_requested)
  host_memory.drop_programs()  # of the preparation and of earlier splits
  step = make_step(config, parts)
  if not stop_early(config, parts, first, stop_requested, step):
    return False
  epochs = load_params(config, parts, first).position['best_epoch']
  loop = settings.loop_settings(config)._replace(max_epochs=epochs)
  return _fit(config, parts, this, stop_requested, loop, None, step)


def stop_early(
  config: ml_collections.ConfigDict,
  parts: Parts,
  this: Split,
  stop_requested: Callable[[int], bool],
  step: Callable | None = None,
) -> bool:
  """One fit that its validation users stop; see `train_split`.

  Args:
    config: of the network.
    parts: with the network.
    this: who trains and who validates.
    stop_requested: polled at every step.
    step: see `make_step`, where several fits share it.
  """
  return _fit(
    config,
    parts,
    this,
    stop_requested,
    settings.loop_settings(config),
    _validation(config, parts, this),
    step,
  )


def without_refit(
  config: ml_collections.ConfigDict,
) -> ml_collections.ConfigDict:
  """The config of fits that `stop_early` ends and nothing follows.

  They are the same with `train.refit` and without.
  """
  return method_config.changed(config, {'train.refit': False})


@naming(
  learning_rate='opt.learning_rate',
  reduction='loss.reduction',
  average='opt.average',
)
def _fit(
  config: ml_collections.ConfigDict,
  parts: Parts,
  this: Split,
  stop_requested: Callable[[int], bool],
  loop: training_loop.LoopSettings,
  validate: Callable[[Any], dict[str, float]] | None,
  step: Callable | None = None,
) -> bool:
  """One fit; whether it is complete."""
  if step is None:
    host_memory.drop_programs()  # of the preparation and of earlier splits
    step = make_step(config, parts)
  data = make_training_set(config, parts.prepared, this)
  balance = train.Balance(
    settings.loss_weights(config), train.populations_of(data)
  )
  with checkpoint.Checkpointer(
    this.checkpoints,
    config=saved_config(config, parts, this),
    must_match=identity.CHECKPOINT,
    absent=identity.ABSENT,
    cut_rows=parts.network.video_count,
  ) as saver:
    facts = None
    if parts.network.frozen and not saver.has_saved:
      facts = make_facts(
        config,
        parts.prepared,
        this,
        data,
        # A first fit by users is asked at borders alone.
        serves=this.train_until is not None
        or validate is None
        or not config.train.refit,
      )
    return training_loop.fit(
      train.balanced(step, balance, this.seed),
      _first_state(config, parts, this, facts),
      data,
      settings.batch_spec(config, this.seed),
      parts.features,
      loop,
      validate=validate,
      saver=saver,
      log_dir=this.directory,
      stop_requested=stop_requested,
      place=parts.place,
    )


def _first_state(
  config: ml_collections.ConfigDict,
  parts: Parts,
  this: Split,
  facts: VideoFacts | None,
) -> train.TrainState:
  """The state before the first step; of a cut catalogue where it lies."""

  def make():
    return train.init_state(
      parts.network,
      settings.make_optimizer(config),
      this.seed,
      averaged=config.opt.average > 0,
      params=parts.first_params(config, this.seed, facts),
    )

  if parts.cut is None:
    return hosts.of_first(make())
  state = parts.cut.build(make)
  held = [
    cut_catalogue.bytes_per_device(x) / 2**20 for x in (state, parts.features)
  ]
  logging.info(
    '%d videos cut over %d devices: each holds %.1f MiB of parameters and of '
    'what the optimiser keeps, %.1f MiB of features',
    parts.cut.video_count,
    parts.cut.device_count,
    *held,
  )
  return state


def saved_config(
  config: ml_collections.ConfigDict, parts: Parts, this: Split
) -> Mapping[str, Any]:
  """What a split's checkpoints are of, see `identity.saved_config`."""
  return identity.saved_config(
    config, parts.prepared, parts.basis, [this.users]
  )


def load_params(
  config: ml_collections.ConfigDict,
  parts: Parts,
  this: Split,
  must_match: Sequence[str] = identity.CHECKPOINT,
) -> checkpoint.Checkpoint:
  """The best parameters of a split, of this config and these data.

  Their average, where one is kept.

  Args:
    config: of the run.
    parts: with the network.
    this: the split.
    must_match: what must be the same, see `refuse_other_config`.
  """

  def check(found: checkpoint.Checkpoint):
    checkpoint.refuse_other_config(
      found.config,
      saved_config(config, parts, this),
      must_match,
      this.checkpoints,
      identity.ABSENT,
    )

  return checkpoint.load_for_inference(
    this.checkpoints,
    parts.template(),
    cut_rows=parts.network.video_count,
    subtree='average' if config.opt.average else 'params',
    check=check,
  )


def scores_at_borders(
  config: ml_collections.ConfigDict,
  recommenders: Callable[[str], Recommender],
  questions: Mapping[str, tuple[Queries, Histories]],
  *,
  shared: bool = True,
) -> dict[str, float]:
  """A method's measures in every mode, and 'f_score', the mean of their F.

  Args:
    config: of the run.
    recommenders: mode -> the method, as it was fitted for the mode.
    questions: mode -> what is asked, and the truth.
    shared: see `score`.

  Returns:
    'MODE/MEASURE' and 'f_score'.
  """
  found: dict[str, float] = {}
  for mode, asked in questions.items():
    scored = score(config, recommenders(mode), asked, shared=shared)
    own = measures(config, scored)
    found |= {f'{mode}/{name}': value for name, value in own.items()}
  mean = np.mean([found[f'{mode}/f_score'] for mode in questions])
  return hosts.numbers_of_first(found | {'f_score': float(mean)})


def questions_at_borders(
  config: ml_collections.ConfigDict, parts: Parts, this: Split, users: Any
) -> dict[str, tuple[Queries, Histories]]:
  """What users are asked in every mode of the study, and the truth."""
  return {
    mode: make_questions(config, parts.prepared, this, users, at)
    for mode, at in splits.borders(config, this).items()
  }


def score(
  config: ml_collections.ConfigDict,
  recommend: Recommender,
  questions: tuple[Queries, Histories],
  *,
  shared: bool = True,
) -> evaluate.Scored:
  """A recommender's lists at the config's k, against the ground truth.

  Args:
    config: of the run.
    recommend: the method; the same on all hosts.
    questions: what is asked, and the truth.
    shared: every host asks for its share of the users; else for all of them,
      as where all devices of all hosts make each list together.

  Raises:
    ValueError: if no user has a ground truth.
  """
  queries, later = questions
  if shared:
    recommend = host_shares.by_all_hosts(recommend)
  return evaluate.evaluate(recommend, queries, later, config.decode.k)


def measures(
  config: ml_collections.ConfigDict, scored: evaluate.Scored
) -> dict[str, float]:
  """See `evaluate.summarise`."""
  return evaluate.summarise(scored.hits, scored.truth, config.decode.k)


def _validation(
  config: ml_collections.ConfigDict, parts: Parts, this: Split
) -> Callable[[Any], dict[str, float]]:
  """Scores of parameters on the validation users, at every border (A3)."""
  questions = questions_at_borders(config, parts, this, this.users.valid)
  likelihoods = None
  if config.train.stop_by == 'likelihood':
    likelihoods = _log_likelihoods(config, parts, this)

  def validate(params):
    recommend = parts.predictor.recommender(params)
    found = scores_at_borders(
      config, lambda _: recommend, questions, shared=parts.cut is None
    )
    return found if likelihoods is None else found | likelihoods(params)

  return validate


def _log_likelihoods(
  config: ml_collections.ConfigDict, parts: Parts, this: Split
) -> Callable[[Any], dict[str, float]]:
  """Parameters -> 'MODE/log_likelihood' and 'log_likelihood', their mean."""
  data, rows = make_validation_set(config, parts.prepared, this)
  spec = settings.batch_spec(config, this.seed)
  batches = ordered_batches.ordered_batches(
    data,
    list(rows.values()),
    batch_size=spec.batch_size,
    device_count=spec.device_count,
    own_devices=spec.own_devices,
    most=hosts.most_of_all if hosts.count() > 1 else None,
  )
  objective = settings.objective_settings(config)._replace(cut=parts.cut)

  def log_likelihoods(params):
    each = [
      likelihood.mean_log_likelihood(
        parts.network, objective, params, parts.features, own
      )
      for own in batches
    ]
    found = {
      f'{mode}/log_likelihood': value
      for mode, value in zip(rows, each, strict=True)
    }
    return found | {'log_likelihood': float(np.mean(each))}

  return log_likelihoods
