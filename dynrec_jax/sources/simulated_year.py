"""The source `simulated_year`: a year of two networks that nobody lived.

The paper's data were never published. This source needs no download: worlds,
their knock-outs and what they may and may not show are told in
`dynrec_jax.sources.simulation`.
"""

import dataclasses
import os
import pathlib

from dynrec_jax.sources import record_files, simulation
from dynrec_jax.storage import digests


class SimulatedYear(record_files.PartBuilder):
  """One world's year as two record sets, `users` and `videos`.

  Worlds and seeds never share a copy: each has a folder of its own, named
  after all of its settings, below `data_dir`.
  """

  name = 'simulated_year'

  def __init__(
    self,
    *,
    world: str = 'small',
    seed: int = simulation.DEFAULT_SEED,
    data_dir: str | os.PathLike,
    **kwargs,
  ):
    """Takes what every builder does, and which world.

    Args:
      world: as `world_from_name` reads it, for instance 'paper:no_drift'.
      seed: not negative.
      data_dir: where prepared copies go.
      **kwargs: those of `tfds.core.DatasetBuilder`, `config` above all.

    Raises:
      ValueError: a name or seed that does not spell a world.
    """
    self.world = simulation.world_from_name(world)
    self.seed = simulation.check_seed(seed)
    folder = pathlib.Path(data_dir) / world_digest(self.world, self.seed)
    super().__init__(paths={}, data_dir=folder, **kwargs)

  @classmethod
  def folder_of(
    cls,
    *,
    data_dir: pathlib.Path,
    config: str,
    world: str = 'small',
    seed: int = simulation.DEFAULT_SEED,
    **others: object,
  ) -> pathlib.Path:
    """See `PartBuilder`; a world's is below its own folder."""
    digest = world_digest(
      simulation.world_from_name(world), simulation.check_seed(seed)
    )
    folder = pathlib.Path(data_dir) / digest
    return super().folder_of(data_dir=folder, config=config, **others)

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing to fetch
    return {record_files.SPLIT: self._generate_examples()}

  def _generate_examples(self):
    if self.builder_config.name == 'videos':
      videos = simulation.simulate_videos(self.world, self.seed)
      yield from record_files.video_blocks(videos)
    else:
      authors = simulation.simulate_authors(self.world, self.seed)
      yield from record_files.user_blocks(record_files.Users(*authors))


def world_digest(world: simulation.WorldConfig, seed: int) -> str:
  """A short name for a world and a seed: equal settings, equal name.

  The spelling does not count: `small` and `small:drift=1` are one world.
  """
  settings = repr(dataclasses.replace(world, name='')) + f' {seed}'
  return digests.files_digest({'world': digests.joined_sha256(settings)})
