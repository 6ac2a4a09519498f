"""What is said of a run's data."""

import fake_runs
import pytest

from dynrec_jax.report import origin
from dynrec_jax.report.runs import Run
from dynrec_jax.sources import load


def run_of(**changes) -> Run:
  return Run('run', fake_runs.facts_of() | changes, {})


FILMS = {'name': 'movietweetings', 'world': 'small', 'world_seed': 6}


def test_simulated_data_say_so():
  assert origin.is_simulated(run_of())
  assert origin.sentences(run_of()) == (
    'Simulated data (simulated_year, world small, seed 6; 1,234 users × 56 '
    'videos): no real user or video is in them, and what is found here is '
    'found under these assumptions. Scenario single; 20 % of the users, drawn '
    'at random, are tested, in 2 splits.'
  )
  assert origin.title(run_of()) == (
    'simulated data (world small), 1,234 users × 56 videos'
  )


@pytest.mark.parametrize('name', [x for x in load.NAMES if 'simul' not in x])
def test_real_data_do_not(name):
  run = run_of(data=FILMS | {'name': name})
  assert not origin.is_simulated(run)
  assert origin.sentences(run).startswith(
    f'Data: {name}, 1,234 users × 56 videos. Scenario single; '
  )
  assert 'imulated' not in origin.sentences(run) + origin.title(run)
  assert origin.title(run) == f'{name}, 1,234 users × 56 videos'


def test_one_split():
  run = run_of(split={'seeds': 1, 'test_frac': 0.125}, scenario='cross')
  assert origin.sentences(run).endswith(
    'Scenario cross; 12.5 % of the users, drawn at random, are tested, in 1 '
    'split.'
  )


def test_split_by_time():
  run = run_of(split={'by': 'time'})
  assert origin.is_split_by_time(run)
  assert 'one date cuts the log' in origin.sentences(run)
  assert not origin.is_split_by_time(run_of())
  assert not origin.is_split_by_time(run_of(split={'by': 'users'}))


def test_nothing_is_called_a_reproduction():
  assert 'reproduc' not in origin.sentences(run_of()) + origin.PAPER_DATA
