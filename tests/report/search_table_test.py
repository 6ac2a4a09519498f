"""The table of a search."""

from dynrec_jax.losses import LossWeights
from dynrec_jax.report import search_table


def scores(precision, recall, f_score, users):
  return {
    'precision': precision,
    'recall': recall,
    'f_score': f_score,
    'users': users,
  }


def test_table_and_flags():
  rows = [
    # Of 0.1, 0.2, 0.6: mean 0.3, deviations -0.2, -0.1, 0.3, so the variance
    # is 0.14 / 2 and the spread 0.2646.
    (
      LossWeights(0.2, 0.4, 0.6),
      [scores(x, x / 2, x / 4, n) for x, n in ((0.1, 9), (0.2, 9), (0.6, 12))],
    ),
    (LossWeights(0.8, 0.0, 0.25), [scores(0.01, 0.02, 0.03, 4)] * 3),
  ]
  assert search_table.as_markdown(rows, k=7).splitlines() == [
    '| semantic | interest | relevance | P@7 | R@7 | F@7 | users per fold '
    '| folds |',
    '|---|---|---|---|---|---|---|---|',
    '| 0.2 | 0.4 | 0.6 | 0.3000 ± 0.2646 | 0.1500 ± 0.1323 '
    '| 0.0750 ± 0.0661 | 10 | 3 |',
    '| 0.8 | 0.0 | 0.25 | 0.0100 ± 0.0000 | 0.0200 ± 0.0000 '
    '| 0.0300 ± 0.0000 | 4 | 3 |',
    '',
    'chosen: --config.loss.semantic_weight=0.2 '
    '--config.loss.interest_weight=0.4 --config.loss.relevance_weight=0.6',
  ]
