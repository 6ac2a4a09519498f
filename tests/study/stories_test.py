"""Stories of tested users: right for known worlds, and nothing of later."""

import json
import math
import pathlib

import numpy as np
import pytest
import worlds

from dynrec_jax.parallel import hosts
from dynrec_jax.report import stories as story_files
from dynrec_jax.study import prepare, splits, stories, training_data

BORDERS = {'long': 9, 'short': 3, 'cross': 9}
FRACTIONS = {'long': 9, 'short': 3, 'cross': 9}


def asked(config, prepared, this, mode):
  return training_data.make_questions(
    config, prepared, this, this.users.test, FRACTIONS[mode]
  )


def written(config, prepared, this, mode, directory):
  this = this._replace(directory=str(directory))
  questions = asked(config, prepared, this, mode)
  stories.write_stories(config, prepared, this, mode, *questions)
  return story_files.read_stories(str(directory), mode)


@pytest.fixture(scope='module')
def cross(tiny_settings, tmp_path_factory):
  """The tiny study of two networks: config, what is prepared, its split."""
  folder = worlds.write_folder(tmp_path_factory.mktemp('cross') / 'folder')
  worlds.write_tweets(folder)
  config = worlds.tiny_config(
    tiny_settings | worlds.CROSS, data__manual_dir=str(folder)
  )
  prepared = prepare.prepare(config)
  return config, prepared, splits.make_split(config, prepared, 0)


@pytest.mark.parametrize('mode', ['long', 'short'])
def test_who_watched_what_in_which_session(study, tmp_path, mode):
  """From the watches that the source holds; a calendar month is a session."""
  found = written(study.config, study.prepared, study.split, mode, tmp_path)
  end = study.prepared.sessions.end(BORDERS[mode])
  kept = set(study.prepared.records.videos.id)
  rows = {}
  for user, video, time in worlds.watches():
    if f'v{video}' in kept:
      rows.setdefault(f'u{user}', []).append((f'v{video}', time))
  ids = study.prepared.records.user_ids[study.split.users.test].tolist()
  later = {u: [v for v, t in rows[u] if t >= end] for u in ids}
  assert [s.user for s in found] == [u for u in ids if later[u]]
  assert len(found) > 4
  for story in found:
    known = [
      (np.datetime64(time, 's').astype('datetime64[M]').astype(int) % 12 + 1, v)
      for v, time in rows[story.user]
      if time < end
    ]
    assert story.history == known
    assert story.truth == later[story.user]
    count = [sum(s == at for s, _ in known) for at in range(1, 13)]
    assert story.behaviours == count[: BORDERS[mode]]
    assert sum(count[BORDERS[mode] :]) == 0


def test_shares_and_interests_follow_from_a_loop(study, tmp_path):
  """Eq (2) at every session's end, and means of the session's topics."""
  config, prepared = study.config, study.prepared
  found = written(config, prepared, study.split, 'long', tmp_path)
  topics = prepared.behaviours.topics.astype(np.float64)
  place = {v: i for i, v in enumerate(prepared.records.videos.id)}
  borders = prepared.sessions.borders
  unit = (borders[-1] - borders[0]) / 12
  times = {(f'u{u}', f'v{v}'): t for u, v, t in worlds.watches()}
  checked = 0
  for story in found:
    for session in range(1, 10):
      total, weight, share = np.zeros(4), 0.0, np.zeros(4)
      for at, video in story.history:
        vector = topics[place[video]]
        if at <= session and vector.any():
          age = (borders[session] - times[story.user, video]) / unit
          total += vector * math.exp(-config.interest.decay * age)
          weight += math.exp(-config.interest.decay * age)
        if at == session:
          share += vector
      for got, want in (
        (story.interest[session - 1], total / max(weight, 1e-9)),
        (story.topics[session - 1], share / max(share.sum(), 1e-9)),
      ):
        dense = [got.get(topic, 0.0) for topic in range(4)]
        np.testing.assert_allclose(dense, want, atol=6e-4)
        checked += bool(got)
  assert checked > 20


