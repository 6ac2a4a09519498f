"""What was tried, and what was best."""

from dynrec_jax.report import trial_table


def test_a_row_per_trial_and_the_first_best_in_bold():
  def trial(x, score, cannot=''):
    return {'a.x': x, 'a.y': 'z'}, {'f_score': score, 'cannot': cannot}

  found = {
    'one': [trial(1, 0.25), trial(2, 0.5), trial(3, 0.5)],
    'two': [trial(1, 0.0, 'no tweet')],
  }
  labels = {'one': 'One', 'two': 'Two'}
  assert trial_table.as_markdown(found, k=3, labels=labels).splitlines() == [
    '| method | settings | validation F@3 |',
    '|---|---|---|',
    '| One | a.x=1, a.y=z | 0.2500 |',
    '| One | a.x=2, a.y=z | **0.5000** |',
    '| One | a.x=3, a.y=z | 0.5000 |',
    '| Two | a.x=1, a.y=z | not run: no tweet |',
  ]
