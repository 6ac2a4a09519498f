"""A simulated year of two networks: videos watched on one, tweets on another.

The data behind the paper were never published. This world has their sizes and
their raw form, and mechanisms that can be switched off one by one, so that a
claim about a mechanism can be put to the test: "under assumptions X the order
appears, or does not". It says nothing about any real network.

What it shares with the model, and what not. Interest moves by mean reversion
and sudden switches, not by exponential weights of the past. A watch is drawn
from a mixture: first a topic, by the user's interest of the day, the
successors of what was just watched or a community's monthly list, then a video
of that topic by its share of it, its quality and its age. There is no learned
row, no recurrence and no softmax of a product of two vectors, which Eq (8) and
FPMC are. A softmax makes interest out of normal numbers, and nothing else. What
is shared: that videos and users have topics, and that what was watched last
tells of the next watch, are mechanisms here and assumptions there; knock-outs
take them away one by one.

It is calibrated to facts of the data: the printed counts, watches per user,
sizes of the ground truth, the shape of the year, and the printed precision of
Popularity and of item KNN over that of Random. Never to LFM, FPMC, MKNN, CB,
SCA, a variant or the model.

Changes to generator, settings or seeds after the first recommender ran on it,
with the reason:
  1. The choice of a video is a mixture. It was a softmax of the product of
     its topics and the user's interest, times one of the product with the
     watch before: that is the form of Eq (8) and of FPMC, against this page.
     `interest.sharpness` and `affinity.weight` went, `affinity.share` came.
  2. A flat tail. The paper prints Popularity at 2 times Random and item KNN at
     25 times (long) and 9 times (short); here Popularity was at 30 times, so
     that nothing personal could show. Quality hardly differs but for videos
     that hardly anyone comes across (`obscure`), every video fades with age
     (`slow_days`), topics are in demand as they are in supply (`balance`), all
     topics follow equally many others, and a list stands for its videos alike.
     Interest is sharper (`spread`) and more one's own (`own_share`).
  3. A list that follows no own taste has the market's, where it had that of a
     random community: whether it is one's own does not depend on chance.
  4. A self-description tells of the interest on the day its user came, where it
     told of the whole year, with what was to be foretold in it.
  These were made before any model ran on the changed world.
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