def test_nothing_after_n_f_but_the_truth(study, tmp_path):
  """Other watches of later change the truth of a story and nothing else."""
  config, prepared, this = study.config, study.prepared, study.split
  end = prepared.sessions.end(9)
  watches = prepared.watches
  item = np.where(watches.time >= end, (watches.item + 7) % 35, watches.item)
  other = watches._replace(item=item.astype(np.int32))
  changed = prepared._replace(
    watches=other, behaviours=prepared.behaviours._replace(histories=other)
  )
  moved = this._replace(behaviours=other)
  before = written(config, prepared, this, 'long', tmp_path / 'a')
  after = written(config, changed, moved, 'long', tmp_path / 'b')
  after = {story.user: story for story in after}
  common = [s for s in before if s.user in after]
  assert len(common) > 4
  assert any(after[s.user].truth != s.truth for s in common)
  for story in common:
    assert after[story.user]._replace(truth=story.truth) == story


def test_truth_is_what_the_measures_count(study, tmp_path):
  """Different videos, without those known; with them where lists may be."""
  config = study.config.copy_and_resolve_references()
  prepared, this = study.prepared, study.split
  queries, later = asked(config, prepared, this, 'long')
  row = int(np.flatnonzero(np.diff(later.offsets) > 1)[0])
  first = slice(later.offsets[row], later.offsets[row] + 2)
  known = queries.watches.items_of(row)[0]
  item = later.item.copy()
  item[first] = known
  twice = later._replace(item=item)
  user = prepared.records.user_ids[queries.users[row]]
  for mask, more in ((True, []), (False, [f'v{known}'])):
    made = stories.make_stories(
      config, prepared, queries._replace(mask_known=mask), twice
    )
    truth = next((s.truth for s in made if s.user == user), [])
    ids = prepared.records.videos.id
    rest = [ids[i] for i in twice.items_of(row)[2:] if i != known]
    assert truth == [*([ids[known]] if more else []), *rest]


@pytest.mark.slow
def test_of_tweets(cross, tmp_path):
  """No watch is known, and each tweet is one topic."""
  config, prepared, this = cross
  found = written(config, prepared, this, 'cross', tmp_path)
  assert found
  end = prepared.sessions.end(9)
  tweets = {}
  for user, time, _ in worlds.tweets():
    tweets.setdefault(f'u{user}', []).append(time)
  for story in found:
    assert story.history == []
    assert story.truth
    own = tweets.get(story.user, [])
    assert sum(story.behaviours) == sum(time < end for time in own)
    for count, shares in zip(story.behaviours, story.topics, strict=True):
      assert bool(shares) == bool(count)
      if shares:
        assert sum(shares.values()) == pytest.approx(1, abs=0.005)
        parts = np.array(list(shares.values())) * count
        np.testing.assert_allclose(parts, parts.round(), atol=0.001 * count)


def test_names_beside_the_stories(study, tmp_path):
  written(study.config, study.prepared, study.split, 'long', tmp_path)
  titles = story_files.read_titles(str(tmp_path))
  videos = study.prepared.records.videos
  assert titles == dict(zip(videos.id, videos.title, strict=True))
  words = story_files.read_topic_words(str(tmp_path))
  assert len(words) == 4
  assert 1 <= len(words[0]) <= 10
  assert {word for topic in words for word in topic} <= {
    word for taste in worlds.WORDS for word in taste
  }


def test_topics_of_the_source_have_no_words(study, tmp_path):
  prepared = study.prepared._replace(topic_words=())
  written(study.config, prepared, study.split, 'long', tmp_path)
  assert story_files.read_topic_words(str(tmp_path)) == []


@pytest.mark.parametrize('case', ['another split', 'another host'])
def test_only_the_first_split_and_host_write(
  study, tmp_path, monkeypatch, case
):
  this = study.split._replace(directory=str(tmp_path))
  if case == 'another split':
    this = this._replace(number=1)
  else:
    monkeypatch.setattr(hosts, 'is_writer', lambda: False)
  questions = asked(study.config, study.prepared, this, 'long')
  stories.write_stories(study.config, study.prepared, this, 'long', *questions)
  assert list(tmp_path.iterdir()) == []


def test_a_line_is_small_json(study, tmp_path):
  written(study.config, study.prepared, study.split, 'long', tmp_path)
  path = pathlib.Path(story_files.path_of(str(tmp_path), 'long'))
  for line in path.read_text('utf-8').splitlines():
    row = json.loads(line)
    assert list(row) == [
      'user', 'history', 'behaviours', 'topics', 'interest', 'truth',
    ]  # fmt: skip
    assert all(len(shares) <= 8 for shares in row['topics'] + row['interest'])
