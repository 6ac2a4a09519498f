"""When two runs are the same: the keys that must agree.

A checkpoint fits a run whose weights would have been learned in the same way,
a cross-validation's file goes on where its results would be the same, and runs
are compared that tested the same users on the same truth.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np

from dynrec_jax.data import summary
from dynrec_jax.data.split import UserSplit
from dynrec_jax.features.basis import Basis
from dynrec_jax.storage import digests
from dynrec_jax.study import keys
from dynrec_jax.study.keys import Of
from dynrec_jax.study.prepare import Prepared

_LEARNED = (Of.STUDY, Of.CONTENT, Of.MODEL, Of.TRAINING)


def _names(of: Collection[Of]) -> tuple[str, ...]:
  """The keys that something of these depends on."""
  return tuple(name for name, key in keys.KEYS.items() if key.of in of)


# What chooses users, videos, events and their content from a source.
DATA = _names((Of.STUDY, Of.CONTENT))
# All that a state is learned by.
LEARNED = _names(_LEARNED)
# What cross-validation chooses, so that its results are of many values.
_SEARCHED = frozenset(key.tries for key in keys.KEYS.values() if key.tries)
# 'catalogue' is what `saved_config` adds: the data, the split, and a digest of
# all features and topics, which stands for the keys that are `Of.DIGESTED`.
CHECKPOINT = ('catalogue', *LEARNED)
# What parameters mean something for: the same videos, content and users. What
# these have watched since is read as what is known of them by now.
SERVING = (
  'catalogue.videos',
  'catalogue.users',
  'catalogue.fingerprint',
  'catalogue.basis',
  'catalogue.split',
  'catalogue.data.users',
  *_names(_LEARNED),
)
# What results say that were left before there were these keys.
ABSENT = {name: key.default for name, key in keys.KEYS.items() if key.young}
CROSS_VALIDATION = (
  'catalogue',
  *(
    name
    for name in _names((*_LEARNED, Of.STOPPING, Of.SCORES, Of.FOLDS))
    if name not in _SEARCHED
  ),
)
_LISTS = _names((Of.STUDY, Of.CONTENT, Of.MODEL, Of.STOPPING, Of.SCORES))
# Features and topics are what a comparison may be about: no digest.
COMPARISON = (
  'catalogue.users',
  'catalogue.videos',
  'catalogue.data.users',
  'catalogue.data.watches',
  *_names((Of.STUDY, Of.SPLITS, Of.SCORES)),
)


# What a network's trials follow from, but for what is tried.
TRIALS = ('catalogue', *_names((*_LEARNED, Of.STOPPING, Of.SCORES)))


def trials_of(section: str) -> tuple[str, ...]:
  """The same of a method whose own keys stand in a section."""
  return (
    'catalogue',
    'train.val_frac',
    'split.valid_sessions',
    *lists_of(section),
  )


def lists_of(section: str) -> tuple[str, ...]:
  """What a method's lists follow from, beside the data and what it learned.

  Args:
    section: its own keys stand there; '' of a method without any.
  """
  own = (
    name for name in keys.KEYS if section and keys.section(name) == section
  )
  return (*_LISTS, *own)


def saved_config(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  basis: Basis | None = None,
  splits: Sequence[UserSplit] = (),
) -> Mapping[str, Any]:
  """The config as checkpoints keep it, with the catalogue it is for.

  Args:
    config: of the run.
    prepared: the study.
    basis: in which the network has learned T_v, of a checkpoint.
    splits: who is tested and who is not, of a checkpoint or of folds.
  """
  catalogue = {
    'videos': len(prepared.records.videos.id),
    'users': len(prepared.records.user_ids),
    'fingerprint': prepared.fingerprint,
    'data': summary.table_digests(prepared.summary),
  }
  if splits:
    # A second fit trains on validation users too, and is of the same split.
    sides = [[np.union1d(of.train, of.valid), of.test] for of in splits]
    catalogue['split'] = digests.content_hash(sides)[:16]
  if basis is not None:
    catalogue['basis'] = digests.fingerprint(basis.vectors)
  return config.to_dict() | {'catalogue': catalogue}
