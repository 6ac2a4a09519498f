"""A whole reproduction of a tiny study: runs, report, going on."""

import contextlib
import pathlib
import types

import pytest
import worlds

from configs import report as report_config
from dynrec_jax import train
from dynrec_jax.study import reproduce, studies, workdir

pytestmark = [pytest.mark.usefixtures('quick_compile'), pytest.mark.slow]


def asked_at(border):
  """Contexts in which a stop is asked for after a step."""

  @contextlib.contextmanager
  def enter():
    yield types.SimpleNamespace(requested=lambda step: step > border)

  return enter


@pytest.fixture
def config(tiny_settings, tmp_path):
  return worlds.tiny_config(
    tiny_settings,
    workdir=str(tmp_path / 'all'),
    train__max_epochs=1,
    tune__trials=1,
    eval__methods=('random', 'popularity', 'model'),
    report__studies=('single', 'cross'),
    report__cross=('filter.min_tweets_per_user=101',),
  )


def test_studies_are_run_once_and_reported(config, monkeypatch):
  """A source without tweets has no cross network: that is told."""
  assert reproduce.reproduce(config, asked_at(20)) is None
  folder = pathlib.Path(config.workdir)
  assert not (folder / 'report').exists()
  text = reproduce.reproduce(config, asked_at(10**9))
  assert 'The rows of Table 1' in text
  assert (folder / 'single' / 'tuned.json').is_file()
  assert not (folder / 'cross' / 'results.json').exists()
  page = (folder / 'report' / 'report.html').read_text()
  assert 'study cross: scenario=cross reads tweets' in page
  assert (folder / 'single' / 'split_0' / 'stories' / 'long.jsonl').is_file()
  assert 'Any tested user' in page

  def again(*args, **kwargs):
    raise AssertionError('trained again')

  monkeypatch.setattr(train, 'make_train_step', again)
  with pytest.raises(AssertionError):
    reproduce.reproduce(config, asked_at(10**9))


def test_a_config_of_a_study_is_checked_before_anything_is_done(config):
  config.report.cross = ('model.history_mode=topic_then_history',)
  with pytest.raises(
    ValueError, match=r'model\.history_mode is topic_then_histor'
  ):
    reproduce.reproduce(config, asked_at(10**9))
  assert not pathlib.Path(config.workdir).exists()


def test_worlds_of_other_strengths_take_what_was_tuned(tmp_path, monkeypatch):
  config = report_config.get_config('simulated_tiny,doses')
  config.workdir = str(tmp_path)
  seen = {}

  def study(own, stoppable, *, tuned):
    name = pathlib.Path(own.workdir).name
    seen[name] = tuned, own.tune.chosen
    if not tuned:
      own.tune.chosen = f'chosen by {name}'
    return True

  monkeypatch.setattr(reproduce, '_study', study)
  monkeypatch.setattr(reproduce.report, 'report', lambda config: 'told')
  assert reproduce.reproduce(config) == 'told'
  assert seen.pop('single') == seen.pop('cross') == (False, '')
  assert len(seen) == 7 * 4
  for name, found in seen.items():
    assert found == (True, f'chosen by {name.partition("_")[0]}')


def test_a_study_s_folder_is_its_own(config):
  """Another run may have it as its workdir."""
  own = studies.studies(config)['single']
  with (
    workdir.alone(own),
    pytest.raises(ValueError, match=r'^workdir is .*single.*is at work; right'),
  ):
    reproduce._study(own, asked_at(10**9), tuned=True)
