"""A simulated year of two networks: videos watched on one, tweets on another.

The data behind the paper were never published. This world has their sizes and
their raw form, and mechanisms that can be switched off one by one, so that a
claim about a mechanism can be put to the test: "under assumptions X the order
appears, or does not". It says nothing about any real network.

The generator shares no form with the model: interest moves by mean reversion
and sudden switches (no exponential weights of the past), watches follow
planted mixtures (no learned rows, no recurrence), and a trend fades by a power
law. It was calibrated to facts of the data alone (counts, watches per user,
sizes of the ground truth, popularity), before any recommender ran on it.

Changes to generator, settings or seeds after that, with the reason:
  (none)
"""

from dynrec_jax.sources.simulation.world import (
  DEFAULT_SEED,
  KNOCK_OUTS,
  MECHANISMS,
  PRESETS,
  WorldConfig,
  world_from_name,
)
from dynrec_jax.sources.simulation.year import (
  Authors,
  Latents,
  check_seed,
  simulate_authors,
  simulate_latents,
  simulate_videos,
)

__all__ = [
  'DEFAULT_SEED',
  'KNOCK_OUTS',
  'MECHANISMS',
  'PRESETS',
  'Authors',
  'Latents',
  'WorldConfig',
  'check_seed',
  'simulate_authors',
  'simulate_latents',
  'simulate_videos',
  'world_from_name',
]
