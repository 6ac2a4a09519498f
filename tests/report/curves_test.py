"""Curves from the metrics that trainings left."""

import pytest

from dynrec_jax import metric_log
from dynrec_jax.report import curves


def log(folder, *records):
  with metric_log.MetricLog(folder) as file:
    for step, values in records:
      file.write(step, values)


def test_every_training_of_every_split(tmp_path):
  for split in (10, 2):
    log(tmp_path / f'split_{split}', (1, {'train/loss': split}))
  networks = tmp_path / 'split_2' / 'networks'
  log(networks / 'static_dnn', (1, {'valid/f_score': 0.5}), (4, {'x': 2.0}))
  log(networks / 'rnn', (3, {'x': 1.0}))
  (networks / 'empty').mkdir()
  (tmp_path / 'split_x').mkdir()
  (tmp_path / 'results.json').write_text('{}')
  found = curves.read_curves(
    str(tmp_path), {'model': 'dynrec', 'static_dnn': 'Static-DNN'}
  )
  assert found == {
    'dynrec, split 2': [(1, {'train/loss': 2.0})],
    'rnn, split 2': [(3, {'x': 1.0})],
    'Static-DNN, split 2': [(1, {'valid/f_score': 0.5}), (4, {'x': 2.0})],
    'dynrec, split 10': [(1, {'train/loss': 10.0})],
  }
  assert next(iter(found)) == 'dynrec, split 2'
  assert list(found)[-1] == 'dynrec, split 10'


def test_a_first_fit_shows_its_validation(tmp_path):
  """In either protocol; that of the second fit has none."""
  split = tmp_path / 'split_0'
  log(split, (9, {'train/loss': 1.0}))
  log(split / 'first_fit', (4, {'valid/f_score': 0.25}))
  network = split / 'networks' / 'rnn'
  log(network, (8, {'train/loss': 2.0}))
  log(network / 'earlier', (3, {'valid/f_score': 0.5}))
  assert curves.read_curves(str(tmp_path), {'model': 'dynrec'}) == {
    'dynrec, split 0': [(9, {'train/loss': 1.0})],
    'dynrec, first fit of split 0': [(4, {'valid/f_score': 0.25})],
    'rnn, split 0': [(8, {'train/loss': 2.0})],
    'rnn, first fit of split 0': [(3, {'valid/f_score': 0.5})],
  }


def test_none(tmp_path):
  assert curves.read_curves(str(tmp_path), {}) == {}


def test_a_damaged_line_is_named(tmp_path):
  log(tmp_path / 'split_0', (1, {'x': 1.0}))
  path = tmp_path / 'split_0' / 'metrics.jsonl'
  path.write_text('half a li\n' + path.read_text())
  with pytest.raises(ValueError, match=r'metrics\.jsonl line 1'):
    curves.read_curves(str(tmp_path), {})
