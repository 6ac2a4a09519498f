"""One random split of the users: trained, stopped early, tested."""

from collections.abc import Callable

import jax
import ml_collections

from dynrec_jax import checkpoint, evaluate, metric_log, train
from dynrec_jax.data import sessions
from dynrec_jax.data.histories import Histories
from dynrec_jax.parallel import host_memory, hosts
from dynrec_jax.recommender import Queries, Recommender
from dynrec_jax.report import user_lists
from dynrec_jax.study import identity, methods, settings
from dynrec_jax.study.naming import naming
from dynrec_jax.study.parts import Parts
from dynrec_jax.study.splits import MODES, Split
from dynrec_jax.study.training_data import (
  make_questions,
  make_seen,
  make_training_set,
)


@naming(learning_rate='opt.learning_rate', reduction='loss.reduction')
def train_split(
  config: ml_collections.ConfigDict,
  parts: Parts,
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
  data = make_training_set(config, parts.prepared, this)
  optimizer = settings.make_optimizer(config)
  step_fn = train.make_train_step(
    parts.network,
    optimizer,
    settings.objective_settings(config),
    reduction=settings.preset_value(config, 'reduction'),
    populations=train.populations_of(data),
  )

  questions = make_questions(
    config, parts.prepared, this, this.users.valid, sessions.LONG_FRACTION
  )

  def validate(params):
    scored = score(config, parts.predictor.recommender(params), questions)
    return measures(config, scored)

  with checkpoint.Checkpointer(
    this.checkpoints,
    config=identity.saved_config(config, parts.prepared),
    must_match=identity.CHECKPOINT,
  ) as saver:
    return train.fit(
      step_fn,
      train.init_state(parts.network, optimizer, this.seed),
      data,
      settings.batch_spec(config, this.seed),
      parts.features,
      settings.loop_settings(config),
      validate=validate,
      saver=saver,
      log_dir=this.directory,
      stop_requested=stop_requested,
    )


def test_split(
  config: ml_collections.ConfigDict, parts: Parts, this: Split
) -> None:
  """Writes every method's lists, and its measures to the metrics.

  Raises:
    ValueError: if there is no checkpoint that fits.
  """
  found = load_params(config, parts, this)
  model = parts.predictor.recommender(found.state)
  with metric_log.MetricLog(this.directory) as log:
    for mode, fraction in MODES[config.scenario].items():
      at = (config, parts.prepared, this)
      seen = make_seen(*at, fraction)
      questions = make_questions(*at, this.users.test, fraction)
      for method in methods.NAMES:
        recommend = methods.fit(method, config, seen, model)
        scored = score(config, recommend, questions)
        _write_lists(parts, this, mode, method, scored)
        values = measures(config, scored)
        log.write(
          found.step,
          {f'test_{mode}/{method}/{k}': v for k, v in values.items()},
        )
  hosts.wait_for_all(f'lists of split {this.number}')  # others read them


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


def _write_lists(
  parts: Parts, this: Split, mode: str, method: str, scored: evaluate.Scored
) -> None:
  """Writes what a method recommended to whom."""
  records = parts.prepared.records
  rows = user_lists.as_rows(
    records.user_ids[scored.users],
    records.videos.id,
    scored.lists,
    hits=scored.hits,
    truth=scored.truth,
  )
  path = user_lists.path_of(this.directory, mode, method)
  if hosts.is_writer():
    user_lists.write_lists(path, rows)
