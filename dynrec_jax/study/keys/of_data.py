"""Keys of the run, the source, what is kept of it, and how it is cut."""

from dynrec_jax.data import filters, sequences, sessions
from dynrec_jax.features import documents
from dynrec_jax.sources import load, simulation
from dynrec_jax.study.keys.declared import (
  Key,
  Of,
  OneOf,
  Path,
  Real,
  SomeOf,
  Switch,
  Text,
  Whole,
)

SECTIONS = {
  '': 'The run',
  'data': 'Where records come from and where prepared ones lie',
  'filter': 'Who and what is left in the study',
  'sessions': 'The clock',
  'split': 'Who and what is tested',
  'seq': 'Virtual sequences, the training samples',
}

KEYS = {
  'mode': Key(
    'train_and_evaluate',
    OneOf(
      (
        'train_and_evaluate',
        'prepare',
        'prepare_at_scale',
        'choose_topics',
        'tune',
        'cross_validate',
        'evaluate',
        'recommend',
        'explain',
        'export',
        'serve',
        'update',
        'compare',
        'reproduce',
        'report',
      )
    ),
    Of.NOTHING,
    'what to do',
  ),
  'scenario': Key(
    'single',
    OneOf(('single', 'cross')),
    Of.STUDY,
    "history is the user's own watches, or (`cross`) tweets alone: watches of "
    'test users are hidden',
  ),
  'workdir': Key(
    'runs/single',
    Path('a folder for results', may_be_empty=False, made='folder'),
    Of.NOTHING,
    'checkpoints, metrics and results go here',
  ),
  'seed': Key(
    0,
    Whole(0, 2**31 - 1000),
    Of.STUDY,
    'of initial weights, batches and negatives; each split adds its number',
  ),
  'data.name': Key(
    '',
    OneOf(load.NAMES),
    Of.STUDY,
    'the source; `files` is your own folder, the names after it are data sets '
    'that are read as they lie',
  ),
  'data.columns': Key(
    '',
    Text('names as in `user=uid,video=item_id,time=ts:ms,videos.id=item_id`'),
    Of.NOTHING,
    'of files, recbole and crossosn: what the files call their columns; behind '
    'a time its unit, `s`, `ms`, `us` or `iso`',
    decision=45,
  ),
  'data.watched': Key(
    '',
    Text('`all`, or a column and its least number, as in `rating>=4`'),
    Of.STUDY,
    'of data sets read as they lie, but crossosn: which rows count as a '
    "watch; `''` is all, of kuairand `is_click>=1`, of kuairec "
    '`watch_ratio>=1`',
    young=True,
    decision=45,
  ),
  'data.topics_date': Key(
    '',
    Text('a date (UTC) as in `2013-06-01`'),
    Of.STUDY,
    "of crossosn: when users' topics, which have no time, were known; `''` is "
    'the first watch of all',
    young=True,
    decision=45,
  ),
  'data.world': Key(
    'small',
    Text('a preset, and after a colon what differs', may_be_empty=False),
    Of.STUDY,
    'of simulated_year: `tiny`, `small` or `paper`, as it is or as in '
    '`small:no_drift` and `paper:drift=0.5,no_trends`',
  ),
  'data.world_seed': Key(
    simulation.DEFAULT_SEED,
    Whole(0, 2**31 - 1),
    Of.STUDY,
    'of simulated_year: one seed is one world',
  ),
  'data.manual_dir': Key(
    '',
    Path('a folder'),
    Of.NOTHING,
    "the source's raw files; `''` downloads them where that is possible",
  ),
  'data.data_dir': Key(
    '',
    Path('a folder', made='folder'),
    Of.NOTHING,
    "where prepared data lie; `''` is the user's cache",
  ),
  'data.prepared_dir': Key(
    '',
    Path('a folder'),
    Of.NOTHING,
    "where `mode=prepare_at_scale` puts a study's records, and from where all "
    "other modes then read them; `''` reads the source itself",
    decision=48,
  ),
  'data.beam_options': Key(
    '',
    Text('options as on a command line'),
    Of.NOTHING,
    'of `prepare_at_scale`: of Apache Beam, such as `--runner=FlinkRunner '
    "--flink_master=HOST:8081`; `''` is this machine",
    decision=48,
  ),
  'data.range_rows': Key(
    1_000_000,
    Whole(1, 2**31 - 1),
    Of.NOTHING,
    'of `prepare_at_scale`: that one worker holds at a time, about, which is '
    'what its memory grows with',
    unit='events',
    decision=48,
  ),
  'data.cache_dir': Key(
    '',
    Path('a folder', made='folder'),
    Of.NOTHING,
    "where computed topics and features lie; `''` is `data.data_dir`",
  ),
  'data.strict': Key(
    False,
    Switch(),
    Of.NOTHING,
    'a watch of an unlisted video is an error; else it is left out and counted',
  ),
  'data.require_visual': Key(
    False,
    Switch(),
    Of.STUDY,
    'keep only videos with an image and a word in some of `text.fields`',
  ),
  'filter.mode': Key(
    'single_pass',
    OneOf(filters.MODES),
    Of.STUDY,
    'each filter once, in order, or both until neither removes anything',
    decision=1,
  ),
  'filter.min_tweets_per_user': Key(
    0, Whole(0), Of.STUDY, 'that a user needs; 0 asks for none', unit='tweets'
  ),
  'filter.min_videos_per_user': Key(
    11, Whole(1), Of.STUDY, 'that a user needs', unit='different videos'
  ),
  'filter.min_users_per_video': Key(
    3, Whole(1), Of.STUDY, 'that a video needs', unit='different users'
  ),
  'sessions.L': Key(
    12,
    Whole(sessions.LEAST_COUNT, 100_000),
    Of.STUDY,
    'equal parts of the span; 12 of a year are its months',
    unit='sessions',
    decision=4,
  ),
  'sessions.start': Key(
    '',
    Text('a date (UTC) as in `2013-06-01`'),
    Of.STUDY,
    'when the span begins; what lies before it is left out, and counted. '
    "`''` is asked for",
  ),
  'sessions.end': Key(
    '',
    Text('a date (UTC) as in `2014-06-01`'),
    Of.STUDY,
    'before when the span ends; what lies after it is left out, and counted, '
    "but for lists that `recommend` makes for today. `''` is asked for",
  ),
  'split.seeds': Key(
    5,
    Whole(1, 1000),
    Of.SPLITS,
    'that a row of a table is the mean of',
    unit='random splits',
    decision=38,
  ),
  'split.by': Key(
    'users',
    OneOf(('users', 'time')),
    Of.STUDY,
    'some users train and others are tested, as in the paper; or one date cuts '
    'the log: everything before it trains, everything after it tests, of the '
    'same users',
    decision=41,
  ),
  'split.test_frac': Key(
    0.2,
    Real(0, 0.99),
    Of.STUDY,
    'who is tested, if `users` are split',
    unit='of all users',
  ),
  'split.cut': Key(
    9,
    Whole(1, 99_999),
    Of.STUDY,
    'of `time`: the log is cut at the end of this session, before the last; '
    'filters count what comes before it',
    decision=41,
  ),
  'split.new_videos': Key(
    ('description',),
    SomeOf((*documents.FIELDS, 'visual')),
    Of.STUDY,
    'of `time`: a video that nobody watched before the cut can be recommended '
    'if one of these is known of it',
    decision=41,
  ),
  'split.valid_sessions': Key(
    0,
    Whole(0, 99_999),
    Of.TRAINING,
    'of `time`: the number of epochs is chosen so long before the cut; 0 is a '
    'quarter of `cut`, and at least one',
    unit='sessions',
    decision=41,
  ),
  'seq.horizon': Key(
    'all_after',
    OneOf(sequences.HORIZONS),
    Of.TRAINING,
    'which watches a sample predicts: all after its session, those of the next '
    'session, or the next few',
    decision=5,
  ),
  'seq.max_target_len': Key(
    50,
    Whole(1, 10_000),
    Of.TRAINING,
    'that a sample predicts, and that an input history holds, at most',
    unit='videos',
    decision=5,
  ),
  'seq.max_bag': Key(
    2_000,
    Whole(1, 1_000_000),
    Of.TRAINING,
    'latest known watches that the content interest of Eq (3), and `plus`, '
    'read of a user: what a step costs at most for a user of very many',
    unit='watches',
    young=True,
    decision=5,
  ),
  'seq.weight': Key(
    'watch',
    OneOf(sequences.TARGET_WEIGHTS),
    Of.TRAINING,
    'how much a predicted watch counts in the softmax: 1, or what a hit is '
    'worth in precision at `decode.k` and in recall, with a mean of 1',
    young=True,
    decision=42,
  ),
  'seq.next_count': Key(
    5, Whole(1, 10_000), Of.TRAINING, 'that `next_k` predicts', unit='videos'
  ),
}
