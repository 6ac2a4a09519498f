"""The names after a config's colon: where data come from, and what differs.

Not a config itself. A variant is one name or several with commas between:
`single.py:movietweetings,paper`. Names of simulated worlds are `simulated`
(1,000 users by 1,700 videos), `simulated_tiny`, `simulated_paper` (the paper's
sizes) and `simulated_no_drift` and so on, one mechanism switched off. All but
`simulated_paper` train two splits for few epochs, to end in minutes.
"""

from collections.abc import Mapping

import ml_collections

from dynrec_jax.sources import simulation
from dynrec_jax.study import methods

WORLDS: Mapping[str, str] = {
  'simulated': 'small',
  'simulated_tiny': 'tiny',
  'simulated_paper': 'paper',
  **{f'simulated_{name}': f'small:{name}' for name in simulation.KNOCK_OUTS},
}
DATA = (*WORLDS, 'movietweetings', 'files')
CHANGES = ('practical', 'paper', 'plus', 'no_relevance')
VARIANTS = (*DATA, *CHANGES)


def apply(c: ml_collections.ConfigDict, variant: str) -> None:
  """Sets what the variant names; the source alone if it names no other.

  Raises:
    ValueError: an unknown name, or two sources or presets at once.
  """
  names = [name for name in variant.split(',') if name]
  for name in names:
    if name not in VARIANTS:
      raise ValueError(
        f'unknown variant {name!r}; valid are {", ".join(VARIANTS)}'
      )
  for group in (DATA, ('practical', 'paper', 'plus')):
    if len(set(names) & set(group)) > 1:
      raise ValueError(f'variant {variant!r} names two of {", ".join(group)}')
  source = next((name for name in names if name in DATA), 'simulated')
  _set_source(c, source)
  c.opt.preset = 'paper' if 'paper' in names else 'practical'
  if source == 'movietweetings':
    # Adam at the paper's 1e-3 gets as far, in twice the epochs or more.
    c.opt.learning_rate = 1e-3 if 'paper' in names else 4e-3
    c.train.patience = 3
  if 'plus' in names:
    c.update_from_flattened_dict(dict(methods.PLUS))
  if 'no_relevance' in names:
    c.loss.relevance_weight = 0.0
  c.workdir = '_'.join([f'runs/{c.scenario}', *(names or ['simulated'])])


def _set_source(c: ml_collections.ConfigDict, source: str) -> None:
  """The data, and what a study of them asks for."""
  if source in WORLDS:
    c.data.name = 'simulated_year'
    c.data.world = WORLDS[source]
    c.sessions.start, c.sessions.end = '2013-06-01', '2014-06-01'
    if c.data.world != 'paper':  # a first look, done in minutes
      c.split.seeds, c.train.patience, c.train.max_epochs = 2, 3, 10
    return
  c.data.name = source
  if source == 'movietweetings':  # whole days; the snapshot ends on 1 September
    c.sessions.start, c.sessions.end = '2013-02-28', '2013-09-01'
  # MovieTweetings' download has titles and genres alone, logs may have less.
  c.text.fields = ('title', 'description', 'tags', 'categories')
  if source == 'movietweetings':
    c.text.encoder, c.text.word_vectors = 'kim_cnn', 'googlenews'
