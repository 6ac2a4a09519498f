"""The table of a search."""

from dynrec_jax.losses import LossWeights
from dynrec_jax.report import search_table


def scores(long, short, users):
  return {
    'f_score': (long + short) / 2,
    'long/f_score': long,
    'short/f_score': short,
    'long/users': users,
    'short/users': users + 2,
  }


def test_table_and_flags():
  rows = [
    # Of 0.1, 0.2, 0.6: mean 0.3, deviations -0.2, -0.1, 0.3, so the variance
    # is 0.14 / 2 and the spread 0.2646.
    (
      LossWeights(0.2, 0.4, 0.6),
      [scores(x, x / 2, n) for x, n in ((0.1, 9), (0.2, 9), (0.6, 12))],
    ),
    (LossWeights(0.8, 0.0, 0.25), [scores(0.01, 0.02, 4)] * 3),
  ]
  assert search_table.as_markdown(
    rows, ['long', 'short'], k=7
  ).splitlines() == [
    '| semantic | interest | relevance | mean F@7 | long F@7 | short F@7 '
    '| users per fold | folds |',
    '|---|---|---|---|---|---|---|---|',
    '| 0.2 | 0.4 | 0.6 | 0.2250 ± 0.1984 | 0.3000 ± 0.2646 '
    '| 0.1500 ± 0.1323 | 11 | 3 |',
    '| 0.8 | 0.0 | 0.25 | 0.0150 ± 0.0000 | 0.0100 ± 0.0000 '
    '| 0.0200 ± 0.0000 | 5 | 3 |',
    '',
    'chosen: --config.loss.semantic_weight=0.2 '
    '--config.loss.interest_weight=0.4 --config.loss.relevance_weight=0.6',
  ]
