"""The table of a search for the weights of Eq (9), and what it chose."""

from collections.abc import Mapping, Sequence

import numpy as np

from dynrec_jax.losses import LossWeights
from dynrec_jax.report import table


def as_markdown(
  rows: Sequence[tuple[LossWeights, Sequence[Mapping[str, float]]]], *, k: int
) -> str:
  """The points as a table, mean ± sample standard deviation over folds.

  Args:
    rows: each point with its folds' scores, the chosen point first.
    k: length of the lists.

  Returns:
    The table, and the chosen weights as flags of the command line.
  """
  heads = [*LossWeights._fields, *table.headings(k), 'users per fold', 'folds']
  lines = [f'| {" | ".join(heads)} |', '|---' * len(heads) + '|']
  for point, scores in rows:
    values = {
      name: np.array([fold[name] for fold in scores])
      for name in (*table.MEASURES, 'users')
    }
    cells = [f'{weight}' for weight in point]
    cells += [table.spread(values[name]) for name in table.MEASURES]
    cells += [f'{np.mean(values["users"]):.0f}', str(len(scores))]
    lines.append(f'| {" | ".join(cells)} |')
  best, _ = rows[0]
  flags = [
    f'--config.loss.{name}_weight={weight}'
    for name, weight in best._asdict().items()
  ]
  return '\n'.join([*lines, '', f'chosen: {" ".join(flags)}'])
