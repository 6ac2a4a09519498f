"""The section, from run folders to files."""

import csv
import io

import fake_runs
import pytest

from dynrec_jax.report import runs, section_4
from dynrec_jax.report.doses import Tried
from dynrec_jax.report.knock_outs import KnockOut
from dynrec_jax.report.table import Skipped

pytestmark = pytest.mark.slow

SINGLE = fake_runs.level_run(
  {
    'long': {'random': 1, 'item_knn': 3, 'rnn': 1, 'model': 2},
    'short': {'random': 1, 'model': 1},
  },
  name='single',
  labels=fake_runs.LABELS,
  skipped=[Skipped('long', 'fpmc', 'no order')],
)
CROSS = fake_runs.level_run(
  {'cross': {'popularity': 1, 'model': 2}},
  fake_runs.facts_of('cross', name='files'),
  'cross',
)
BY_TIME = fake_runs.level_run(
  {'long': {'random': 1, 'model': 2}},
  fake_runs.facts_of() | {'split': {'by': 'time'}},
  'time',
)
WITHOUT = fake_runs.level_run(
  {'long': {'random': 1, 'model': 1}},
  fake_runs.facts_of(world='small:no_drift'),
)
KNOCK_OUT = KnockOut('drift', 'no_drift', 'long', 'model', 'random')
DOSES = [Tried(0, WITHOUT), Tried(0.5, None, 'stopped'), Tried(1, SINGLE)]
STUDIES = {'single': SINGLE, 'cross': CROSS, 'single_time_9': BY_TIME}


def forms(name, *, picture=False, table=True):
  texts = {f'{name}.{end}' for end in ('md', 'tex', 'csv')} if table else set()
  return texts | ({f'{name}.png', f'{name}.pdf'} if picture else set())


@pytest.fixture(scope='module')
def section():
  return section_4.section_4(
    STUDIES,
    knock_out_runs=[(KNOCK_OUT, SINGLE, WITHOUT)],
    dose_runs=[(KNOCK_OUT, DOSES)],
    notes={'cross': 'A note.'},
  )


@pytest.fixture(scope='module')
def files(section):
  return section_4.as_files(section)


def test_all_files(files):
  assert set(files) == (
    forms('table_1')
    | forms('table_2')
    | forms('methods_single', picture=True)
    | forms('methods_cross', picture=True)
    | forms('methods_single_time_9', picture=True)
    | forms('claims')
    | forms('knock_outs')
    | forms('doses', picture=True)
    | forms('figure_3', picture=True, table=False)
  )
  for name, content in files.items():
    assert isinstance(content, bytes if name.endswith(('png', 'pdf')) else str)


def test_every_table_says_what_data_it_is_of(files):
  for name in ('table_1', 'methods_single', 'claims', 'knock_outs', 'doses'):
    for end in ('md', 'tex'):
      assert 'no real user or video' in files[f'{name}.{end}']
      assert 'under these assumptions' in files[f'{name}.{end}']
  assert 'Data: files' in files['table_2.md']
  assert 'imulated' not in files['table_2.md'] + files['methods_cross.md']
  assert 'A note.' in files['table_2.md']
  assert not any(
    'reproduc' in text.lower() for text in files.values() if str(text) == text
  )


def test_printed_cells_only_beside_the_paper_s_protocol(files):
  assert 'printed F@5' in files['methods_single.md']
  assert 'printed' not in files['methods_single_time_9.md'].lower()
  assert 'one date cuts the log' in files['methods_single_time_9.md']


def rows_of(text):
  return list(csv.DictReader(io.StringIO(text)))


def test_csv_of_table_1_has_its_rows_marked_among_themselves(files):
  found = {
    (row['mode'], row['method']): row for row in rows_of(files['table_1.csv'])
  }
  assert set(found) == {
    ('long', 'random'),
    ('long', 'item_knn'),
    ('long', 'fpmc'),
    ('long', 'model'),
    ('short', 'random'),
    ('short', 'model'),
  }
  assert found['long', 'item_knn']['mark'] == 'above'
  assert float(found['long', 'model']['f']) == pytest.approx(0.4)
  assert found['long', 'fpmc']['why_skipped'] == 'no order'
  assert found['long', 'model']['study'] == 'single'


def test_claims_are_of_both_scenarios(section, files):
  found = {claim.text: claim for claim in section.claims}
  assert found['long: Ours above KNN'].verdict == 'not seen'
  assert found['cross: Ours above Popularity'].verdict == 'seen'
  assert found['Ours: F falls from long to short'].verdict == 'seen'
  assert len(rows_of(files['claims.csv'])) == len(section.claims)


def test_knock_outs(section, files):
  assert [row.verdict for row in section.knock_outs] == ['gone']
  assert '| gone |' in files['knock_outs.md']


def test_doses(section, files):
  (curve,) = section.doses
  # Gains of 0 without the mechanism, of a hit of 5 with it.
  assert curve.slope == pytest.approx((0.2, 0.2, 0.2))
  assert '| rises |' in files['doses.md']
  assert 'Not run: drift at 0.5' in files['doses.md']
  assert 'stopped' in files['doses.tex']
  strengths = [row['strength'] for row in rows_of(files['doses.csv'])]
  assert strengths == ['0', '0.5', '1']
  # The data are those of the world nearest to strength 1.
  assert '(simulated_year, world small,' in section.dose_origin
  assert section.dose_title.startswith('single: simulated data (world small)')
  assert section_4.main_grids(section)[-1].name == 'doses'


def test_files_are_the_same_every_time(section, files):
  assert section_4.as_files(section) == files


def test_a_study_without_a_run_has_no_file():
  found = section_4.section_4({'single': None, 'cross': CROSS})
  assert list(found.tables) == ['cross']
  files = section_4.as_files(found)
  assert set(files) == (
    forms('table_2') | forms('methods_cross', picture=True) | forms('claims')
  )
  verdicts = {claim.text: claim.verdict for claim in found.claims}
  assert verdicts['long: Ours above KNN'] == 'not run'


def test_the_second_protocol_alone():
  found = section_4.section_4({'single_time_9': BY_TIME})
  assert set(section_4.as_files(found)) == forms(
    'methods_single_time_9', picture=True
  )


def test_a_method_skipped_in_a_foreign_mode_hides_nothing():
  cross = CROSS._replace(skipped=[Skipped('long', 'model', 'odd')])
  found = section_4.section_4({'single': SINGLE, 'cross': cross})
  verdicts = {claim.text: claim.verdict for claim in found.claims}
  assert verdicts['long: Ours above Random'] == 'seen'


def test_from_run_folders(tmp_path, section):
  for study, run in STUDIES.items():
    (tmp_path / study).mkdir()
    fake_runs.write_run(tmp_path / study, run)
  read = {study: runs.read_run(tmp_path / study) for study in STUDIES}
  found = section_4.section_4(read)
  assert found.claims == section.claims
  for study, tables in section.tables.items():
    for mode, table in tables.items():
      assert found.tables[study][mode].rows == table.rows


def test_doses_that_none_has_run():
  found = section_4.section_4(
    {'single': SINGLE}, dose_runs=[(KNOCK_OUT, [Tried(0, None, 'stopped')])]
  )
  assert '| not run |' in section_4.as_files(found)['doses.md']


def test_no_run_is_refused():
  with pytest.raises(
    ValueError, match=r'^no study has a run; right: one or mo'
  ):
    section_4.section_4({'single': None})


def test_another_protocol_under_the_paper_s_name_is_refused():
  with pytest.raises(
    ValueError, match=r'^single: time is split by time; right'
  ):
    section_4.section_4({'single': BY_TIME})
