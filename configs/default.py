"""Every key of a run at its default; other configs change values only.

The keys are declared in `dynrec_jax/study/keys/`; docs/config.md lists them,
with their values, units and what depends on them, docs/decisions.md what codes
such as A9 mean.
"""

import ml_collections

from dynrec_jax.study import keys


def get_config() -> ml_collections.ConfigDict:
  """The paper's single-network setting, without a source of data."""
  return keys.default_config()
