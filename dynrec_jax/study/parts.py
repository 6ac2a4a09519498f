"""What every door of a study is made of, made once and in one place."""

from typing import NamedTuple

import ml_collections

from dynrec_jax.features import catalogue
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models.dynamic import Dynamic
from dynrec_jax.models.history_rnn import HistoryRnn, SemanticTheta, TextTheta
from dynrec_jax.models.network import Network
from dynrec_jax.models.plus import Plus
from dynrec_jax.models.static_dnn import StaticDnn, StaticTheta
from dynrec_jax.models.theta import Theta
from dynrec_jax.parallel import devices
from dynrec_jax.predict import Predictor
from dynrec_jax.study import first_inputs, settings, video_facts
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


def make_parts(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  features: Features | None = None,
) -> Parts:
  """The parts of the config's study.

  Args:
    config: of the network.
    prepared: what all splits and networks share.
    features: as other parts of the same study have them; they are large.

  Raises:
    CannotFit: the config's network cannot read what there is.
  """
  network = make_network(config, prepared)
  if features is None:
    features = devices.replicate(catalogue.padded(prepared.features))
  predictor = Predictor(
    network,
    features,
    settings.predict_settings(config, prepared),
    first_inputs.description(config, prepared),
  )
  return Parts(prepared, network, features, predictor)


def make_network(
  config: ml_collections.ConfigDict, prepared: Prepared
) -> Network:
  """The config's network at the sizes of the data."""
  text = {
    'video_count': len(prepared.records.videos.id),
    'text_size': prepared.features.text.shape[1],
    'hidden_size': config.model.D_h,
    'softmax_bias': config.model.softmax_bias,
  }
  content = text | {
    'visual_size': prepared.features.visual.shape[1],
    'embed_size': config.model.embed_size,
    'embed_norm': config.model.embed_norm,
  }
  interests = content | {'topic_count': prepared.behaviours.topics.shape[1]}
  recurrent = {'gru_bias': config.model.gru_bias}
  history = recurrent | {'first': first_inputs.first_of_no_history(config)}
  norm = config.interest.norm
  match config.model.network:
    case 'dynamic':
      return Dynamic(Theta(**interests, **recurrent), norm)
    case 'rnn':
      return HistoryRnn(TextTheta(**text, **history))
    case 'rnn_sem':
      return HistoryRnn(SemanticTheta(**content, **history))
    case 'static_dnn':
      return StaticDnn(StaticTheta(**interests), norm)
    case 'plus':
      return _plus(config, prepared)


def _plus(config: ml_collections.ConfigDict, prepared: Prepared) -> Plus:
  """Where watches are hidden, it reads the interests alone."""
  single = config.scenario == 'single'
  of = config.plus
  return Plus(
    video_count=len(prepared.records.videos.id),
    session_count=prepared.sessions.count,
    content_size=video_facts.content_size(prepared),
    interest_size=prepared.behaviours.topics.shape[1],
    hidden_size=of.hidden,
    members=of.members,
    content=of.content,
    reads_watches=single,
    reads_interest=of.interest or not single,
    input_dropout=of.input_dropout,
    dropout=of.dropout,
    row_dropout=of.row_dropout,
  )
