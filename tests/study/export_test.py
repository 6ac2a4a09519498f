"""Exported folders, loaded without the package, against `mode=recommend`."""

import json
import pathlib
import subprocess
import sys

import networks
import pytest
import saved_runs
import worlds

from dynrec_jax.serving import folder_service
from dynrec_jax.serving.asked import Asked
from dynrec_jax.study import export

# As users compile: equal to the last bit, or not.
CASES = {
  'dynamic': ('model', {}),
  'top': ('model', {'decode__method': 'topk_first', 'interest__norm': 'l2'}),
  'history': (
    'model',
    {'model__history_mode': 'topic_then_history', 'eval__mask_history': False},
  ),
  'chain': (
    'model',
    {
      'model__history_mode': 'session_chain',
      'interest__norm': 'count',
      'model__gru_bias': True,
      'decode__k': 3,
    },
  ),
  'rnn': ('rnn', {}),
  'rnn_sem': ('rnn_sem', {}),
  'static_dnn': ('static_dnn', {}),
  'plus': ('plus', {'plus__interest': True, 'seq__max_bag': 5}),
}
# A process that finds nothing of the package, wherever it lies, runs examples.
ALONE = """
import contextlib, pathlib, runpy, sys
class Never:
  def find_spec(self, name, path=None, target=None):
    if name.split('.')[0] in ('dynrec_jax', 'configs'):
      raise ImportError(f'{name} must not be needed')
sys.meta_path.insert(0, Never())
for folder in map(pathlib.Path, sys.argv[1:]):
  asked = folder.with_name('asked.json')
  sys.argv = [str(folder / 'serve_example.py'), str(asked)]
  with open(folder.with_name('found.jsonl'), 'w') as file:
    with contextlib.redirect_stdout(file):
      runpy.run_path(sys.argv[0], run_name='__main__')
  sys.path.remove(str(folder))
  for name in ('histories', 'tweet_reader', 'tweet_words', 'stop_words'):
    sys.modules.pop(name, None)
"""


def run_examples(asked):
  """The lists that the folders' own examples make, in a process of their own.

  Args:
    asked: histories of users by folder.
  """
  for folder, histories in asked.items():
    folder.with_name('asked.json').write_text(json.dumps(histories))
  done = subprocess.run(
    [sys.executable, '-I', '-c', ALONE, *map(str, asked)],
    capture_output=True,
    text=True,
    check=False,
    cwd='/',
  )
  assert done.returncode == 0, done.stderr
  found = {}
  for folder in asked:
    lines = folder.with_name('found.jsonl').read_text().splitlines()
    found[folder] = [json.loads(line) for line in lines]
  return found


def exported(run, **changes):
  config = run.config(mode='export', **changes)
  return pathlib.Path(export.export(config, run.study.prepared))


def past(run, count):
  """What the data's first users watched."""
  own, ids = run.study.prepared.watches, run.study.prepared.records.videos.id
  return {
    user: [
      (ids[own.item[n]], int(own.time[n]))
      for n in range(own.offsets[row], own.offsets[row + 1])
    ]
    for row, user in enumerate(run.study.prepared.records.user_ids[:count])
  }


def check_service(folder, histories, found):
  """A server of the folder answers the same, known to nobody."""
  service = folder_service.FolderService(folder, 100)
  asked = [
    Asked('', tuple(map(tuple, own)), service.limits.most_videos)
    for own in histories.values()
  ]
  for answer, row in zip(service.answers(asked), found, strict=True):
    assert (answer.videos, answer.scores) == (row['videos'], row['scores'])
  unlisted = {f'v{n}' for n in range(worlds.VIDEOS, worlds.VIDEOS + 3)}
  for of, answer in zip(asked[:9], service.answers(asked[:9]), strict=True):
    strangers = sum(video in unlisted for video, _ in of.history)
    assert answer.unlisted == strangers


@pytest.mark.slow
def test_folders_make_the_same_lists_alone(tiny_settings, tmp_path):
  """Of new users, of any history; and of the data's, told what they did."""
  asked, expected = {}, {}
  for case, (method, changes) in CASES.items():
    run = saved_runs.SavedRun(tiny_settings, tmp_path / case, method, **changes)
    folder, histories = exported(run), saved_runs.watchers()
    asked[folder] = histories | past(run, 7)
    expected[folder] = run.lists_of(histories) + run.lists()[:7]
  run = saved_runs.SavedRun(
    networks.cross_settings(tmp_path), tmp_path / 'cross'
  )
  folder, histories = exported(run), saved_runs.authors()
  asked[folder], expected[folder] = histories, run.lists_of(histories)
  assert len({tuple(row['videos']) for row in expected[folder]}) > 4
  for folder, found in run_examples(asked).items():
    check_service(folder, asked[folder], found)
    lists = {row['user']: row for row in found}
    # Who watched unlisted videos alone is nobody in a table of watches.
    assert [lists[row['user']] for row in expected[folder]] == expected[folder]
