"""The config as the plain arguments of the layers below."""

import jax.numpy as jnp
import ml_collections
import optax

from dynrec_jax import train, training_loop
from dynrec_jax.data import sessions
from dynrec_jax.data.batch_spec import BatchSpec
from dynrec_jax.data.query_inputs import InputSettings
from dynrec_jax.losses import LossWeights
from dynrec_jax.objective import SOFTMAXES, ObjectiveSettings
from dynrec_jax.parallel import devices, hosts
from dynrec_jax.predict import PredictSettings
from dynrec_jax.sources import load
from dynrec_jax.study import first_inputs, keys
from dynrec_jax.study.prepare import Prepared


def make_optimizer(
  config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
  """The config's optimiser, or its preset's."""
  return train.make_optimizer(
    preset_value(config, 'name'),
    learning_rate=config.opt.learning_rate,
    weight_decay=config.loss.weight_decay,
  )


def loop_settings(
  config: ml_collections.ConfigDict,
) -> training_loop.LoopSettings:
  """When training validates, saves, logs and stops."""
  return training_loop.LoopSettings(
    max_epochs=config.train.max_epochs,
    patience=config.train.patience,
    save_every_steps=config.train.save_every_steps,
    log_every_steps=config.train.log_every_steps,
    score=keys.STOP_BY[config.train.stop_by],
  )


def predict_settings(
  config: ml_collections.ConfigDict, prepared: Prepared
) -> PredictSettings:
  """How queries are read, as in training, and lists made."""
  inputs = InputSettings(
    history_mode=first_inputs.history_mode(config),
    max_len=config.seq.max_target_len,
    max_bag=config.seq.max_bag,
    norm=config.interest.norm,
    **decay(config, prepared),
  )
  return PredictSettings(inputs, config.decode.method)


def batch_spec(config: ml_collections.ConfigDict, seed: int) -> BatchSpec:
  """How the config's batches are made on the devices of all hosts.

  Raises:
    ValueError: if a batch cannot be split over the devices.
  """
  device_count = devices.device_count()
  for key, size in (
    ('train.batch_size', config.train.batch_size),
    ('sem.batch_size', config.sem.batch_size),
  ):
    if size % device_count:
      raise ValueError(
        f'{key} is {size}, not a multiple of the {device_count} devices'
        + (f' of {hosts.count()} hosts' if hosts.count() > 1 else '')
      )
  in_batch = config.sem.negative == 'in_batch'
  coherence = _coherence(config)
  shared = coherence == 'sampled_softmax'
  return BatchSpec(
    batch_size=config.train.batch_size,
    device_count=device_count,
    semantic_batch_size=config.sem.batch_size
    if loss_weights(config).semantic
    else 0,
    negative_count=0 if in_batch else config.sem.n_neg,
    negative=config.rel.negative,
    seed=seed,
    unseen_count=0 if coherence in SOFTMAXES else config.static.n_neg,
    partners=config.rel.partners,
    shared_count=config.loss.shared if shared else 0,
    in_batch_candidates=config.loss.in_batch,
    own_devices=devices.own_devices(),
  )


def loss_weights(config: ml_collections.ConfigDict) -> LossWeights:
  """lambda_1 to lambda_3; 0 each of Static-DNN's where it drops them (A29)."""
  if config.model.network == 'static_dnn' and not config.static.keep_aux:
    return LossWeights(*(0.0 for _ in LossWeights._fields))
  names = (f'{name}_weight' for name in LossWeights._fields)
  return LossWeights(*(float(config.loss[name]) for name in names))


def objective_settings(config: ml_collections.ConfigDict) -> ObjectiveSettings:
  """Eq (9) as the config sets it."""
  dtype = config.model.product_dtype
  return ObjectiveSettings(
    wanted=LossWeights(*(weight != 0 for weight in loss_weights(config))),
    semantic_margin=config.loss.semantic_margin,
    relevance_margin=config.loss.relevance_margin,
    in_batch_negatives=config.sem.negative == 'in_batch',
    product_dtype=None if dtype == 'float32' else getattr(jnp, dtype),
    coherence=_coherence(config),
    mask_known=config.loss.mask_known,
  )


def proposal_rule(config: ml_collections.ConfigDict) -> str | None:
  """How videos that stand for all are drawn; None if none are."""
  shared = _coherence(config) == 'sampled_softmax'
  return config.loss.proposal if shared else None


def _coherence(config: ml_collections.ConfigDict) -> str:
  """Eq (8), or what stands in its place for Static-DNN (A28)."""
  static = config.model.network == 'static_dnn'
  if static and config.static.loss != 'softmax':
    return config.static.loss
  return config.loss.coherence


def decay(
  config: ml_collections.ConfigDict, prepared: Prepared
) -> dict[str, float]:
  """lambda and the unit it is told in, of the span that the config names."""
  clock = prepared.sessions.up_to(config.sessions.L)
  return {
    'decay': config.interest.decay,
    'unit_secs': sessions.unit_secs(config.interest.time_unit, clock),
  }


def origin_note(config: ml_collections.ConfigDict) -> str:
  """What every table of simulated data says below it; '' of real data."""
  if config.data.name not in load.SIMULATED:
    return ''
  return (
    f'\n\nSimulated data ({config.data.name}, world {config.data.world}, seed '
    f'{config.data.world_seed}): no real user or video is in them.'
  )


def preset_value(config: ml_collections.ConfigDict, key: str) -> str:
  """`opt.name` ('name') or `loss.reduction` ('reduction').

  The config's own value, or its preset's.
  """
  own = {'name': config.opt.name, 'reduction': config.loss.reduction}[key]
  return own if own != 'preset' else keys.PRESETS[config.opt.preset][key]
