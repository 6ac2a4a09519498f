"""Configs that differ where they must not are named, key by key."""

import pytest

from dynrec_jax.checkpoint import same_config

SAVED = {'model': {'hidden': 4, 'gru': {'bias': False}}, 'loss': {'margin': 1}}


def test_selects_sections_and_dotted_keys():
  config = {**SAVED, 'model_size': 7, 'empty': {}}
  assert same_config.select(config, ['model', 'loss.margin', 'empty']) == {
    'model.hidden': 4,
    'model.gru.bias': False,
    'loss.margin': 1,
    'empty': {},
  }
  assert same_config.select(config, ['model.gru']) == {'model.gru.bias': False}
  assert same_config.select(config, ['mod']) == {}


def test_what_is_not_asked_for_may_differ():
  current = {'model': SAVED['model'], 'loss': {'margin': 2}, 'new': 3}
  same_config.refuse_other_config(SAVED, current, ['model'], 'step 1')


def test_names_every_difference_with_both_values():
  current = {'model': {'hidden': 8, 'gru': {'norm': 'l2'}}, 'loss': {}}
  with pytest.raises(ValueError, match='step 1 in run was made') as caught:
    same_config.refuse_other_config(
      SAVED, current, ['model', 'loss'], 'step 1 in run'
    )
  for line in (
    'model.hidden: saved 4, now 8',
    'model.gru.bias: saved false, now nothing',
    'model.gru.norm: saved nothing, now "l2"',
    'loss.margin: saved 1, now nothing',
  ):
    assert line in str(caught.value)


def test_a_young_key_may_be_absent_on_either_side():
  """It then says what it is told to say; keys not asked for say nothing."""
  young = {'model.new': 5, 'other.new': 1}
  told = {**SAVED, 'model': {**SAVED['model'], 'new': 5}}
  for pair in ((SAVED, told), (told, SAVED), (SAVED, SAVED)):
    same_config.refuse_other_config(*pair, ['model'], 'step 1', young)
  other = {**SAVED, 'model': {**SAVED['model'], 'new': 6}}
  with pytest.raises(ValueError, match=r'model\.new: saved 5, now 6') as caught:
    same_config.refuse_other_config(SAVED, other, ['model'], 'step 1', young)
  assert 'other.new' not in str(caught.value)
  with pytest.raises(ValueError, match=r'model\.new: saved 6, now 5'):
    same_config.refuse_other_config(other, SAVED, ['model'], 'step 1', young)
