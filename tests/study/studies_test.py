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
