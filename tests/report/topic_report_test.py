"""The topic report: tables by hand, plots that show what they should."""

import numpy as np
import pytest
from matplotlib import image

from dynrec_jax.report import topic_report
from dynrec_jax.topics.choose_count import CountChoice, Trial

TRIALS = (
  Trial(10, 912.34, 31, 1.25),
  Trial(20, 800.06, 22, 2.0),
  Trial(30, 801.0, 18, 3.0),
)
CHOICE = CountChoice(TRIALS, TRIALS[1])
WORDS = np.array([['sea', 'ship', ''], ['war', 'a|b', 'gun'], ['', '', '']])
SHARES = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.1, 0.6, 0.3]])


def test_shares_of_sessions():
  topics = np.array([[0.5, 0.5], [1, 0], [0, 0], [0, 1], [0, 0]], np.float32)
  session = np.array([0, 0, 0, 2, 1])
  shares = topic_report.session_shares(topics, session, session_count=4)
  np.testing.assert_allclose(shares, [[0.75, 0.25], [0, 0], [0, 1], [0, 0]])


@pytest.mark.parametrize('wrong', [-1, 4])
def test_a_session_out_of_range(wrong):
  with pytest.raises(ValueError, match=f'behaviour 1 is of session {wrong}'):
    topic_report.session_shares(
      np.ones((2, 3)), np.array([0, wrong]), session_count=4
    )


def test_table_of_counts():
  assert topic_report.count_table(*CHOICE) == '\n'.join(
    [
      '| K | perplexity | sweeps | seconds |',
      '|---|---|---|---|',
      '| 10 | 912.3 | 31 | 1.2 |',
      '| **20** | 800.1 | 22 | 2.0 |',
      '| 30 | 801.0 | 18 | 3.0 |',
    ]
  )


def test_table_of_topics():
  assert topic_report.topic_table(WORDS, SHARES) == '\n'.join(
    [
      '| topic | mean share | peak | first -> last | words |',
      '|---|---|---|---|---|',
      '| 1 | 55.0% | 60.0% in 3 | 50.0% -> 60.0% | war a\\|b gun |',
      '| 0 | 30.0% | 50.0% in 1 | 50.0% -> 10.0% | sea ship |',
      '| 2 | 15.0% | 30.0% in 3 | 0.0% -> 30.0% |  |',
    ]
  )


def test_table_without_behaviours():
  table = topic_report.topic_table(WORDS, np.zeros((2, 3)))
  assert table.splitlines()[2] == '| 0 | 0.0% |  |  | sea ship |'


def inked(path):
  """How much of the picture is not white."""
  picture = image.imread(path)
  assert picture.ndim == 3
  return (picture[..., :3] < 0.99).any(-1)


def test_plot_of_counts(tmp_path):
  path, other = tmp_path / 'a.png', tmp_path / 'b.png'
  topic_report.plot_counts(str(path), *CHOICE)
  assert inked(path).mean() > 0.005
  topic_report.plot_counts(str(other), TRIALS[::-1], CHOICE.chosen)
  assert path.read_bytes() == other.read_bytes()  # in order of K
  topic_report.plot_counts(str(other), TRIALS, TRIALS[0])
  assert path.read_bytes() != other.read_bytes()


def test_plot_of_shares(tmp_path):
  path, other = tmp_path / 'a.png', tmp_path / 'b.png'
  settings = {'topic_count': 2, 'title': 'user 7'}
  topic_report.plot_shares(str(path), SHARES, WORDS, **settings)
  full = inked(path).mean()
  half = SHARES.copy()
  half[2] = 0
  topic_report.plot_shares(str(other), half, WORDS, **settings)
  # A session without behaviours leaves its column white.
  assert inked(other).mean() < full - 0.05
  topic_report.plot_shares(str(other), SHARES, WORDS, **settings)
  assert path.read_bytes() == other.read_bytes()
