"""Figure 4: the rule against a loop, and what the pictures show."""

import io
import warnings

import numpy as np
import pytest
from matplotlib import image

from dynrec_jax.report import figures, user_story
from dynrec_jax.report.stories import Story

TITLES = {'a': 'The $5 & $10 film', 'b': '', 'c': 'Long ' * 30, 'd': 'x\ny'}
WORDS = [['sea', 'ship', 'sail', 'sun'], ['war', 'gun'], ['$a', 'b$'], []]


def story(user, behaviours, topics, truth=('a',)):
  return Story(user, [], behaviours, topics, topics, list(truth))


def random_stories(seed, count=40):
  rng = np.random.default_rng(seed)
  out = []
  for number in range(count):
    sessions = int(rng.integers(2, 10))
    behaviours = rng.poisson(2.5, sessions)
    topics = []
    for amount in behaviours:
      shares = rng.dirichlet(np.full(5, 0.3)).round(3)
      named = {t: float(s) for t, s in enumerate(shares[:4]) if s}
      topics.append(named if amount else {})
    out.append(story(f'u{number}', behaviours.tolist(), topics))
  return out


def shift_by_loop(found):
  """Topics 0 to 3 and the rest, dense, behaviour by behaviour."""
  middle = len(found.behaviours) // 2
  halves = []
  for sessions in (
    range(middle),
    range(middle, len(found.behaviours)),
  ):
    rows = []
    for session in sessions:
      for _ in range(found.behaviours[session]):
        dense = [found.topics[session].get(t, 0.0) for t in range(4)]
        rows.append([*dense, 1 - sum(dense)])
    halves.append(np.mean(rows, axis=0))
  return 0.5 * np.abs(halves[0] - halves[1]).sum()


def may_be_chosen(found):
  middle = len(found.behaviours) // 2
  early, late = found.behaviours[:middle], found.behaviours[middle:]
  active = len([c for c in found.behaviours if c])
  return (
    sum(early) + sum(late) >= 10
    and sum(early) >= 5
    and sum(late) >= 5
    and active >= len(found.behaviours) / 2
  )


class TestRule:
  @pytest.mark.parametrize('seed', range(3))
  def test_against_a_loop(self, seed):
    found = random_stories(seed)
    eligible = [s for s in found if may_be_chosen(s)]
    assert 2 < len(eligible) < len(found)
    for s in eligible:
      assert user_story.shift(s) == pytest.approx(shift_by_loop(s))
    want = sorted(eligible, key=shift_by_loop)[::-1][:3]
    assert user_story.choose(found, 3) == want

  def test_by_hand(self):
    turned = story('t', [5, 5], [{0: 1.0}, {1: 1.0}])
    half = story('h', [6, 6], [{0: 1.0}, {0: 0.5, 1: 0.5}])
    stays = story('s', [9, 9], [{0: 0.6}, {0: 0.6}])
    assert user_story.shift(turned) == pytest.approx(1)
    assert user_story.shift(half) == pytest.approx(0.5)
    assert user_story.shift(stays) == pytest.approx(0)
    assert user_story.choose([stays, half, turned]) == [turned, half]

  def test_a_session_counts_by_its_behaviours(self):
    found = story('x', [1, 9, 10], [{0: 1.0}, {1: 1.0}, {1: 1.0}])
    # One session before the middle: early is topic 0, late is topic 1.
    assert user_story.shift(found) == pytest.approx(1)
    found = story('x', [1, 9, 5, 5], [{0: 1.0}, {1: 1.0}, {1: 1.0}, {1: 1.0}])
    assert user_story.shift(found) == pytest.approx(0.1)

  @pytest.mark.parametrize(
    'behaviours', [[5, 4], [9, 1], [0, 20], [5, 0, 0, 0, 0, 5], [20]]
  )
  def test_who_did_too_little(self, behaviours):
    topics = [{0: 1.0} if count else {} for count in behaviours]
    assert user_story.choose([story('x', behaviours, topics)]) == []

  def test_ties_by_id_and_lists_are_not_read(self):
    same = [story(u, [5, 5], [{0: 1.0}, {1: 1.0}]) for u in 'cab']
    same[0] = same[0]._replace(truth=['a', 'b', 'c'])
    assert [s.user for s in user_story.choose(same)] == ['a', 'b']
    assert user_story.choose([]) == []


