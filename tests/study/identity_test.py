"""Which keys two runs must share, against the lists written out."""

import numpy as np
import pytest

from configs import default
from dynrec_jax.checkpoint import same_config
from dynrec_jax.data import summary
from dynrec_jax.data.split import UserSplit
from dynrec_jax.features.basis import Basis
from dynrec_jax.study import identity, keys

# Sections stand for all of their keys.
CHECKPOINT = (
  'catalogue',
  'seed',
  'scenario',
  'data.name',
  'data.world',
  'data.world_seed',
  'data.watched',
  'data.topics_date',
  'data.require_visual',
  'filter',
  'sessions',
  'split.by',
  'split.test_frac',
  'split.cut',
  'split.new_videos',
  'split.valid_sessions',
  'seq',
  'text.encoder',
  'text.fields',
  'text.size',
  'visual.encoder',
  'features',
  'topics.yt',
  'topics.count',
  'topics.tweet_count',
  # The catalogue's digest knows topics up to n_f; these decide later ones too.
  'topics.least_tweets',
  'topics.starts',
  'topics.start_rounds',
  'topics.first_days',
  'topics.first_sweeps',
  'topics.day_sweeps',
  'topics.mode_count',
  'topics.retention',
  'interest',
  'model',
  'loss',
  'sem',
  'rel',
  'opt',
  'train.batch_size',
  'train.val_frac',
  'train.stop_by',
  'train.refit',
  'train.streamed',
  'variants',
  'static',
  'plus',
)
CROSS_VALIDATION = (
  *CHECKPOINT,
  'train.max_epochs',
  'train.patience',
  'decode.method',
  'decode.k',
  'eval.mask_history',
  'cv.split',
)
SEARCHED = {f'loss.{x}_weight' for x in ('semantic', 'interest', 'relevance')}
COMPARISON = (
  'catalogue.users',
  'catalogue.videos',
  'catalogue.data.users',
  'catalogue.data.watches',
  'scenario',
  'seed',
  'data.name',
  'data.world',
  'data.world_seed',
  'data.watched',
  'data.topics_date',
  'data.require_visual',
  'filter',
  'sessions',
  'split.seeds',
  'split.by',
  'split.test_frac',
  'split.cut',
  'split.new_videos',
  'decode.k',
  'eval.mask_history',
)
CATALOGUE = {
  'videos': 5,
  'users': 3,
  'fingerprint': 'f',
  'data': dict.fromkeys(summary.TABLES, 'd'),
}


@pytest.mark.parametrize(
  ('found', 'written', 'but'),
  [
    (identity.CHECKPOINT, CHECKPOINT, set()),
    (identity.CROSS_VALIDATION, CROSS_VALIDATION, SEARCHED),
    (identity.COMPARISON, COMPARISON, set()),
  ],
)
def test_what_must_be_shared(found, written, but):
  facts = default.get_config().to_dict() | {'catalogue': CATALOGUE}
  wanted = same_config.select(facts, written)
  assert same_config.select(facts, found) == {
    name: value for name, value in wanted.items() if name not in but
  }
  assert len(set(found)) == len(found)


def test_a_saved_config_tells_its_catalogue(study):
  saved = identity.saved_config(study.config, study.prepared)
  assert saved.pop('catalogue') == {
    'videos': len(study.prepared.records.videos.id),
    'users': len(study.prepared.records.user_ids),
    'fingerprint': study.prepared.fingerprint,
    'data': summary.table_digests(study.prepared.summary),
  }
  assert saved == study.config.to_dict()


def test_a_split_is_another_where_others_are_tested(study):
  """Validation users may train: a second fit is of the same split."""

  def told(train, valid, test):
    users = UserSplit(*(np.array(of, np.int32) for of in (train, valid, test)))
    saved = identity.saved_config(study.config, study.prepared, splits=[users])
    return saved['catalogue']['split']

  assert told([0, 3], [1], [2]) == told([0, 1, 3], [], [2])
  found = {
    told([0, 3], [1], [2]),
    told([0, 3], [2], [1]),
    told([0, 3], [1], []),
  }
  assert len(found) == 3


def test_serving_is_of_the_same_users_videos_and_content():
  """And not of the watches, which go on."""
  facts = default.get_config().to_dict() | {'catalogue': CATALOGUE}
  trained = same_config.select(facts, identity.CHECKPOINT)
  serves = same_config.select(facts, identity.SERVING)
  assert trained.keys() - serves.keys() == {
    f'catalogue.data.{of}' for of in summary.TABLES if of != 'users'
  }
  assert serves.keys() <= trained.keys()


def test_a_key_without_a_result_is_nobody_s():
  """Nor are the keys that the catalogue's digest stands for."""
  for name, key in keys.KEYS.items():
    shared = name in {
      *identity.CHECKPOINT,
      *identity.CROSS_VALIDATION,
      *identity.COMPARISON,
    }
    of = keys.Of
    free = key.of in (of.NOTHING, of.DIGESTED, of.TRIED, of.BASELINES)
    assert shared != free, name


def test_a_checkpoint_tells_the_basis_it_is_in(study):
  """Coordinates mean nothing in another one; without any nothing is told."""
  plain = identity.saved_config(study.config, study.prepared)
  assert 'basis' not in plain['catalogue']
  vectors = np.eye(12, 3, dtype=np.float32)
  one, other = (
    identity.saved_config(study.config, study.prepared, Basis(turned, 1.0))
    for turned in (vectors, -vectors)
  )
  assert one['catalogue']['basis'] != other['catalogue']['basis']
  assert {**one['catalogue'], 'basis': 0} == {**plain['catalogue'], 'basis': 0}


def test_lists_follow_from_the_method_s_own_keys_alone():
  """Another method's settings make no list again."""
  found = identity.lists_of('ridge')
  assert 'ridge.regularization' in found
  assert not any(name.startswith(('lfm.', 'pop.')) for name in found)
  assert {'decode.k', 'eval.mask_history', 'sessions.L', 'seed'} <= set(found)
  assert 'eval.methods' not in found
  assert not any(name.startswith('ridge.') for name in identity.lists_of(''))


def test_young_keys_say_their_defaults_where_they_are_absent():
  assert identity.ABSENT == {
    'static.keep_aux': True,
    'data.watched': '',
    'data.topics_date': '',
    'seq.max_bag': 2000,
    'features.basis': 'given',
    'features.kept': 1.0,
    'rel.partners': 'drawn',
    'seq.weight': 'watch',
    'loss.mask_known': False,
    'opt.average': 0.0,
    'train.stop_by': 'f_score',
    'train.refit': False,
    'train.streamed': False,
    'loss.coherence': 'softmax',
    'loss.shared': 8192,
    'loss.proposal': 'unigram',
    'loss.in_batch': True,
    'plus.members': 4,
    'plus.hidden': 32,
    'plus.content': 'half',
    'plus.calendar': 'counts',
    'plus.mean': 'all',
    'plus.interest': False,
    'plus.input_dropout': 0.3,
    'plus.dropout': 0.3,
    'plus.row_dropout': 0.5,
    'plus.ahead': 2,
  }
  assert set(identity.ABSENT) <= set(identity.CHECKPOINT)
