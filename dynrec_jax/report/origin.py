"""What data a run was of, in words: every table and figure says so."""

from dynrec_jax.report.runs import Run
from dynrec_jax.sources import load

PAPER_DATA = (
  "Printed: the paper's cells, of the paper's own data, which were never "
  'published.'
)


def sentences(run: Run) -> str:
  """The data and the protocol, for a caption."""
  data, catalogue = run.facts['data'], run.facts['catalogue']
  size = f'{catalogue["users"]:,} users × {catalogue["videos"]:,} videos'
  if not is_simulated(run):
    return f'Data: {data["name"]}, {size}. {_protocol(run)}'
  return (
    f'Simulated data ({data["name"]}, world {data["world"]}, seed '
    f'{data["world_seed"]}; {size}): no real user or video is in them, and '
    'what is found here is found under these assumptions. '
    f'{_protocol(run)}'
  )


def title(run: Run) -> str:
  """The same in a line, for a figure."""
  data, catalogue = run.facts['data'], run.facts['catalogue']
  size = f'{catalogue["users"]:,} users × {catalogue["videos"]:,} videos'
  if is_simulated(run):
    return f'simulated data (world {data["world"]}), {size}'
  return f'{data["name"]}, {size}'


def is_simulated(run: Run) -> bool:
  """Whether nobody lived what the run was of."""
  return run.facts['data']['name'] in load.SIMULATED


def is_split_by_time(run: Run) -> bool:
  """Whether one date cuts the log, the same for everybody."""
  # Runs of earlier versions knew the paper's protocol alone.
  return run.facts['split'].get('by', 'users') == 'time'


def _protocol(run: Run) -> str:
  """Who was tested."""
  scenario, split = run.facts['scenario'], run.facts['split']
  if is_split_by_time(run):
    return (
      f'Scenario {scenario}; one date cuts the log, and everybody is tested '
      'who has a history before it and a truth after it.'
    )
  count, share = split['seeds'], 100 * split['test_frac']
  return (
    f'Scenario {scenario}; {share:g} % of the users, drawn at random, '
    f'are tested, in {count} split{"s" if count > 1 else ""}.'
  )
