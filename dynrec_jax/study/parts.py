"""What every door of a study is made of, made once and in one place."""

from typing import NamedTuple

import ml_collections

from dynrec_jax.features import catalogue
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models.dynamic import Dynamic
from dynrec_jax.models.network import Network
from dynrec_jax.models.theta import Theta
from dynrec_jax.parallel import devices
from dynrec_jax.predict import Predictor
from dynrec_jax.study import settings
from dynrec_jax.study.prepare import Prepared


class Parts(NamedTuple):
  """A prepared study and the network that learns from it.

  Attributes:
    prepared: what all splits share.
    network: at the sizes of the data.
    features: of the catalogue, on every device.
    predictor: makes lists with any parameters of the network.
  """

  prepared: Prepared
  network: Network
  features: Features
  predictor: Predictor


def make_parts(config: ml_collections.ConfigDict, prepared: Prepared) -> Parts:
  """The parts of the config's study."""
  network = make_network(config, prepared)
  features = devices.replicate(catalogue.padded(prepared.features))
  predictor = Predictor(
    network, features, settings.predict_settings(config, prepared)
  )
  return Parts(prepared, network, features, predictor)


def make_network(
  config: ml_collections.ConfigDict, prepared: Prepared
) -> Network:
  """The config's network at the sizes of the data."""
  theta = Theta(
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
  return Dynamic(theta, config.interest.norm)
