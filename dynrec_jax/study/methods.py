"""The methods that a study compares, by name: the model and the baselines."""

import ml_collections

from dynrec_jax.baselines import popularity, random
from dynrec_jax.recommender import Recommender, Seen
from dynrec_jax.study.naming import naming

# As results name them, in the order of the tables, and as a reader does.
NAMES = {
  'random': 'Random',
  'popularity': 'Popularity',
  'model': 'dynrec',
}


@naming(source='pop.source')
def fit(
  name: str,
  config: ml_collections.ConfigDict,
  seen: Seen,
  model: Recommender,
) -> Recommender:
  """A method, fitted on what may be seen.

  Args:
    name: one of NAMES.
    config: of the run.
    seen: what may be read.
    model: the trained network.

  Returns:
    The recommender.

  Raises:
    ValueError: for an unknown name, or data that the method cannot use.
  """
  match name:
    case 'random':
      return random.fit(seen)
    case 'popularity':
      return popularity.fit(seen, popularity.Settings(config.pop.source))
    case 'model':
      return model
    case _:
      raise ValueError(f'no method {name!r}; valid are {", ".join(NAMES)}')
