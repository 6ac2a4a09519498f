"""Videos added to `plus`, against a catalogue that had them all along."""

import csv
import pathlib

import jax
import networks
import numpy as np
import pytest
import saved_runs
import worlds

from dynrec_jax.models import clock
from dynrec_jax.serving.asked import Asked, BadRequest, NewVideo
from dynrec_jax.study import new_videos, serve, video_columns, video_facts

pytestmark = pytest.mark.slow
ADDED = 'v8'  # without a text
OTHER = 'v5'
SETTINGS = worlds.BY_TIME | {'plus.interest': False}


def without(folder: pathlib.Path, names) -> dict[str, NewVideo]:
  """Takes videos out of a folder, and gives them as requests tell them."""
  with open(folder / 'videos.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  with np.load(folder / 'visual.npz') as stored:
    ids, features = stored['id'], stored['feature']
  found = {
    row['id']: NewVideo(
      row['id'],
      row['title'],
      '',
      (),
      (row['categories'],),
      int(row['upload_time']),
      tuple(features[ids == row['id']].ravel().tolist()),
    )
    for row in rows
    if row['id'] in names
  }
  write(folder, [row for row in rows if row['id'] not in names])
  keep = ~np.isin(ids, names)
  np.savez(folder / 'visual.npz', id=ids[keep], feature=features[keep])
  lines = (folder / 'watches.csv').read_text().splitlines()
  kept = [line for line in lines if line.split(',')[1] not in names]
  (folder / 'watches.csv').write_text('\n'.join(kept))
  return found


def write(folder, rows):
  with open(folder / 'videos.csv', 'w', newline='') as file:
    table = csv.DictWriter(file, list(rows[0]))
    table.writeheader()
    table.writerows(rows)


def folder_of(root):
  """A study by time; videos have upload times."""
  folder = worlds.write_folder(root, worlds.cut_watches())
  with open(folder / 'videos.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  for number, row in enumerate(rows):
    row['upload_time'] = worlds.START + number * 3 * worlds.DAY
  write(folder, rows)
  return folder


def params_of(study):
  """Random ones, with the facts of a training."""
  facts = video_facts.make_facts(
    study.config, study.prepared, study.split, study.data, serves=True
  )
  random = worlds.random_params(study.network)
  told = {name: jax.numpy.asarray(x) for name, x in facts._asdict().items()}
  return random | told


class Grown:
  """A service of a catalogue without two videos, and one with them."""

  def __init__(self, root):
    whole = folder_of(root / 'whole')
    self.whole = worlds.Study(
      networks.config_of(
        worlds.tiny_settings(whole, root / 'whole') | SETTINGS, 'plus'
      )
    )
    folder = folder_of(root / 'less')
    self.videos = without(folder, [ADDED, OTHER])
    settings = worlds.tiny_settings(folder, root / 'less') | SETTINGS
    study = worlds.Study(networks.config_of(settings, 'plus'))
    self.run = saved_runs.SavedRun(
      settings, root, 'plus', params=params_of(study)
    )
    self.service = serve.make_service(
      self.run.config(mode='serve'), self.run.study.prepared
    )


@pytest.fixture(scope='module')
def grown(tmp_path_factory):
  found = Grown(tmp_path_factory.mktemp('grown'))
  before = found.service._now
  assert found.service.add([found.videos[ADDED]]) == len(before.ids) + 1
  assert found.service.add([found.videos[OTHER]]) == len(before.ids) + 2
  found.before = before
  return found


def expected_rates(grown):
  """log of the mean over time of exp(f) over the others' sum, by hand."""
  forecast = grown.service._describe.forecast
  data = grown.whole
  states = video_facts.forecast_of(
    data.config, data.prepared, data.split, data.data
  ).states
  ids = list(data.prepared.records.videos.id)
  new = [ids.index(ADDED), ids.index(OTHER)]
  old = [row for row in range(len(ids)) if row not in new]
  logs = []
  for fitted in forecast.fitted:
    shares = []
    for time in forecast.times:
      row = len(states.moment) - 1
      inputs = np.asarray(clock.inputs_of(states, row, time), np.float64)
      inputs = (inputs - fitted.mean) / fitted.scale
      score = np.exp(np.asarray(clock._scores(fitted.params, inputs, None, 0)))
      shares.append(score[new] / score[old].sum())
    logs.append(np.mean(shares, axis=0))
  return np.log(np.mean(logs, axis=0))


def test_rows_are_those_of_a_catalogue_that_had_them(grown):
  prepared = grown.whole.prepared
  content = video_columns.content_columns(prepared)
  ids = list(prepared.records.videos.id)
  now = grown.service._now
  assert list(now.ids[-2:]) == [ADDED, OTHER]
  want = content[[ids.index(ADDED), ids.index(OTHER)]]
  assert np.abs(want).max(axis=1).min() > 0.5
  found = np.asarray(now.params['content'])
  np.testing.assert_allclose(found[-2:], want, atol=2e-4)
  rates = np.asarray(now.params['calendar'])[-2:, -1]
  np.testing.assert_allclose(rates, expected_rates(grown), atol=1e-4)


def test_nothing_else_changes(grown):
  """Neither rows, nor by how much others' scores differ."""
  before, now = grown.before, grown.service._now
  tables = [x.predictor.tables(x.params).output_kernel for x in (before, now)]
  np.testing.assert_array_equal(tables[0], tables[1][:-2])
  queries = grown.service._queries
  count = len(before.ids)
  old, new = (x.recommend(queries, count) for x in (before, now))
  for row in range(queries.count):
    known = old.ids[row][old.ids[row] >= 0]
    kept = (new.ids[row] >= 0) & (new.ids[row] < count)
    both = new.ids[row][kept][: len(known)]
    np.testing.assert_array_equal(both, known[: len(both)])
    shift = new.scores[row][kept] - old.scores[row][: kept.sum()]
    assert np.ptp(shift) < 1e-4
    assert shift.max() < 0  # there is something else to watch


def test_lists_are_those_of_a_catalogue_that_had_them(grown):
  """Parameters of the whole catalogue, where new videos' free parts are 0."""
  study, now = grown.whole, grown.service._now
  ids = list(study.prepared.records.videos.id)
  place = {video: row for row, video in enumerate(now.ids)}
  order = np.array([place[video] for video in ids])
  params = dict(now.params)
  for name in ('calendar', 'content', 'mean_bag'):
    params[name] = params[name][order]
  for name in ('input', 'output'):
    params[name] = params[name][:, order]
  content = video_columns.content_columns(study.prepared)
  params['content'] = jax.numpy.asarray(content)
  queries = grown.service._queries
  item = np.argsort(order)[queries.watches.item].astype(np.int32)
  queries = queries._replace(
    watches=queries.watches._replace(item=item),
    behaviours=queries.behaviours._replace(item=item),
    topics=study.prepared.behaviours.topics,
  )
  want = study.parts.predictor.recommender(params)(queries, 12)
  users = list(grown.service._place)
  config = grown.run.config()
  found = now.recommend(grown.service._queries, 12)
  assert config.decode.k == 5
  assert len(users) == len(want.ids)
  np.testing.assert_array_equal(order[want.ids], found.ids)
  np.testing.assert_allclose(want.scores, found.scores, atol=1e-3)
  assert np.isin(found.ids, [len(order) - 1, len(order) - 2]).any()


def test_who_watched_one_is_served(grown):
  """What was added is known, and in no list of who has seen it."""
  first = grown.before.ids[0]
  history = ((ADDED, worlds.CUT + 5), (first, worlds.CUT))
  one, two = grown.service.answers(
    [Asked('', history, 5), Asked('', history[1:], 5)]
  )
  assert one.unlisted == 0
  assert ADDED not in one.videos
  assert one.scores != two.scores


def test_a_video_is_added_once(grown):
  with pytest.raises(BadRequest, match=f'{ADDED}.* is in the catalogue'):
    grown.service.add([grown.videos[ADDED]])


def test_where_the_forecast_is_another_nothing_is_added(grown):
  config, study = grown.run.config(), grown.run.study
  params = grown.before.params
  params = params | {'calendar': params['calendar'] + 1}
  with pytest.raises(BadRequest, match='the data are others than in the tra'):
    new_videos.make_describer(config, study.prepared, study.split, params)


def test_a_reason_is_told_to_who_adds(grown, tmp_path):
  run = saved_runs.SavedRun(
    grown.run.settings, tmp_path, 'plus', params=grown.before.params
  )
  config = run.config(mode='serve', serve__new_videos=False)
  service = serve.make_service(config, run.study.prepared)
  with pytest.raises(BadRequest, match='new_videos is False') as caught:
    service.add([grown.videos[ADDED]])
  assert caught.value.status == 409


def test_who_can_and_who_cannot():
  for method, changes, why in (
    ('model', {}, 'model.network is dynamic'),
    ('rnn', {}, 'model.network is rnn'),
    ('plus', {'plus__content': 'none'}, 'plus.content is none'),
    ('plus', {'serve__new_videos': False}, 'serve.new_videos is False'),
    ('plus', {}, ''),
  ):
    config = networks.config_of({}, method, **changes)
    assert new_videos.why_not(config).startswith(why)
    assert bool(new_videos.why_not(config)) == bool(why)
