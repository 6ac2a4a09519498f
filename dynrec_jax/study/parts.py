"""What every door of a study is made of, made once and in one place."""

from typing import Any, NamedTuple

import jax
import ml_collections

from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.features import catalogue
from dynrec_jax.features.basis import Basis
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models import theta
from dynrec_jax.models.dynamic import Dynamic
from dynrec_jax.models.history_rnn import HistoryRnn, SemanticTheta, TextTheta
from dynrec_jax.models.network import OF_VIDEOS, Network
from dynrec_jax.models.plus import Plus
from dynrec_jax.models.static_dnn import StaticDnn, StaticTheta
from dynrec_jax.models.theta import Theta
from dynrec_jax.parallel import catalogue as cut_catalogue
from dynrec_jax.parallel import devices
from dynrec_jax.parallel.catalogue import Cut
from dynrec_jax.predict import Predictor
from dynrec_jax.recommender import CannotFit, Recommender
from dynrec_jax.study import (
  content,
  first_inputs,
  keys,
  method_config,
  settings,
  video_columns,
  video_facts,
)
from dynrec_jax.study.naming import naming
from dynrec_jax.study.prepare import Prepared


class Parts(NamedTuple):
  """A prepared study and the network that learns from it.

  Attributes:
    prepared: what all splits share.
    network: at the sizes of the data.
    features: of the catalogue, placed, as the network reads them.
    predictor: makes lists with any parameters of the network.
    basis: in which `features` and the network's T_v are; None is that of the
      prepared features.
    cut: of a catalogue over devices; None where each has all of it.
  """

  prepared: Prepared
  network: Network
  features: Features
  predictor: Predictor
  basis: Basis | None = None
  cut: Cut | None = None

  def place(self, tree: Any) -> Any:
    """A state or features, where steps and lists want them."""
    return _place(tree, self.cut)

  def template(self) -> Any:
    """Shapes of the parameters, and where they lie if these are cut."""
    shapes = jax.eval_shape(lambda: self.network.init(jax.random.key(0)))
    return shapes if self.cut is None else self.cut.template(shapes)

  def first_params(
    self, config: ml_collections.ConfigDict, seed: int, facts: VideoFacts | None
  ) -> Any:
    """Parameters before the first step, the same in every basis.

    Args:
      config: of the network.
      seed: of what is random.
      facts: see `network.Network`.
    """
    given = make_network(config, self.prepared)
    params = given.init(jax.random.key(seed), facts)
    if not self._turned(params):
      return params
    return theta.in_basis(params, self.basis.vectors)

  def serving(
    self, config: ml_collections.ConfigDict, params: Any
  ) -> Recommender:
    """The network as a service has it, see `served`."""
    predictor, params = self.served(config, params)
    return predictor.recommender(params)

  def served(
    self, config: ml_collections.ConfigDict, params: Any
  ) -> tuple[Predictor, Any]:
    """What makes a service's lists: T_v is of the features as they are.

    So a video that came after the basis is embedded as any other.

    Args:
      config: of the network.
      params: parameters of `network`.

    Returns:
      The predictor, and its network's parameters.
    """
    if not self._turned(params):
      return self.predictor, params
    params = theta.over_given(params, self.basis.vectors)
    predictor = _predictor(
      config,
      self.prepared,
      make_network(config, self.prepared),
      self.place(catalogue.padded(self.prepared.features)),
      self.cut,
    )
    return predictor, params

  def _turned(self, params: Any) -> bool:
    """Whether the parameters have a T_v that is not of the given features."""
    return self.basis is not None and 'visual_kernel' in params


def with_whole_catalogue(
  config: ml_collections.ConfigDict,
) -> ml_collections.ConfigDict:
  """The config of a door that reads all videos on one device.

  Checkpoints of a cut catalogue are read whole as well.
  """
  return method_config.changed(config, {'parallel.catalogue': 'replicated'})


def make_parts(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  shared: Parts | None = None,
) -> Parts:
  """The parts of the config's study.

  Args:
    config: of the network.
    prepared: what all splits and networks share.
    shared: other parts of the same study, whose features, which are large,
      these parts have too.

  Raises:
    CannotFit: the config's network cannot read what there is.
  """
  cut = _cut(config, prepared) if shared is None else shared.cut
  _refuse_whole(config, cut)
  if shared is None:
    basis = content.visual_basis(
      prepared.features.visual, config, prepared.growth
    )
    features = _place(_as_read(prepared.features, basis), cut)
  else:
    basis, features = shared.basis, shared.features
  size = None if basis is None else basis.vectors.shape[1]
  network = make_network(config, prepared, visual_size=size)
  predictor = _predictor(config, prepared, network, features, cut)
  return Parts(prepared, network, features, predictor, basis, cut)


@naming(video_count='of parallel.catalogue=sharded the number of videos')
def _cut(config: ml_collections.ConfigDict, prepared: Prepared) -> Cut | None:
  """How the catalogue is cut over devices; None if it is not."""
  if config.parallel.catalogue == 'replicated':
    return None
  return cut_catalogue.over_all_devices(
    len(prepared.records.videos.id), OF_VIDEOS
  )


def _refuse_whole(config: ml_collections.ConfigDict, cut: Cut | None) -> None:
  """Raises CannotFit for a network or loss that reads a catalogue whole."""
  network = config.model.network
  sampled = network == 'static_dnn' and config.static.loss != 'softmax'
  if cut is not None and (sampled or network not in keys.CUT_NETWORKS):
    raise CannotFit(
      f'model.network={network} reads the catalogue whole'
      f'{" with a loss of sampled negatives" if sampled else ""}; '
      'parallel.catalogue is sharded'
    )


def _place(tree: Any, cut: Cut | None) -> Any:
  """Arrays on every device, or cut over them."""
  return devices.replicate(tree) if cut is None else cut.place(tree)


def _as_read(features: Features, basis: Basis | None) -> Features:
  """The features in a basis, padded."""
  if basis is not None:
    visual = basis.coordinates(features.visual)
    features = features._replace(visual=visual)
  return catalogue.padded(features)


def _predictor(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  network: Network,
  features: Features,
  cut: Cut | None,
) -> Predictor:
  """What makes lists by the config."""
  return Predictor(
    network,
    features,
    settings.predict_settings(config, prepared),
    first_inputs.description(config, prepared),
    cut,
  )


def make_network(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  *,
  visual_size: int | None = None,
) -> Network:
  """The config's network at the sizes of the data.

  Args:
    config: of the network.
    prepared: what all splits and networks share.
    visual_size: of v as the network reads it; None is its given size.
  """
  text = {
    'video_count': len(prepared.records.videos.id),
    'text_size': prepared.features.text.shape[1],
    'hidden_size': config.model.D_h,
    'softmax_bias': config.model.softmax_bias,
  }
  content = text | {
    'visual_size': visual_size or prepared.features.visual.shape[1],
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
    content_size=video_columns.content_size(prepared),
    interest_size=prepared.behaviours.topics.shape[1],
    hidden_size=of.hidden,
    members=of.members,
    content=of.content,
    mean=video_facts.plus_mean(config),
    reads_watches=single,
    reads_interest=of.interest or not single,
    input_dropout=of.input_dropout,
    dropout=of.dropout,
    row_dropout=of.row_dropout,
  )
