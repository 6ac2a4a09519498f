import pytest
from config_lines import parse

from dynrec_jax.sources.asked import Asked
from dynrec_jax.study import check, next_steps, source, studies


def test_what_is_asked_of_a_source():
  assert source.asked(parse()) == Asked()
  config = parse(
    '--config.data.columns=user=uid',
    '--config.data.watched=a>=1',
    '--config.data.topics_date=1970-01-03',
  )
  assert source.asked(config) == Asked('user=uid', 'a>=1', 172_800)


@pytest.mark.parametrize(
  ('page', 'line', 'message'),
  [
    ('single.py:files', 'columns=users=uid', "^data.columns: found 'users'; "),
    (
      'single.py:microlens',
      'columns=user=a',
      "^data.columns: found 'user=a' ",
    ),
    ('single.py:kuairand', 'watched=click', "^data.watched: found 'click'; "),
    ('single.py:files', 'watched=all', "^data.watched: found 'all' with the s"),
    ('single.py:files', 'topics_date=2013-06-01', '^data.topics_date: found'),
    ('cross.py:crossosn', 'topics_date=June', "^data.topics_date is 'June'; r"),
    (
      'cross.py:movielens',
      'strict=True',
      '^data.name is movielens, a data set '
      'of one network; scenario=cross reads tweets',
    ),
  ],
)
def test_wrong_values_are_told_by_their_keys(page, line, message):
  with pytest.raises(ValueError, match=message):
    check.check_config(parse(f'--config.data.{line}', path=f'configs/{page}'))


@pytest.mark.parametrize(
  'page',
  [
    *(
      'single.py:recbole',
      'single.py:microlens,plus',
      'single.py:microlens,paper',
      'single.py:kuairec,paper',
    ),
    *('single.py:movielens', 'single.py:crossosn', 'cross.py:crossosn'),
    *('report.py:kuairand', 'report.py:crossosn', 'cross.py:crossosn,paper'),
  ],
)
def test_each_data_set_has_its_config(page):
  config = parse(path=f'configs/{page}')
  check.check_config(config)
  name = page.partition(':')[2].partition(',')[0]
  assert config.data.name == name
  assert (config.sessions.start, config.sessions.end) == ('', '')
  least = 5 if 'microlens' in page and 'paper' not in page else 11
  assert config.filter.min_videos_per_user == least
  if page.startswith('report'):
    crossed = [s for s in config.report.studies if s.startswith('cross')]
    assert bool(crossed) == (name == 'crossosn')
    for study in studies.studies(config).values():
      check.check_config(study)
  steps = next_steps.next_steps(config)
  assert f'report.py:{name} --config.data.manual_dir=FOLDER' in steps
