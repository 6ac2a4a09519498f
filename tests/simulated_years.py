"""Whole simulated years, records and the truth behind them, for tests."""

from typing import NamedTuple

from dynrec_jax.data.records import Records
from dynrec_jax.sources.simulation import year
from dynrec_jax.sources.simulation.year import Latents


class Year(NamedTuple):
  records: Records
  latents: Latents


def simulate_year(world, seed):
  """Both from one set of latents, which production makes for each part."""
  latents = year.simulate_latents(world, seed)
  authors = year.describe_authors(world, latents, seed)
  videos = year.describe_videos(world, latents.topics, latents.catalogue, seed)
  records = Records(
    authors.user_ids,
    authors.watches,
    videos,
    authors.tweets,
    authors.profiles,
  )
  return Year(records, latents)
