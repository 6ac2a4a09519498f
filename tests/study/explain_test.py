"""Pages of reasons, from a checkpoint: true to the lists and to the history."""

import re

import numpy as np
import pytest
import worlds
from saved_runs import Saved

from dynrec_jax.data.histories import Histories
from dynrec_jax.study import explain, recommend

pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(scope='module')
def saved(tiny_settings, tmp_path_factory, quick_compile):
  del quick_compile
  return Saved(tiny_settings, tmp_path_factory.mktemp('explain'))


@pytest.fixture
def told(monkeypatch):
  """What pages are made of."""
  made = []
  render = explain.explanation.render

  def keep(title, subtitle, explanations, notes=()):
    made.append(explanations)
    return render(title, subtitle, explanations, notes)

  monkeypatch.setattr(explain.explanation, 'render', keep)
  return made


def explained(saved, told, **changes):
  """The path, and what the page is made of."""
  config = saved.config(**changes)
  path = explain.explain(config, saved.study.prepared)
  return path, told[-1]


def test_it_shows_the_lists_of_recommend(saved, told):
  users = ('u41', 'u7')
  path, found = explained(saved, told, recommend__users=users)
  assert path == str(saved.folder / 'run' / explain.FILE)
  assert [of.user for of in found] == list(users)
  rows = saved.lists('lists', recommend__users=users)
  for row, of in zip(rows, found, strict=True):
    assert [video.id for video in of.videos] == row['videos']
    scores = [video.score for video in of.videos]
    assert scores == pytest.approx(row['scores'], abs=1e-5)
  with open(path) as file:
    page = file.read()
  assert all(f'>User {user}</h2>' in page for user in users)


def test_history_and_interest_are_the_user_s_own(saved, told):
  _, (of,) = explained(saved, told, recommend__users=('u7',))
  past = [(video, time) for u, video, time in worlds.watches() if u == 7]
  titles = saved.study.prepared.records.videos
  by_id = dict(zip(titles.id.tolist(), titles.title.tolist(), strict=True))
  wanted = [by_id[f'v{video}'] for video, _ in sorted(past, key=lambda x: x[1])]
  shown = [event for session in of.sessions for event in session.events]
  assert sorted(shown) == sorted(title for title in wanted)
  numbers = [
    int(re.match('session ([0-9]+): ', session.name)[1])
    for session in of.sessions
  ]
  assert numbers == sorted(set(numbers))
  interest = saved.plain.interest(7, 12)
  order = np.argsort(-interest)
  assert of.topics[0][1] == pytest.approx(
    interest[order[0]] / interest.sum(), abs=1e-4
  )
  assert of.topics[0][0].startswith(f'{order[0]}: ')


def test_a_reason_is_how_far_the_score_falls_without_it(
  saved, told, monkeypatch
):
  """The list's videos are scored again for somebody with one watch less."""
  _, (of,) = explained(saved, told, recommend__users=('u7',))
  assert not of.videos[0].reasons  # all are told as 0.00
  monkeypatch.setattr(explain, '_LEAST', 1e-6)
  _, (of,) = explained(saved, told, recommend__users=('u7',))
  past = [w for w in worlds.watches() if w[0] == 7]
  titles = saved.study.prepared.records.videos
  by_id = dict(zip(titles.id.tolist(), titles.title.tolist(), strict=True))
  reason = of.videos[0].reasons[0]
  less = [
    (f'without{place}', f'v{video}', time)
    for place, (_, dropped, _) in enumerate(past)
    for _, video, time in past
    if video != dropped and by_id[f'v{dropped}'] == reason.event
  ]
  path = saved.history('less', less)
  config = saved.config(recommend__history=path)
  asked = recommend.ask(config, saved.study.prepared)
  row_of = {video: row for row, video in enumerate(titles.id.tolist())}
  ids = np.array([[row_of[video.id] for video in of.videos]])
  ids = np.repeat(ids, len(asked.ids), axis=0)
  parts = saved.study.parts.predictor.score_parts(
    saved.params, asked.queries, ids
  )
  without = sum(parts.values())[:, 0]
  whole = sum(of.videos[0].parts.values())
  changes = whole - without
  assert np.min(np.abs(changes - reason.change)) < 1e-4
  strengths = [reason.change for reason in of.videos[0].reasons]
  assert strengths == sorted(strengths, reverse=True)
  assert min(strengths) > 0


def test_the_first_few_where_nobody_is_named(saved, told, caplog):
  caplog.set_level('INFO')
  _, found = explained(saved, told)
  assert [of.user for of in found] == [f'u{i}' for i in range(10)]
  assert 'the first 10 of 60 users are explained' in caplog.text


def test_somebody_new_without_a_past_that_is_known(saved, told):
  """Of whom nothing is in the catalogue: no reason, no interest, a list."""
  rows = [('new', 'v3', worlds.START + 5), ('new', 'v4', worlds.START - 5)]
  path = saved.history('new', rows)
  _, (of,) = explained(saved, told, recommend__history=path)
  assert of.user == 'new'
  assert of.sessions[0].name == 'before the first session'
  assert len(of.videos) == 5


def test_one_behaviour_is_left_out_of_each_query(saved):
  queries = worlds.make_queries(saved.study, [7], 9)
  count = len(queries.watches.item)
  places = np.array([0, count - 1])
  found = explain.without_each(queries, places, of_watches=True)
  for row, place in enumerate(places):
    kept = np.delete(queries.watches.item, place)
    np.testing.assert_array_equal(found.watches.items_of(row), kept)
    np.testing.assert_array_equal(found.behaviours.items_of(row), kept)
  assert found.users.tolist() == [7, 7]
  only = found.behaviours.offsets.tolist()
  assert only == [0, count - 1, 2 * (count - 1)]
  texts = np.array([f'tweet {i}' for i in range(count)], object)
  told = queries._replace(texts=texts)
  found = explain.without_each(told, places, of_watches=False)
  assert found.texts.tolist() == [*texts[1:], *texts[:-1]]
  assert isinstance(found.watches, Histories)
  assert found.watches.items_of(1).tolist() == queries.watches.item.tolist()
