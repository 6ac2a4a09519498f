"""Any methods of any runs of the same users, side by side."""

import ml_collections

from dynrec_jax.report import comparison, runs
from dynrec_jax.study import identity, workdir

_MODEL = 'model'


def compare(config: ml_collections.ConfigDict) -> str:
  """F at k of each row, and its change against the first with its interval.

  Reads what the runs in the folders `compare.runs` (this run's workdir if none
  is named) left, and shows `compare.methods` of each: if none is named, the
  model of several runs, or the model and all others of one. Saved as
  `comparison.md` in the workdir where it is this run's own.

  Returns:
    The table.

  Raises:
    ValueError: a run that did not end, or that tested others, or a name given
      twice; names the file or the key that differs.
  """
  named, methods = tuple(config.compare.runs), tuple(config.compare.methods)
  for key, names in (('runs', named), ('methods', methods)):
    twice = [name for name in names if names.count(name) > 1]
    if twice:
      raise ValueError(f'compare.{key} names {twice[0]!r} twice; right: once')
  found = [runs.read_run(path) for path in named or (config.workdir,)]
  if len({run.name for run in found}) < len(found):  # of different folders
    found = [
      run._replace(name=path) for run, path in zip(found, named, strict=True)
    ]
  if not methods:
    every = dict.fromkeys(method for _, method in found[0].lists)
    others = [method for method in every if method != _MODEL]
    methods = (_MODEL,) if len(found) > 1 else (_MODEL, *others)
  text = comparison.comparison(found, identity.COMPARISON, methods)
  if not named:
    workdir.write_text(config, 'comparison.md', text)
  return text
