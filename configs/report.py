"""The paper's Section 4, whole, on a data set of choice, and a report on it.

  python -m dynrec_jax.main --config=configs/report.py

takes a simulated year through every method, tuned, both scenarios and both
protocols, and writes `report/report.html` with all tables and figures into the
workdir. Real data:

  python -m dynrec_jax.main --config=configs/report.py:movietweetings \
    --config.data.manual_dir=FOLDER
  python -m dynrec_jax.main --config=configs/report.py:files \
    --config.data.manual_dir=FOLDER \
    --config.sessions.start=2013-06-01 --config.sessions.end=2014-06-01

A simulated year has mechanisms that each claim of the paper rests on.

  python -m dynrec_jax.main --config=configs/report.py:doses

draws each claim's gain against five strengths of its mechanism (`doses.png`),
of the methods alone that the claims name: 2 studies of the year as it is, whose
settings all others take, and 4 more for each of 7 mechanisms. Commas join it to
another world, as in `report.py:simulated_tiny,doses`.

It can be stopped at any moment and given again. `--config.mode=report` makes
the report anew from what the runs left, without training.
"""

import ml_collections

from configs import cross, single, variants
from dynrec_jax.sources import load
from dynrec_jax.study import keys, studies

_DOSES = 'doses'
VARIANTS = (*variants.VARIANTS, _DOSES)


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Every study of the variant's data."""
  names = [name for name in variant.split(',') if name]
  # `plus` is one of the methods of every study.
  source = ','.join(n for n in names if n not in ('plus', _DOSES))
  c, other = single.get_config(source), cross.get_config(source)
  for of in (c, other):  # not those that their own configs show first
    of.eval.methods = studies.claimed(of.scenario) if _DOSES in names else ()
    of.split.seeds = max(of.split.seeds, 2)  # one alone tells no spread
  c.report.cross = tuple(
    f'{name}={keys.value(other, name)}'
    for name in keys.KEYS
    if name not in ('scenario', 'workdir')
    and keys.value(other, name) != keys.value(c, name)
  )
  c.mode = 'reproduce'
  c.workdir = c.workdir.replace('runs/single', 'runs/report', 1)
  if _DOSES in names:
    c.report.studies = ('single', 'cross', _DOSES)
    c.workdir += f'_{_DOSES}'
  elif c.data.name in load.SIMULATED:
    c.report.studies = (*c.report.studies, 'knock_outs')
  elif c.data.name in load.WITHOUT_TWEETS:
    c.report.studies = tuple(
      study for study in c.report.studies if not study.startswith('cross')
    )
  return c
