"""What was tried for each method, and what was best."""

from collections.abc import Mapping, Sequence
from typing import Any


def as_markdown(
  found: Mapping[str, Sequence[tuple[Mapping, Mapping[str, Any]]]],
  *,
  k: int,
  labels: Mapping[str, str],
) -> str:
  """A row per trial, the best of each method in bold.

  Args:
    found: method -> (point, result) of each trial; of a result 'f_score', the
      mean over the borders, and 'cannot', why there is none.
    k: length of the lists.
    labels: how each method is called.
  """
  lines = [f'| method | settings | validation F@{k} |', '|---|---|---|']
  for name, trials in found.items():
    best = max(
      (i for i, (_, result) in enumerate(trials) if not result['cannot']),
      key=lambda i: trials[i][1]['f_score'],
      default=-1,
    )
    for place, (point, result) in enumerate(trials):
      words = ', '.join(f'{key}={value}' for key, value in point.items())
      score = f'{result["f_score"]:.4f}'
      if result['cannot']:
        score = f'not run: {result["cannot"]}'
      elif place == best:
        score = f'**{score}**'
      lines.append(f'| {labels[name]} | {words} | {score} |')
  return '\n'.join(lines)
