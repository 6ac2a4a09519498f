"""Runs by hand: who was tested, how much they watched, how many hits."""

import json

import numpy as np

from dynrec_jax.report import table
from dynrec_jax.report.runs import Run
from dynrec_jax.report.user_lists import UserLists

# Two splits; b is tested in both, d has no truth in the first.
USERS = (('a', 'b', 'd'), ('b', 'c', 'd'))
TRUTH = ((5, 2, 0), (1, 4, 2))
LABELS = {'random': 'Random', 'popularity': 'Most viewed', 'model': 'dynrec'}


def facts_of(scenario='single', *, k=5, world='small', name='simulated_year'):
  """What a report reads of a config."""
  return {
    'scenario': scenario,
    'decode': {'k': k},
    'split': {'seeds': 2, 'test_frac': 0.2},
    'data': {'name': name, 'world': world, 'world_seed': 6},
    'catalogue': {'users': 1234, 'videos': 56},
  }


def splits_of(hits, users=USERS, truth=TRUTH) -> list[UserLists]:
  """A method's lists; `hits` is per split and user."""
  return [
    UserLists(list(own), [['v']] * len(own), np.array(found), np.array(size))
    for own, found, size in zip(users, hits, truth, strict=True)
  ]


def run_of(modes, facts=None, name='run', skipped=(), labels=LABELS) -> Run:
  """A run of mode -> method -> hits."""
  lists = {
    (mode, method): splits_of(hits)
    for mode, methods in modes.items()
    for method, hits in methods.items()
  }
  return Run(name, facts or facts_of(), lists, list(skipped), labels)


def level_run(levels, facts=None, name='run', users=40, **more) -> Run:
  """A run of mode -> method -> hits of everybody, of 5 videos, in one split.

  With lists of 5 and a truth of 5 precision, recall and F are hits / 5, and
  without a spread over users no interval has a width.
  """
  names = [f'u{number}' for number in range(users)]
  lists = {
    (mode, method): [
      UserLists(
        names,
        [['v']] * users,
        np.broadcast_to(np.asarray(hits), users),
        np.full(users, 5),
      )
    ]
    for mode, methods in levels.items()
    for method, hits in methods.items()
  }
  return Run(name, facts or facts_of(), lists, **more)


def write_run(folder, run: Run) -> None:
  """The run as a folder that `runs.read_run` reads."""
  for (mode, method), splits in run.lists.items():
    for number, lists in enumerate(splits):
      path = folder / f'split_{number}' / 'lists' / mode / f'{method}.jsonl'
      path.parent.mkdir(parents=True, exist_ok=True)
      rows = [
        {'user': user, 'videos': videos, 'hits': int(hits), 'truth': int(truth)}
        for user, videos, hits, truth in zip(*lists, strict=True)
      ]
      path.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  facts = {
    'config': run.facts,
    'skipped': [of._asdict() for of in run.skipped],
    'labels': dict(run.labels),
  }
  rows = table.make_rows(run.lists, k=run.facts['decode']['k'])
  (folder / 'results.json').write_text(table.as_json(rows, facts))
