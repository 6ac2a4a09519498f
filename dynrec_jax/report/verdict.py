"""What a table says of the model, in one sentence a mode."""

from collections.abc import Mapping, Sequence

import numpy as np

from dynrec_jax.report import bootstrap, pooled
from dynrec_jax.report.user_lists import UserLists


def verdict(
  lists: Mapping[tuple[str, str], Sequence[UserLists]],
  *,
  k: int,
  labels: Mapping[str, str],
  model: str = 'model',
) -> str:
  """Whether the model wins, and whether its interval says so.

  F is that of the pooled means, the interval that of the paired difference to
  the best other method, see `bootstrap`.

  Args:
    lists: (mode, method) -> the lists of each split, of the same users.
    k: length of the lists.
    labels: how each method is called.
    model: the method that the sentences are about.

  Returns:
    A sentence for each mode in which the model has another method beside it
    and somebody has a truth; '' of none.
  """
  sentences = []
  for mode in dict.fromkeys(mode for mode, _ in lists):
    names = [name for its_mode, name in lists if its_mode == mode]
    rows = [lists[mode, name] for name in names]
    truth = [(split.truth > 0).any() for split in rows[0]]
    if model in names and len(names) > 1 and any(truth):
      sentences.append(_sentence(mode, names, rows, k, labels, model))
  return ' '.join(sentences)


def _sentence(mode, names, rows, k, labels, model):
  """One mode's, of rows of lists with a truth."""
  sample = pooled.pool(rows, k)
  means = (of.mean(axis=1) for of in (sample.precision, sample.recall))
  f = bootstrap.f_score(*means)
  place = names.index(model)
  best = max(
    (other for other in range(len(names)) if other != place), key=f.__getitem__
  )
  pair = [place, best]
  drawn = bootstrap.resampled_f(
    sample.users, sample.precision[pair], sample.recall[pair]
  )
  low, high = bootstrap.interval(drawn[0] - drawn[1])
  difference = f[place] - f[best]
  rank = 1 + int(np.sum(np.delete(f, place) > f[place]))
  won = 'wins' if low > 0 else 'loses' if high < 0 else 'is undecided'
  return (
    f'In {mode} mode {labels.get(model, model)} is number {rank} of '
    f'{len(names)}; against the best other, '
    f'{labels.get(names[best], names[best])}, it {won}: F '
    f'{difference:+.4f}, 95 % interval [{low:+.4f}, {high:+.4f}].'
  )
