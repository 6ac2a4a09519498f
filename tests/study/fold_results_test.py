"""The file of results: what it takes back, and what it refuses."""

import json
import os

import pytest

from dynrec_jax.losses import LossWeights
from dynrec_jax.study.fold_results import Fit, FoldResults

SETTINGS = {'model.D_h': 8, 'seq.horizon': 'all_after', 'text.fields': ('a',)}
A = Fit(LossWeights(0.2, 0.4, 0.30000000000000004), 2)
B = Fit(LossWeights(0.2, 0.4, 0.3), 2)


def test_results_come_back_as_they_were(tmp_path):
  path = tmp_path / 'new' / 'cross_validation.jsonl'
  results = FoldResults(path, SETTINGS)
  assert results.scores == {}
  results.add(A, {'f_score': 1 / 3, 'users': 17})
  results.add(B, {'f_score': 0.0, 'users': 16})
  again = FoldResults(path, SETTINGS)
  assert list(again.scores.items()) == [
    (A, {'f_score': 1 / 3, 'users': 17}),
    (B, {'f_score': 0.0, 'users': 16}),
  ]
  lines = [json.loads(line) for line in path.read_text().splitlines()]
  assert lines[0]['settings']['model.D_h'] == 8
  assert lines[2] == {
    'semantic_weight': 0.2,
    'interest_weight': 0.4,
    'relevance_weight': 0.3,
    'fold': 2,
    'f_score': 0.0,
    'users': 16,
  }


def test_killed_while_it_adds_the_file_is_as_before(tmp_path, monkeypatch):
  path = tmp_path / 'cross_validation.jsonl'
  results = FoldResults(path, SETTINGS)
  results.add(A, {'f_score': 0.1})
  before = path.read_bytes()

  def kill(*_):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(os, 'replace', kill)
    with pytest.raises(KeyboardInterrupt):
      results.add(B, {'f_score': 0.2})
  assert path.read_bytes() == before
  assert list(FoldResults(path, SETTINGS).scores) == [A]


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'model.D_h': 9}, r'another config: model\.D_h: saved 8, now 9\. Use'),
    ({'text.fields': ()}, r'text\.fields: saved \["a"\], now \[\]'),
    ({'cv.split': 1}, r'cv\.split: saved nothing, now 1'),
  ],
)
def test_other_settings_are_refused(change, message, tmp_path):
  path = tmp_path / 'cross_validation.jsonl'
  FoldResults(path, SETTINGS).add(A, {'f_score': 0.1})
  before = path.read_bytes()
  with pytest.raises(ValueError, match=message) as error:
    FoldResults(path, SETTINGS | change)
  assert str(path) in str(error.value)
  assert path.read_bytes() == before


@pytest.mark.parametrize('line', ['{"fold": 1', '[]', '{"fold": 1}', ''])
def test_a_line_that_is_no_result_is_named(line, tmp_path):
  path = tmp_path / 'cross_validation.jsonl'
  FoldResults(path, SETTINGS).add(A, {'f_score': 0.1})
  path.write_text(path.read_text() + f'{line}\n')
  with pytest.raises(ValueError, match=r'cross_validation\.jsonl line 3: fou'):
    FoldResults(path, SETTINGS)


def test_an_empty_file_is_an_error(tmp_path):
  path = tmp_path / 'cross_validation.jsonl'
  path.write_text('')
  with pytest.raises(ValueError, match="line 1: found '', not a record with s"):
    FoldResults(path, SETTINGS)
