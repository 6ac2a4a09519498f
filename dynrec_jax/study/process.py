"""What a study asks of the process that it runs in."""

import jax
import ml_collections

from dynrec_jax.parallel import host_memory
from dynrec_jax.study import places


def set_up(config: ml_collections.ConfigDict) -> None:
  """Keeps freed memory, and compiled programs for the next run."""
  host_memory.keep_freed_memory()
  jax.config.update('jax_compilation_cache_dir', places.programs_dir(config))
