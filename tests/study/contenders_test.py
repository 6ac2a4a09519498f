"""The methods of a study: own configs and networks, one copy of features."""

import os

from dynrec_jax.study import contenders, methods
from dynrec_jax.study.methods import Method


def test_a_network_has_its_own_parts_and_folder(study, monkeypatch):
  found = dict(methods.METHODS) | {
    'wide': Method('Wide', ('single',), 'model', {'model.D_h': 16}),
    'elsewhere': Method('Elsewhere', ('cross',)),
  }
  monkeypatch.setattr(methods, 'METHODS', found)
  config = study.config.copy_and_resolve_references()
  config.eval.methods = ()
  tuned = {'wide': {'opt.learning_rate': 0.5}}
  made = contenders.make_contenders(config, study.prepared, tuned)
  names = [of.name for of in made]
  assert 'elsewhere' not in names
  assert {'random', 'model', 'wide'} <= set(names)
  by_name = {of.name: of for of in made}
  wide, model = by_name['wide'], by_name['model']
  assert wide.is_network
  assert not by_name['random'].is_network
  assert wide.parts.network.theta.hidden_size == 16
  assert model.parts.network.theta.hidden_size == config.model.D_h
  assert wide.parts.features is model.parts.features
  assert (wide.config.opt.learning_rate, model.config.opt.learning_rate) == (
    0.5,
    config.opt.learning_rate,
  )
  this = study.split
  assert model.folder(this) == this
  assert wide.folder(this).checkpoints == os.path.join(
    this.directory, 'networks', 'wide', 'checkpoints'
  )
