"""The names after a config's colon: where data come from, and what differs.

Not a config itself. A variant is one name or several with commas between:
`single.py:movietweetings,paper`. Names of simulated worlds are `simulated`
(1,000 users by 1,700 videos), `simulated_tiny`, `simulated_paper` (the paper's
sizes) and `simulated_no_drift` and so on, one mechanism switched off. `paper`
is the paper's everything, on every source; `practical`, which is meant where no
preset is named, says below what differs and why; `plus` is beyond both, and
has of `practical` what is no matter of its network.
"""

from collections.abc import Mapping

import ml_collections

from dynrec_jax.sources import load, simulation
from dynrec_jax.study import methods

WORLDS: Mapping[str, str] = {
  'simulated': 'small',
  'simulated_tiny': 'tiny',
  'simulated_paper': 'paper',
  **{f'simulated_{name}': f'small:{name}' for name in simulation.KNOCK_OUTS},
}
DATA = (*WORLDS, 'movietweetings', *load.OF_FOLDERS)
PRESETS = ('practical', 'paper', 'plus')
VARIANTS = (*DATA, *PRESETS, 'no_relevance')


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
  for group in (DATA, PRESETS):
    if len(set(names) & set(group)) > 1:
      raise ValueError(f'variant {variant!r} names two of {", ".join(group)}')
  source = next((name for name in names if name in DATA), 'simulated')
  _set_source(c, source)
  if 'paper' in names:
    _set_paper(c, source)
  else:
    _set_practical(c, source)
  if 'plus' in names:
    c.update_from_flattened_dict(dict(methods.PLUS))
  if 'no_relevance' in names:
    c.loss.relevance_weight = 0.0
  c.workdir = '_'.join([f'runs/{c.scenario}', *(names or ['simulated'])])


def _set_source(c: ml_collections.ConfigDict, source: str) -> None:
  """The data and their span."""
  if source in WORLDS:
    c.data.name = 'simulated_year'
    c.data.world = WORLDS[source]
    c.sessions.start, c.sessions.end = '2013-06-01', '2014-06-01'
    return
  c.data.name = source  # the span of what lies in a folder is asked for
  if source == 'movietweetings':  # whole days; the snapshot ends on 1 September
    c.sessions.start, c.sessions.end = '2013-02-28', '2013-09-01'


def _set_paper(c: ml_collections.ConfigDict, source: str) -> None:
  """The paper's everything, whatever the source.

  Keys are at the paper's values by default: SGD at 1e-3, sums, patience 10 of
  at most 200 epochs, five splits, t by Kim's CNN over title, description and
  tags (A33). Beside these: the paper trains on 80 % of the users, so those who
  stopped the training train too (A3); and the CNN reads GoogleNews' vectors
  where the file lies (vectors of the texts elsewhere), but of simulated words,
  which are made up.
  """
  c.opt.preset = 'paper'
  c.train.refit = True
  if source not in WORLDS:
    c.text.word_vectors = 'googlenews'


def _set_practical(c: ml_collections.ConfigDict, source: str) -> None:
  """A first look on two cores; what differs from the paper, and why.

  - Adam and means over samples, not SGD and sums: fewer epochs, and weights of
    the losses that do not depend on the minibatch.
  - Validation users only stop the training (`train.refit` is off): half the
    time.
  - t by TF-IDF with SVD, not by Kim's CNN: seconds, and no labels are needed,
    which own logs may lack. MovieTweetings has genres, and keeps the CNN.
  - Real videos' categories are read too: MovieTweetings' download has titles
    and genres alone, own logs may have less.
  - MovieTweetings: learning rate 4e-3, patience 3. Adam at the paper's 1e-3
    gets as far, in twice the epochs or more.
  - MicroLens: users with 5 videos stay, as in its own 50K and 100K. They have 7
    on average, and the paper's rule of 11 would leave few.
  - Simulated years but for the paper's size: partners among a batch's own
    anchors, a third of the sequences; one split of at most 10 epochs, patience
    2. A first table stands within two minutes.
  """
  c.opt.preset = 'practical'
  c.text.encoder = 'tfidf_svd'
  if source in WORLDS:
    if c.data.world != 'paper':
      c.rel.partners = 'in_batch'
      c.split.seeds, c.train.patience, c.train.max_epochs = 1, 2, 10
    return
  c.text.fields = ('title', 'description', 'tags', 'categories')
  if source == 'microlens':
    c.filter.min_videos_per_user = 5
  if source == 'movietweetings':
    c.text.encoder, c.text.word_vectors = 'kim_cnn', 'googlenews'
    c.opt.learning_rate, c.train.patience = 4e-3, 3
