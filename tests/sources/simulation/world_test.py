"""Settings of a simulated world: names, strengths, refusals."""

import dataclasses
import re

import pytest
from absl.testing import absltest, parameterized

from dynrec_jax.sources import simulation
from dynrec_jax.sources.simulation import world as world_lib
from dynrec_jax.sources.simulation.streams import scaled_probability


class NamesTest(parameterized.TestCase):
  @parameterized.parameters('tiny', 'small', 'paper')
  def test_preset_has_every_mechanism_at_one(self, name):
    world = simulation.world_from_name(name)
    self.assertEqual(set(world.strengths()), set(simulation.MECHANISMS))
    self.assertEqual(set(world.strengths().values()), {1.0})

  @parameterized.parameters(*simulation.KNOCK_OUTS)
  def test_knock_out_changes_one_strength_alone(self, knock_out):
    world = simulation.world_from_name(f'small:{knock_out}')
    strengths = world.strengths()
    self.assertEqual(strengths.pop(knock_out.removeprefix('no_')), 0.0)
    self.assertEqual(set(strengths.values()), {1.0})
    plain = world.with_strengths(**{knock_out.removeprefix('no_'): 1.0})
    self.assertEqual(
      dataclasses.replace(plain, name='small'),
      simulation.world_from_name('small'),
    )

  def test_list_of_changes(self):
    world = simulation.world_from_name('tiny:no_trends,drift=0.5')
    self.assertEqual(world.trends.strength, 0.0)
    self.assertEqual(world.drift.strength, 0.5)
    self.assertEqual(world.affinity.strength, 1.0)

  @parameterized.parameters(
    ('huge', "unknown preset 'huge'.*tiny, small, paper"),
    ('small:no_gravity', "unknown change 'no_gravity'.*no_drift"),
    ('small:drift=much', "strength 'much'.*not a number"),
    ('small:drift=-1', 'drift.strength is -1.0; expected 0 or more'),
    ('small:drift=nan', 'drift.strength is nan; expected a finite number'),
    ('small:drift=inf', 'drift.strength is inf; expected a finite number'),
  )
  def test_bad_name_is_refused(self, name, message):
    with self.assertRaisesRegex(ValueError, message):
      simulation.world_from_name(name)

  def test_unknown_mechanism_is_refused(self):
    with self.assertRaisesRegex(ValueError, "unknown mechanism 'gravity'"):
      simulation.world_from_name('tiny').with_strengths(gravity=1.0)


class ValidationTest(parameterized.TestCase):
  @parameterized.parameters(
    ('chatter', {'share': 1.0}, 'chatter.share is 1.0; expected a share'),
    ('trends', {'fade_days': (9.0, 3.0)}, 'trends.fade_days is .9.0, 3.0.'),
    ('visual', {'size': 7}, 'visual.size is 7; expected even'),
    ('visual', {'hidden': 0}, 'visual.hidden is 0; expected at least 1'),
    ('communities', {'count': 1}, 'communities.count is 1; expected at least'),
    ('communities', {'list_size': 10_000}, 'expected at least 10001'),
  )
  def test_bad_block(self, block, change, message):
    world = simulation.world_from_name('tiny')
    changed = dataclasses.replace(getattr(world, block), **change)
    with self.assertRaisesRegex(ValueError, message):
      dataclasses.replace(world, **{block: changed})

  @parameterized.parameters(
    ({'populations': ()}, 'populations is empty'),
    ({'old_share': 1.5}, 'old_share is 1.5'),
    ({'categories': 16}, 'categories is 16; expected 1 to 15'),
    ({'growth': float('nan')}, 'growth is nan'),
    ({'season': 0.0}, 'season is 0.0; expected more than 0'),
    ({'most_watches': 0}, 'most_watches is 0; expected at least 1'),
  )
  def test_bad_world(self, change, message):
    with self.assertRaisesRegex(ValueError, message):
      dataclasses.replace(simulation.world_from_name('tiny'), **change)


def test_blocks_are_the_mechanisms():
  fields = {field.name for field in dataclasses.fields(world_lib.WorldConfig)}
  assert set(simulation.MECHANISMS) < fields
  for name in simulation.MECHANISMS:
    block = getattr(simulation.world_from_name('tiny'), name)
    assert re.search(r'\(0: ', type(block).__doc__) or name == 'visual_signal'


@pytest.mark.parametrize('strength', [0.0, 0.5, 1.0, 1.5, 2.0, 7.0])
def test_scaled_probability(strength):
  got = scaled_probability(0.3, strength)
  # The chance that not all of `strength` tries fail, by hand at whole numbers.
  by_hand = {0.0: 0.0, 1.0: 0.3, 2.0: 0.51}
  assert 0 <= got < 1
  if strength in by_hand:
    assert abs(got - by_hand[strength]) < 1e-12


if __name__ == '__main__':
  absltest.main()
