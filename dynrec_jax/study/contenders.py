"""The methods of a study, each with its own config, parts and folder."""

from typing import NamedTuple

import ml_collections

from dynrec_jax.recommender import CannotFit
from dynrec_jax.study import method_config, methods
from dynrec_jax.study.method_config import Tuned
from dynrec_jax.study.parts import Parts, make_parts
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split


class Contender(NamedTuple):
  """A method of a study.

  Attributes:
    name: one of `methods.METHODS`.
    config: its own, see `method_config`.
    parts: with its network; of a method that is none, the study's.
    cannot: what the data lack for its network, '' if nothing.
  """

  name: str
  config: ml_collections.ConfigDict
  parts: Parts
  cannot: str = ''

  @property
  def is_network(self) -> bool:
    """Whether the training loop fits it, as far as the data let it."""
    return methods.is_network(self.name) and not self.cannot

  def folder(self, this: Split) -> Split:
    """A split with the method's folder in it; the model's is the split's."""
    if self.name == 'model':
      return this
    return this.below('networks', self.name)


def make_contenders(
  config: ml_collections.ConfigDict, prepared: Prepared, tuned: Tuned
) -> list[Contender]:
  """The methods that the config names, in the tables' order.

  Args:
    config: of the run.
    prepared: the study.
    tuned: what was chosen for some of the methods.
  """
  shared = make_parts(config, prepared)
  return [
    make_contender(config, shared, name, tuned)
    for name in methods.chosen(config)
  ]


def make_contender(
  config: ml_collections.ConfigDict, shared: Parts, name: str, tuned: Tuned
) -> Contender:
  """One of them; features are shared, networks are their own."""
  own = method_config.of_method(config, name, tuned)
  if not methods.is_network(name):
    return Contender(name, own, shared)
  try:
    parts = make_parts(own, shared.prepared, shared)
  except CannotFit as error:
    return Contender(name, own, shared, str(error))
  return Contender(name, own, parts)
