"""Keys of generation, evaluation, recommending and the search for weights."""

from dynrec_jax import predict
from dynrec_jax.baselines import popularity
from dynrec_jax.study import weight_search
from dynrec_jax.study.keys.declared import (
  DifferentNumbers,
  Key,
  Of,
  OneOf,
  Switch,
  Text,
  Texts,
  Whole,
)
from dynrec_jax.study.keys.of_model import WEIGHT

SECTIONS = {
  'decode': 'Lists',
  'eval': 'Evaluation',
  'pop': 'The popularity baseline',
  'recommend': '`mode=recommend`',
  'compare': '`mode=compare`',
  'cv': '`mode=cross_validate`: lambda_1 to lambda_3 by 3-fold '
  'cross-validation',
}

KEYS = {
  'decode.method': Key(
    'greedy_seq',
    OneOf(predict.METHODS),
    Of.STOPPING,
    'one video after the other, each the most probable, or the most probable '
    'ones of the first step',
    decision=24,
  ),
  'decode.k': Key(5, Whole(1, 1000), Of.SCORES, 'in a list', unit='videos'),
  'eval.mask_history': Key(
    True,
    Switch(),
    Of.SCORES,
    'known videos stand in no list and in no truth',
    decision=23,
  ),
  'pop.source': Key(
    'train',
    OneOf(popularity.SOURCES),
    Of.BASELINES,
    "popular with train users, or by the catalogue's view counts",
    decision=26,
  ),
  'recommend.users': Key(
    (), Texts('ids of users in the data'), Of.NOTHING, '`()` is all'
  ),
  'recommend.history': Key(
    '',
    Text('a file'),
    Of.NOTHING,
    "new users' watches (tweets in the cross network), instead of users in the "
    'data',
  ),
  'recommend.output': Key(
    '',
    Text('a JSONL file'),
    Of.NOTHING,
    "`''` is recommendations.jsonl in the workdir",
  ),
  'recommend.split': Key(
    0, Whole(0, 999), Of.NOTHING, 'whose checkpoint is used'
  ),
  'compare.runs': Key(
    (),
    Texts('folders of runs of the same users'),
    Of.NOTHING,
    'the first is what the others are compared with; `()` is the workdir',
  ),
  'compare.methods': Key(
    (),
    Texts('names of methods'),
    Of.NOTHING,
    'of each run, the first to compare with; `()` is the model of several '
    'runs, or the model and all others of one',
  ),
  'cv.grid': Key(
    'full',
    OneOf(weight_search.GRIDS),
    Of.TRIED,
    "all combinations, or one weight after the other from `loss`'s",
    decision=3,
  ),
  'cv.split': Key(
    0,
    Whole(0, 999),
    Of.FOLDS,
    'whose users, but for the tested ones, make the folds',
  ),
  'cv.semantic_weight': Key(
    (0.2, 0.4, 0.6, 0.8),
    DifferentNumbers(WEIGHT),
    Of.TRIED,
    'what to try',
    tries='loss.semantic_weight',
  ),
  'cv.interest_weight': Key(
    (0.2, 0.4, 0.6, 0.8),
    DifferentNumbers(WEIGHT),
    Of.TRIED,
    'what to try',
    tries='loss.interest_weight',
  ),
  'cv.relevance_weight': Key(
    (0.2, 0.4, 0.6, 0.8),
    DifferentNumbers(WEIGHT),
    Of.TRIED,
    'what to try',
    tries='loss.relevance_weight',
  ),
}
