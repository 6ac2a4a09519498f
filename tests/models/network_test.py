"""Parameters that steps change, and those that they leave alone."""

from typing import NamedTuple

import numpy as np
import pytest

from dynrec_jax.models import network


class Named(NamedTuple):
  frozen: frozenset = frozenset()


PARAMS = {'b': np.ones(2), 'counts': np.arange(3), 'a': {'counts': 5}}


def test_frozen_parameters_are_told_by_their_top_level_name():
  learned, frozen = network.split_params(Named(frozenset(['counts'])), PARAMS)
  assert set(learned) == {'a', 'b'}
  assert learned['a'] is PARAMS['a']
  assert set(frozen) == {'counts'}
  assert frozen['counts'] is PARAMS['counts']
  assert network.join_params(learned, frozen) == PARAMS


def test_without_any_the_parameters_are_what_they_are():
  """Of any kind, a dictionary or not."""
  params = (1, 2)
  learned, frozen = network.split_params(Named(), params)
  assert learned is params
  assert network.join_params(learned, frozen) is params


def test_a_name_that_is_none_is_an_error():
  with pytest.raises(KeyError, match='count'):
    network.split_params(Named(frozenset(['count'])), PARAMS)
