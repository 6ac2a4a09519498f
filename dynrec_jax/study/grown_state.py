"""The state that an update begins with: as it is served, grown (A50)."""

import os

import jax
import ml_collections
import numpy as np

from dynrec_jax import checkpoint, train
from dynrec_jax.models import grow
from dynrec_jax.report import runs
from dynrec_jax.study import (
  identity,
  settings,
  training_data,
  video_facts,
  workdir,
)
from dynrec_jax.study.kept import Kept
from dynrec_jax.study.parts import Parts
from dynrec_jax.study.splits import Split


def grown_state(
  config: ml_collections.ConfigDict,
  learning: ml_collections.ConfigDict,
  this: Split,
  parts: Parts,
  before: Kept,
) -> train.TrainState:
  """The state that is served, with a place for every new video.

  Args:
    config: of the run, whose workdir has the state.
    learning: the same, with what the update changes of the optimiser.
    this: whose users train.
    parts: of the grown study.
    before: what was kept with the state.

  Raises:
    ValueError: there is none, or it is of other settings or content.
  """
  network, prepared = parts.network, parts.prepared
  facts = None
  if network.frozen:  # what is counted is counted anew
    everything = training_data.make_training_set(config, prepared, this)
    facts = video_facts.make_facts(
      config, prepared, this, everything, serves=True
    )
  state = jax.eval_shape(
    lambda: train.init_state(
      network,
      settings.make_optimizer(learning),
      this.seed,
      averaged=config.opt.average > 0,
      params=parts.first_params(config, this.seed, None),
    )
  )
  wanted = checkpoint.flatten(state)
  counted = {
    name: np.asarray(getattr(facts, name.split('/')[1]))
    for name in wanted
    if network.frozen.intersection(name.split('/')[1:2])
  }
  saved = _saved_leaves(config, before)
  _, place = prepared.growth.places(prepared.records)
  found = dict(counted)
  for section in {name.split('/')[0] for name in wanted}:
    own, like = (
      {
        name: of
        for name, of in leaves.items()
        if name.split('/')[0] == section and name not in counted
      }
      for leaves in (saved, wanted)
    )
    found |= grow.grown_leaves(
      own, like, network.growing, place, is_moments=section == 'opt_state'
    )
  return checkpoint.fill(state, found)


def _saved_leaves(
  config: ml_collections.ConfigDict, before: Kept
) -> dict[str, np.ndarray]:
  """The arrays of the state that is served.

  Raises:
    ValueError: there is none, or it is of other settings or content.
  """
  folder = runs.split_directory(workdir.state_of(config), before.split)
  place = os.path.join(folder, 'checkpoints')

  def check(found: checkpoint.Checkpoint) -> None:
    checkpoint.refuse_other_config(
      found.config, config.to_dict(), identity.LEARNED, place, identity.ABSENT
    )
    if found.config['catalogue']['fingerprint'] != before.fingerprint:
      raise ValueError(
        f'{place} was trained on other features or topics than this machine '
        'finds in the same log; right: the folder of computed content that '
        'the training had (data.cache_dir)'
      )

  return checkpoint.load_leaves(place, check).state
