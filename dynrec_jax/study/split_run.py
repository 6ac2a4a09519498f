"""One split of a study: a network trained and stopped early, and its scores."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import ml_collections
import numpy as np

from dynrec_jax import checkpoint, evaluate, train
from dynrec_jax.data.histories import Histories
from dynrec_jax.parallel import host_memory
from dynrec_jax.recommender import Queries, Recommender
from dynrec_jax.study import identity, settings, splits
from dynrec_jax.study.naming import naming
from dynrec_jax.study.parts import Parts
from dynrec_jax.study.splits import Split
from dynrec_jax.study.training_data import (
  count_watches,
  make_questions,
  make_training_set,
)


def make_step(config: ml_collections.ConfigDict, parts: Parts) -> Callable:
  """The network's update, compiled once for all splits and all weights."""
  return train.make_train_step(
    parts.network,
    settings.make_optimizer(config),
    settings.objective_settings(config),
    reduction=settings.preset_value(config, 'reduction'),
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
  many.

  Args:
    config: of the network.
    parts: with the network.
    this: who trains and who validates.
    stop_requested: polled at every step.

  Raises:
    ValueError: for a checkpoint of another config or catalogue.
    train.NonFiniteLossError: see `train.fit`.
  """
  if this.train_until is None:
    return stop_early(config, parts, this, stop_requested)
  earlier = splits.earlier_split(config, parts.prepared, this)
  if not stop_early(config, parts, earlier, stop_requested):
    return False
  epochs = load_params(config, parts, earlier).position['best_epoch']
  loop = settings.loop_settings(config)._replace(max_epochs=epochs)
  return _fit(config, parts, this, stop_requested, loop, None)


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


@naming(learning_rate='opt.learning_rate', reduction='loss.reduction')
def _fit(
  config: ml_collections.ConfigDict,
  parts: Parts,
  this: Split,
  stop_requested: Callable[[int], bool],
  loop: train.LoopSettings,
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
    config=identity.saved_config(config, parts.prepared),
    must_match=identity.CHECKPOINT,
  ) as saver:
    return train.fit(
      train.balanced(step, balance, this.seed),
      train.init_state(
        parts.network,
        settings.make_optimizer(config),
        this.seed,
        count_watches(parts.prepared, this),
      ),
      data,
      settings.batch_spec(config, this.seed),
      parts.features,
      loop,
      validate=validate,
      saver=saver,
      log_dir=this.directory,
      stop_requested=stop_requested,
    )


def load_params(
  config: ml_collections.ConfigDict, parts: Parts, this: Split
) -> checkpoint.Checkpoint:
  """The best parameters of a split, of this config and this catalogue."""
  template = jax.eval_shape(lambda: parts.network.init(jax.random.key(0)))
  found = checkpoint.load_for_inference(this.checkpoints, template)
  checkpoint.refuse_other_config(
    found.config,
    identity.saved_config(config, parts.prepared),
    identity.CHECKPOINT,
    this.checkpoints,
  )
  return found


def scores_at_borders(
  config: ml_collections.ConfigDict,
  recommenders: Callable[[str], Recommender],
  questions: Mapping[str, tuple[Queries, Histories]],
) -> dict[str, float]:
  """A method's measures in every mode, and 'f_score', the mean of their F.

  Args:
    config: of the run.
    recommenders: mode -> the method, as it was fitted for the mode.
    questions: mode -> what is asked, and the truth.

  Returns:
    'MODE/MEASURE' and 'f_score'.
  """
  found: dict[str, float] = {}
  for mode, asked in questions.items():
    scored = measures(config, score(config, recommenders(mode), asked))
    found |= {f'{mode}/{name}': value for name, value in scored.items()}
  mean = np.mean([found[f'{mode}/f_score'] for mode in questions])
  return found | {'f_score': float(mean)}


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
) -> evaluate.Scored:
  """A recommender's lists at the config's k, against the ground truth.

  Raises:
    ValueError: if no user has a ground truth.
  """
  queries, later = questions
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

  def validate(params):
    recommend = parts.predictor.recommender(params)
    return scores_at_borders(config, lambda _: recommend, questions)

  return validate
