"""Keys of generation, evaluation, recommending and the search for weights."""

from dynrec_jax import predict
from dynrec_jax.study import methods, weight_search
from dynrec_jax.study.keys.declared import (
  AnyOf,
  DifferentNumbers,
  Key,
  Of,
  OneOf,
  Path,
  Paths,
  Real,
  SomeOf,
  Switch,
  Text,
  Texts,
  Whole,
  WholeNumbers,
)
from dynrec_jax.study.keys.of_model import WEIGHT

# What a reproduction may be made of, see `study.studies`.
STUDIES = (
  'single',
  'cross',
  'single_time',
  'cross_time',
  'knock_outs',
  'doses',
)
# Of them those that only a world with mechanisms can give.
OF_WORLDS = ('knock_outs', 'doses')

SECTIONS = {
  'decode': 'Lists',
  'eval': 'Evaluation',
  'tune': "`mode=tune`: every method's settings, on validation users",
  'recommend': '`mode=recommend`',
  'updates': '`mode=update`: a trained run goes on with later days',
  'compare': '`mode=compare`',
  'report': '`mode=reproduce` and `mode=report`: every study, and the report',
  'hosts': 'Several hosts, a process each',
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
  'eval.methods': Key(
    ('random', 'popularity', 'model'),
    AnyOf(tuple(methods.METHODS)),
    Of.NOTHING,
    'what is fitted and tested; `()` is all that the scenario has',
  ),
  'tune.trials': Key(
    8,
    Whole(1, 10_000),
    Of.TRIED,
    'of every method at most; of a smaller grid all',
    unit='points of its grid',
  ),
  'tune.split': Key(
    0,
    Whole(0, 999),
    Of.NOTHING,
    'whose validation users choose, by F at every border',
  ),
  'tune.chosen': Key(
    '',
    Path('a file'),
    Of.NOTHING,
    'tuned.json of the workdir of `mode=tune`: each method as it was chosen '
    "there; `''` is as the keys say",
  ),
  'recommend.users': Key(
    (), Texts('ids of users in the data'), Of.NOTHING, '`()` is all'
  ),
  'recommend.history': Key(
    '',
    Path('a file'),
    Of.NOTHING,
    "new users' watches (tweets in the cross network), instead of users in the "
    'data',
  ),
  'recommend.output': Key(
    '',
    Path('a JSONL file', made='file'),
    Of.NOTHING,
    "`''` is recommendations.jsonl in the workdir",
  ),
  'recommend.split': Key(
    0,
    Whole(0, 999),
    Of.NOTHING,
    'whose checkpoint is used; by `mode=export` and `mode=serve`, too',
  ),
  'updates.until': Key(
    '',
    Text('a date (UTC) as in `2014-06-02`'),
    Of.NOTHING,
    "before when everything is learned; `''` is the day of the last event, "
    'which may not be over',
    decision=50,
  ),
  'updates.epochs': Key(
    2,
    Whole(1, 10_000),
    Of.NOTHING,
    'over what is new',
    unit='epochs',
    decision=50,
  ),
  'updates.replay': Key(
    0.0,
    Real(0, 1000),
    Of.NOTHING,
    'others that are learned again beside each that is there for what is new',
    unit='samples',
    decision=50,
  ),
  'updates.rate': Key(
    0.3,
    Real(0, 1000),
    Of.NOTHING,
    "the update's learning rate, as a share of `opt.learning_rate`, the "
    "training's own",
    decision=50,
  ),
  'compare.runs': Key(
    (),
    Paths('folders of runs of the same users'),
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
  'report.studies': Key(
    ('single', 'cross', 'single_time', 'cross_time'),
    SomeOf(STUDIES),
    Of.NOTHING,
    'the scenarios, by users and by time (`split.by`), and a simulated world '
    'without each of its mechanisms or at several strengths of them',
  ),
  'report.strengths': Key(
    (0.0, 0.5, 1.0, 1.5, 2.0),
    DifferentNumbers(Real(0, 10)),
    Of.NOTHING,
    "of each claim's mechanism, a study each, where `doses` are asked for: 0 "
    'is without it, 1 the world as it was calibrated, which `single` and '
    '`cross` are; a share p of something is 1 - (1 - p)^s at strength s',
  ),
  'report.cuts': Key(
    (3, 9),
    WholeNumbers(1),
    Of.NOTHING,
    'where the protocol by time cuts, a study each; the cross network at the '
    'last one',
    unit='sessions',
  ),
  'report.cross': Key(
    (),
    Texts('KEY=VALUE'),
    Of.NOTHING,
    'what differs in the cross-network studies, whatever the other keys say',
  ),
  'report.tune': Key(
    True, Switch(), Of.NOTHING, 'every method is tuned before it is tested'
  ),
  'report.runs': Key(
    (),
    Paths("NAME=FOLDER of runs, NAME as the studies' folders have it"),
    Of.NOTHING,
    'that `mode=report` is on; `()` is what lies in the workdir',
  ),
  'hosts.coordinator': Key(
    '',
    Text('HOST:PORT'),
    Of.NOTHING,
    "of the first host; `''` is what the launcher says (SLURM, Kubernetes, "
    'Cloud TPU, `launch/local.sh`)',
  ),
  'hosts.count': Key(
    0,
    Whole(0),
    Of.NOTHING,
    'of the run; 0 is what the launcher says, 1 is this one alone',
    unit='processes',
  ),
  'hosts.index': Key(
    -1,
    Whole(-1),
    Of.NOTHING,
    'which one this is, from 0; -1 is what the launcher says',
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
