"""The report on runs' folders: what it is made of, and what it refuses."""

import csv
import json

import fake_runs
import pytest

from configs import report as report_config
from dynrec_jax.study import report

ALL = {'random': [[0] * 3] * 2, 'popularity': [[1, 0, 0], [0, 1, 1]]}
MODEL = {'model': [[2, 1, 0], [1, 2, 1]], 'static_dnn': [[1, 1, 0], [0, 1, 1]]}


@pytest.fixture
def config(tmp_path):
  config = report_config.get_config('simulated_tiny')
  config.workdir = str(tmp_path)
  return config


def write(folder, modes=('long', 'short'), scenario='single', **facts):
  folder.mkdir(parents=True)
  made_of = fake_runs.facts_of(scenario, world='tiny') | facts
  run = fake_runs.run_of({mode: ALL | MODEL for mode in modes}, made_of)
  fake_runs.write_run(folder, run)


def names(tmp_path):
  return {path.name for path in (tmp_path / 'report').iterdir()}


def test_files_of_the_studies_that_ended(config, tmp_path):
  write(tmp_path / 'single')
  write(tmp_path / 'cross', ['cross'], 'cross')
  (tmp_path / 'single_time_3').mkdir()  # goes on
  stale = tmp_path / 'report' / 'methods_cross_time_9.md'
  stale.parent.mkdir()
  stale.write_text('of an earlier report')
  (tmp_path / 'left_out.json').write_text('{"cross_time_9": "no tweets"}')
  text = report.report(config)
  found = names(tmp_path)
  for name in ('table_1', 'table_2', 'claims', 'methods_single'):
    assert {f'{name}.md', f'{name}.tex', f'{name}.csv'} <= found
  assert {'figure_3.png', 'figure_3.pdf', 'report.html'} <= found
  assert 'figure_4.png' not in found  # runs without stories
  assert stale.name not in found
  assert 'The rows of Table 1' in text
  assert 'The rows of Table 2' in text
  page = (tmp_path / 'report' / 'report.html').read_text()
  assert 'Simulated data' in page
  assert 'study cross_time_9: no tweets' in page
  assert 'single_time_3/results.json: no such file' in page


def test_worlds_without_a_mechanism_stand_beside_the_whole_one(
  config, tmp_path
):
  write(tmp_path / 'single')
  data = {'name': 'simulated_year', 'world': 'tiny:no_drift', 'world_seed': 6}
  write(tmp_path / 'single_no_drift', ['long'], data=data)
  text = report.report(config)
  assert {'knock_outs.md', 'knock_outs.tex', 'knock_outs.csv'} <= names(
    tmp_path
  )
  assert 'interest that moves' in text
  assert 'methods_single_no_drift.md' not in names(tmp_path)


@pytest.mark.slow
def test_gains_at_several_strengths(tmp_path):
  config = report_config.get_config('simulated_tiny,doses')
  config.workdir = str(tmp_path)
  write(tmp_path / 'single')
  report.report(config)
  assert 'doses.png' not in names(tmp_path)  # no world of another strength
  for name, change in (
    ('single_no_drift', 'no_drift'),
    ('single_drift_1.5', 'drift=1.5'),
  ):
    data = {'name': 'simulated_year', 'world_seed': 6}
    write(tmp_path / name, ['long'], data=data | {'world': f'tiny:{change}'})
  left_out = {'single_drift_0.5': 'as it was told'}
  (tmp_path / 'left_out.json').write_text(json.dumps(left_out))
  text = report.report(config)
  found = names(tmp_path)
  ends = ('md', 'tex', 'csv', 'png', 'pdf')
  assert {f'doses.{end}' for end in ends} <= found
  assert 'knock_outs.md' not in found  # not asked for
  assert 'methods_single_drift_1.5.md' not in found
  assert 'Not run: drift at 0.5, model over static_dnn: as it was told' in (
    text.replace('dynrec', 'model')
  )
  with open(tmp_path / 'report' / 'doses.csv') as file:
    rows = [row for row in csv.DictReader(file) if row['mechanism'] == 'drift']
  assert [bool(row['gain']) for row in rows] == [True, False, True, True, False]
  page = (tmp_path / 'report' / 'report.html').read_text()
  assert 'Gains against the strength of their mechanism' in page


def test_a_world_that_lacks_a_mechanism_has_none_to_take_out(config, tmp_path):
  config.data.world = 'tiny:no_drift'
  data = {'name': 'simulated_year', 'world_seed': 6}
  write(tmp_path / 'single', data=data | {'world': 'tiny:no_drift'})
  without = 'tiny:no_drift,no_interest'
  write(tmp_path / 'single_no_interest', data=data | {'world': without})
  text = report.report(config)
  assert '| not run: no run of no_drift world |' in text


def test_runs_by_name(config, tmp_path):
  write(tmp_path / 'a' / 'here')
  config.report.runs = (f'single={tmp_path / "a" / "here"}',)
  config.workdir = str(tmp_path)
  assert 'The rows of Table 1' in report.report(config)
  config.report.runs = ('single',)
  with pytest.raises(
    ValueError, match=r"^report\.runs holds 'single'; right: NAM"
  ):
    report.report(config)


def test_a_broken_run_is_named(config, tmp_path):
  config.report.runs = (f'single={tmp_path / "none"}',)
  with pytest.raises(ValueError, match=r'none/results\.json: no such file'):
    report.report(config)
  write(tmp_path / 'single')
  config.report.runs = ()
  path = tmp_path / 'single' / 'split_1' / 'lists' / 'long' / 'model.jsonl'
  path.unlink()
  with pytest.raises(ValueError, match=r'long/model\.jsonl: no such file'):
    report.report(config)


def test_no_run_at_all(config, tmp_path):
  with pytest.raises(
    ValueError, match=r'no study that ended; right: the workdir'
  ):
    report.report(config)
  assert not (tmp_path / 'report').exists()


def test_a_damaged_note_of_a_run_is_named(config, tmp_path):
  write(tmp_path / 'single')
  (tmp_path / 'single' / 'about.json').write_text('[')
  with pytest.raises(ValueError, match=r'about\.json: found'):
    report.report(config)
  facts = {'made': {'commit': 'abc'}, 'data': {'users': 1234}}
  (tmp_path / 'single' / 'about.json').write_text(json.dumps(facts))
  report.report(config)
  page = (tmp_path / 'report' / 'report.html').read_text()
  assert '1,234' in page
