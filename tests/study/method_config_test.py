"""A method's config: the run's, what was tuned, what makes it a variant."""

from configs import default
from dynrec_jax.study import method_config, methods
from dynrec_jax.study.methods import Method


def test_a_variant_s_changes_stand_above_what_was_tuned(monkeypatch):
  variant = Method('x', ('single',), 'model', {'loss.relevance_weight': 0.0})
  monkeypatch.setattr(methods, 'METHODS', {'x': variant, 'model': variant})
  config = default.get_config()
  before = config.to_dict()
  tuned = {'x': {'opt.learning_rate': 0.5, 'loss.relevance_weight': 0.7}}
  found = method_config.of_method(config, 'x', tuned)
  assert found.opt.learning_rate == 0.5
  assert found.loss.relevance_weight == 0.0
  assert method_config.of_method(config, 'model', tuned).opt.learning_rate == (
    config.opt.learning_rate
  )
  found.seed = 9
  assert config.to_dict() == before