def test_top_topics():
  found = story('x', [1, 9], [{5: 1.0}, {2: 0.5, 7: 0.5}])
  assert user_story.top_topics(found, 2) == [2, 7]
  assert user_story.top_topics(found, 9) == [2, 7, 5]


CHOSEN = [
  story('u1', [5, 0, 5], [{0: 0.7, 1: 0.3}, {}, {2: 1.0}], 'ac'),
  story('u2', [6, 6, 6], [{3: 0.9}, {1: 0.2}, {1: 1.0}], 'b'),
]
LISTS = {
  'dynrec': {'u1': ['a', 'b', 'c', 'd'], 'u2': ['b', 'd', 'a']},
  'Static-DNN': {'u1': ['d', 'b', 'a'], 'u2': ['a', 'c']},
}


def texts(figure):
  return [t.get_text() for axes in figure.axes for t in axes.texts]


class TestFigure:
  def test_hits_are_red_and_misses_green(self):
    figure = user_story.plot_stories(CHOSEN, LISTS, TITLES, WORDS)
    colors = {'hit': (198, 40, 40), 'miss': (46, 125, 50)}
    told = []
    for axes in figure.axes:
      for box, text in zip(axes.patches, axes.texts, strict=False):
        verdict = text.get_text().rsplit('\n')[-1]
        color = np.round(255 * np.array(box.get_edgecolor()[:3])).tolist()
        assert color == list(colors[verdict])
        told.append(verdict)
    # u1: a and c of dynrec, a of Static-DNN; u2: b, then neither a nor c.
    hits = ['hit', 'miss', 'hit', 'miss', 'miss', 'hit']
    assert told == [*hits, 'hit', 'miss', 'miss', 'miss', 'miss']

  def test_three_titles_of_each_and_ids_where_there_is_none(self):
    figure = user_story.plot_stories(CHOSEN[:1], LISTS, TITLES, WORDS)
    shown = texts(figure)
    assert len(shown) == 6
    assert shown[0] == 'The $5 & $10 film\nhit'
    assert shown[1] == 'b\nmiss'
    assert shown[2].startswith('Long Long')
    assert shown[2].count('\n') == 2
    assert shown[3] == 'x y\nmiss'

  def test_bars_are_shares_and_reach_one(self):
    figure = user_story.plot_stories(CHOSEN[:1], {}, TITLES, WORDS)
    (axes,) = figure.axes
    heights = np.array([[b.get_height() for b in c] for c in axes.containers])
    np.testing.assert_allclose(heights.sum(0), [1, 0, 1], atol=1e-9)
    names = [t.get_text() for t in axes.get_legend().get_texts()]
    assert names == [
      '2: $a b$',
      '0: sea ship sail',
      '1: war gun',
      'other topics',
    ]
    np.testing.assert_allclose(heights[1], [0.7, 0, 0], atol=1e-9)

  def test_without_words(self):
    figure = user_story.plot_stories(CHOSEN[:1], {}, TITLES, ())
    names = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert names == ['topic 2', 'topic 0', 'topic 1', 'other topics']

  def test_what_is_missing_is_left_out(self):
    one = {'dynrec': LISTS['dynrec']}
    figure = user_story.plot_stories(CHOSEN, one, TITLES, WORDS)
    assert len(figure.axes) == 4
    figure = user_story.plot_stories(CHOSEN[:1], {'KNN': {}}, {}, WORDS)
    assert texts(figure) == ['no list']

  def test_nobody(self):
    with pytest.raises(ValueError, match='chosen is empty; right: at least'):
      user_story.plot_stories([], LISTS, TITLES, WORDS)


def test_png_and_pdf():
  made = []
  for _ in range(2):
    figure = user_story.plot_stories(CHOSEN, LISTS, TITLES, WORDS)
    with warnings.catch_warnings():
      warnings.simplefilter('error')
      made.append((figures.png(figure), figures.pdf(figure)))
  picture = image.imread(io.BytesIO(made[0][0]))
  assert (picture[..., :3] < 0.99).any(-1).mean() > 0.05
  assert made[0][1].startswith(b'%PDF')
  assert made[0] == made[1]  # no date, no chance
