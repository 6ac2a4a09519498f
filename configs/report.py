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

It can be stopped at any moment and given again. `--config.mode=report` makes
the report anew from what the runs left, without training.
"""

import ml_collections

from configs import cross, single, variants
from dynrec_jax.study import keys

VARIANTS = variants.VARIANTS


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Every study of the variant's data."""
  # `plus` is one of the methods of every study.
  variant = ','.join(n for n in variant.split(',') if n != 'plus')
  c = single.get_config(variant)
  c.mode = 'reproduce'
  c.eval.methods = ()
  other = cross.get_config(variant)
  c.report.cross = tuple(
    f'{name}={keys.value(other, name)}'
    for name in keys.KEYS
    if name not in ('scenario', 'workdir')
    and keys.value(other, name) != keys.value(single.get_config(variant), name)
  )
  if c.data.name == 'simulated_year':
    c.report.studies = (*c.report.studies, 'knock_outs')
  c.workdir = c.workdir.replace('runs/single', 'runs/report', 1)
  return c
