"""Section 4 as a page: every part says what its rows say."""

import json

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import section_4, section_page, stories
from dynrec_jax.report.doses import Tried
from dynrec_jax.report.knock_outs import KnockOut
from dynrec_jax.report.section_page import Folder
from dynrec_jax.report.stories import Story
from dynrec_jax.report.table import Skipped

LABELS = {
  'popularity': 'Popularity',
  'static_dnn': 'Static-DNN',
  'model': 'dynrec (practical)',
}


def story(user, early, late):
  return Story(
    user=user,
    history=[(1, 'v')],
    behaviours=[6, 6],
    topics=[{early: 1.0}, {late: 1.0}],
    interest=[{early: 1.0}, {early: 0.5, late: 0.5}],
    truth=['v'],
  )


@pytest.fixture
def folders(tmp_path):
  """Two studies; everybody is one whose topics move."""
  found = {}
  for scenario, modes in (('single', ('long', 'short')), ('cross', ('cross',))):
    levels = {
      mode: {'popularity': 1, 'static_dnn': 2, 'model': 3} for mode in modes
    }
    run = fake_runs.level_run(
      levels,
      fake_runs.facts_of(scenario),
      users=4,
      labels=LABELS,
      skipped=[Skipped(modes[0], 'lfm', 'no watch')],
    )
    folder = tmp_path / scenario
    folder.mkdir()
    fake_runs.write_run(folder, run)
    split = str(folder / 'split_0')
    stories.write_names(split, {'v': f'Title of {scenario}'}, [['sea', 'ship']])
    for mode in modes:
      users = [story(f'u{n}', 0, 1) for n in range(4)]
      stories.write_stories(split, mode, users)
    run = run._replace(tuned={'popularity': {'pop.source': 'train'}})
    found[scenario] = Folder(str(folder), run)
  about = {'made': {'commit': 'abc1'}, 'data': {'users': 1234}}
  (tmp_path / 'single' / 'about.json').write_text(json.dumps(about))
  return found


@pytest.fixture
def section(folders):
  return section_4.section_4({name: of.run for name, of in folders.items()})


def test_every_part_is_there(folders, section):
  found = section_page.page_content(section, folders, {'single_time_3': 'late'})
  titles = [table.title for table in found.tables]
  assert titles == [
    'Table 1',
    'Table 2',
    'All methods: single network, split by users',
    'All methods: cross network, split by users',
  ]
  assert [figure.title for figure in found.figures] == [
    'Figure 3',
    'Figure 4',
    'All methods: single network, split by users, long',
    'All methods: single network, split by users, short',
    'All methods: cross network, split by users, cross',
  ]
  assert found.notes[0].startswith('Simulated data')
  assert 'Not run: study single_time_3: late' in found.notes
  assert found.facts['Made with'] == [('commit', 'abc1')]
  assert found.facts['Data: single network, split by users'] == [
    ('users', '1,234')
  ]
  tuned = found.facts['Tuned: cross network, split by users']
  assert tuned == [('Popularity', '"pop.source": "train"')]
  assert len(found.claims) == len(section.claims)


def test_doses_have_a_table_and_a_picture(folders):
  run = folders['single'].run
  claim = KnockOut('drift', 'no_drift', 'long', 'model', 'static_dnn')
  tried = [Tried(0.5, None, 'stopped'), Tried(1, run)]
  section = section_4.section_4({'single': run}, dose_runs=[(claim, tried)])
  found = section_page.page_content(section, folders, {})
  title = 'Gains against the strength of their mechanism'
  (table,) = (of for of in found.tables if of.title == title)
  assert table.rows[0][0] == 'drift'
  assert '+0.2000' in table.rows[0][-1]
  assert 'Not run: drift at 0.5' in table.note
  (figure,) = (of for of in found.figures if of.title == title)
  assert figure.picture.startswith(b'\x89PNG')
  assert 'Simulated data (simulated_year, world small' in figure.caption
  assert 'no real user or video' in figure.caption


def test_a_table_s_rows_are_named_by_method_and_marked(folders, section):
  found = section_page.page_content(section, folders, {})
  table = found.tables[2]
  assert list(table.columns)[:2] == ['method', 'mode']
  rows = {(row[0], row[1]): row for row in table.rows}
  # Hits of everyone are 3 of lists of 5, of a truth of 5.
  model = rows['dynrec (practical) (Ours)', 'long']
  assert model[4] == '0.6000 [0.6000, 0.6000]'
  assert rows['LFM', 'long'][2] == 'not run: no watch'
  marks = dict(zip(rows, table.marks, strict=True))
  assert marks['dynrec (practical) (Ours)', 'long'] == 'best'
  assert marks['Static-DNN', 'long'] == ''
  assert rows['Static-DNN', 'long'][4] == '0.4000† [0.4000, 0.4000]'


def test_claims_have_the_tone_of_their_verdict(folders, section):
  found = section_page.page_content(section, folders, {})
  tones = {of.verdict: of.tone for of in found.claims}
  assert tones['seen'] == 'good'
  assert tones['not run'] == 'open'
  claim = next(
    of for of in found.claims if of.text.endswith('long: Ours above Popularity')
  )
  assert (claim.verdict, claim.found) == ('seen', '+0.4000 [+0.4000, +0.4000]')


def test_users_of_both_studies_can_be_looked_up(folders, section):
  explorer = section_page.page_content(section, folders, {}).explorer
  assert [mode['name'] for mode in explorer['modes']] == [
    'long',
    'short',
    'cross',
  ]
  last = explorer['modes'][-1]
  (video,) = set(np.concatenate([u['truth'] for u in last['users']]).tolist())
  assert explorer['videos'][video] == 'Title of cross'
  first = explorer['modes'][0]['users'][0]
  assert explorer['videos'][first['truth'][0]] == 'Title of single'
  assert last['words'] == {'0': 'sea ship'}


def test_figure_4_is_of_the_cross_network_where_there_is_one(folders):
  _, caption = section_page.story_figure(folders)
  assert '(study cross, cross)' in caption
  _, caption = section_page.story_figure({'single': folders['single']})
  assert '(study single, long)' in caption
  assert section_page.story_figure({'other': folders['single']}) is None
