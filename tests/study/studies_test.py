"""The studies of a reproduction: what each is of, and where it lies."""

import pytest

from configs import report
from dynrec_jax.study import check, studies


def test_both_scenarios_in_both_protocols():
  config = report.get_config('movietweetings')
  found = studies.studies(config)
  assert list(found) == [
    'single',
    'cross',
    'single_time_3',
    'single_time_9',
    'cross_time_9',
  ]
  for name, own in found.items():
    check.check_config(own)
    assert own.workdir == f'runs/report_movietweetings/{name}'
    assert own.mode == 'train_and_evaluate'
    assert own.scenario == name.split('_')[0]
    assert own.split.by == ('time' if 'time' in name else 'users')
    assert (
      own.data.name
      == {
        'single': 'movietweetings',
        'cross': 'movietweetings_streams',
      }[own.scenario]
    )
  assert found['single_time_3'].split.cut == 3
  assert found['cross_time_9'].split.cut == 9
  assert config.mode == 'reproduce'
  assert config.scenario == 'single'  # is left as it was


def test_the_cross_study_is_that_of_its_own_config():
  from configs import cross

  for variant in (
    'movietweetings',
    'simulated_tiny',
    'files',
    'movietweetings,paper',
  ):
    own = studies.studies(report.get_config(variant))['cross'].to_dict()
    want = cross.get_config(variant).to_dict()
    for part in ('workdir', 'report'):
      del own[part], want[part]
    assert own['eval']['methods'] == ()  # all of the scenario
    want['eval']['methods'] = ()
    want['split']['seeds'] = max(want['split']['seeds'], 2)
    want['mode'] = own['mode']
    assert own == want


def test_a_simulated_world_is_knocked_out_once_per_claim():
  """Each world runs what its claims are about, and nothing else."""
  config = report.get_config('simulated_tiny')
  found = studies.knock_outs(config)
  assert found['single_no_drift'] == {
    'data.world': 'tiny:no_drift',
    'eval.methods': ('model', 'static_dnn'),
  }
  assert set(found['single_no_interest']['eval.methods']) == {
    'model',
    'popularity',
    'rnn_norel',
    'rnn_sem',
  }
  every = studies.studies(config)
  assert set(found) < set(every)
  own = every['cross_no_topic_map']
  assert (own.scenario, own.data.world) == ('cross', 'tiny:no_topic_map')
  assert own.filter.min_tweets_per_user == 101
  config.report.studies = ('single',)
  assert list(studies.studies(config)) == ['single']
  assert studies.knock_outs(report.get_config('files')) == {}


def test_each_mechanism_is_run_at_every_strength_once():
  config = report.get_config('simulated_tiny,doses')
  found = studies.doses(config)
  # 7 mechanisms at 5 strengths, of which 1 is that of the world as it is.
  assert len(found) == 7 * 4
  assert found['single_drift_1.5'] == {
    'data.world': 'tiny:drift=1.5',
    'eval.methods': ('model', 'static_dnn'),
  }
  assert found['cross_topic_map_0.5']['scenario'] == 'cross'
  assert 'single_drift_1' not in found
  every = studies.studies(config)
  assert list(every) == ['single', 'cross', *found]
  for own in every.values():
    check.check_config(own)
  # The world as it is runs what all claims name, and nothing else.
  for scenario in ('single', 'cross'):
    named = {
      method
      for name, own in every.items()
      if name.startswith(f'{scenario}_')
      for method in own.eval.methods
    }
    assert set(every[scenario].eval.methods) == named
  assert studies.doses(report.get_config('simulated_tiny')) == {}


def test_worlds_without_a_mechanism_are_shared_with_the_knock_outs():
  config = report.get_config('simulated_tiny,doses')
  config.report.studies = ('single', 'cross', 'knock_outs', 'doses')
  none, several = studies.knock_outs(config), studies.doses(config)
  assert none.items() <= several.items()
  assert len(studies.studies(config)) == 2 + len(several)
  config.report.strengths = (1, 2)
  assert set(studies.studies(config)) == {'single', 'cross', *none} | {
    name for name in several if name.endswith('_2')
  }


def test_a_world_of_another_strength_is_the_study_of_that_strength():
  config = report.get_config('simulated_no_drift,doses')
  found = studies.doses(config)
  drift = [name for name in found if 'drift' in name]
  assert drift == [f'single_drift_{of}' for of in ('0.5', '1', '1.5', '2')]
  assert found['single_drift_1']['data.world'] == 'small:no_drift,drift=1'
  assert found['single_no_interest']['data.world'] == (
    'small:no_drift,no_interest'
  )


@pytest.mark.parametrize(
  ('text', 'why'),
  [
    ('filter.min_tweets_per_user', 'right: KEY=VALUE'),
    ('filter.nothing=3', 'right: KEY=VALUE'),
    ('filter.min_tweets_per_user=many', 'right: a int'),
  ],
)
def test_a_change_that_is_none_is_an_error(text, why):
  config = report.get_config('files')
  config.report.cross = (text,)
  with pytest.raises(ValueError, match=f'^report.cross holds .*{why}'):
    studies.studies(config)


def test_changes_have_the_types_of_their_keys():
  config = report.get_config('files')
  config.report.cross = (
    'filter.min_tweets_per_user=7',
    'interest.decay=0.5',
    'features.l2=False',
    'topics.yt=text_lda',
    "text.fields=('title',)",
  )
  own = studies.studies(config)['cross']
  assert own.filter.min_tweets_per_user == 7
  assert own.interest.decay == 0.5
  assert own.features.l2 is False
  assert own.topics.yt == 'text_lda'
  assert own.text.fields == ('title',)
