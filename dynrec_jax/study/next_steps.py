"""What a user may want to run after a table: commands, to be pasted."""

import ml_collections

from dynrec_jax.sources import load

_COMMAND = 'python -m dynrec_jax.main --config=configs/'
_FOLDER = ' --config.data.manual_dir=FOLDER'


def next_steps(config: ml_collections.ConfigDict) -> str:
  """Commands that go on from a study of this config's data.

  Returns:
    A line for each: what it gives, and the command.
  """
  page, source = f'{config.scenario}.py', config.data.name
  streams = config.scenario == 'cross'  # they come with a folder alone
  if source in load.SIMULATED:
    folder = _FOLDER if streams else ''
    steps = {
      'Real data': f'{_COMMAND}{page}:movietweetings{folder}',
      'Your own logs': f'{_COMMAND}{page}:files{_FOLDER}',
      'Every method, tuned, and a report': f'{_COMMAND}report.py',
    }
  else:
    source = source.removesuffix('_streams')
    folder = _FOLDER if streams or source in load.OF_FOLDERS else ''
    report = f'{_COMMAND}report.py:{source}{folder}'
    steps = {
      'The best lists on real data': f'{_COMMAND}{page}:{source},plus{folder}',
      'Every method, tuned, and a report': report,
      'Lists of users': 'the same command with --config.mode=recommend',
    }
    if config.model.network == 'plus':
      del steps['The best lists on real data']
  lines = [f'- {what}: {how}' for what, how in steps.items()]
  return '\n'.join(['Next:', *lines])
