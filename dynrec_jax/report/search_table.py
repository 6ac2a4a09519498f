"""The table of a search for the weights of Eq (9), and what it chose."""

from collections.abc import Mapping, Sequence

import numpy as np

from dynrec_jax.losses import LossWeights
from dynrec_jax.report import table


def as_markdown(
  rows: Sequence[tuple[LossWeights, Sequence[Mapping[str, float]]]],
  modes: Sequence[str],
  *,
  k: int,
) -> str:
  """The points as a table, mean ± sample standard deviation over folds.

  Args:
    rows: each point with its folds' scores, the chosen point first: 'f_score',
      the mean over the modes, and 'MODE/f_score' and 'MODE/users' of each.
    modes: the borders at which folds are scored.
    k: length of the lists.

  Returns:
    The table, and the chosen weights as flags of the command line.
  """
  heads = [*LossWeights._fields, f'mean F@{k}']
  columns = ['f_score']
  for mode in modes if len(modes) > 1 else ():
    heads.append(f'{mode} F@{k}')
    columns.append(f'{mode}/f_score')
  heads += ['users per fold', 'folds']
  lines = [f'| {" | ".join(heads)} |', '|---' * len(heads) + '|']
  for point, scores in rows:
    cells = [f'{weight}' for weight in point]
    cells += [
      table.spread(np.array([fold[column] for fold in scores]))
      for column in columns
    ]
    users = [fold[f'{mode}/users'] for fold in scores for mode in modes]
    cells += [f'{np.mean(users):.0f}', str(len(scores))]
    lines.append(f'| {" | ".join(cells)} |')
  best, _ = rows[0]
  flags = [
    f'--config.loss.{name}_weight={weight}'
    for name, weight in best._asdict().items()
  ]
  return '\n'.join([*lines, '', f'chosen: {" ".join(flags)}'])
