"""Runs side by side: F at k of each, and what each changes against the first.

  python -m dynrec_jax.study.compare runs/a runs/b runs/c

reads the `results.json` of each run, see `report/compare.py`.
"""

import sys

from dynrec_jax.report import compare
from dynrec_jax.study import identity

if __name__ == '__main__':
  compare.main(sys.argv[1:], identity.COMPARISON)
