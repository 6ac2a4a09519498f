"""Keys of what is computed from content, and of interests (Eq 2 and 3)."""

from dynrec_jax import interest
from dynrec_jax.data import sessions
from dynrec_jax.features import basis, documents, visual_encoder
from dynrec_jax.study.keys.declared import (
  Key,
  Of,
  OneOf,
  Path,
  Real,
  SomeOf,
  Switch,
  Whole,
  WholeNumbers,
)
from dynrec_jax.topics import variational_topics

SECTIONS = {
  'text': 'Text features t',
  'visual': 'Visual features v',
  'features': 'Scaling of both',
  'topics': 'Topics of videos and of tweets',
  'interest': 'Interests, Eq (2) and (3)',
}

KEYS = {
  'text.fields': Key(
    ('title', 'description', 'tags'),
    SomeOf(documents.FIELDS),
    Of.CONTENT,
    'what is read of a video',
    decision=33,
  ),
  'text.encoder': Key(
    'kim_cnn',
    OneOf(('kim_cnn', 'tfidf_svd', 'given')),
    Of.CONTENT,
    'the text CNN of Kim (2014), tf-idf and SVD, or the file `text.features`',
    decision=33,
  ),
  'text.features': Key(
    '',
    Path('an .npz file of id [n] and feature [n, D]'),
    Of.DIGESTED,
    'of `given`',
  ),
  'text.size': Key(
    300,
    Whole(1, 100_000),
    Of.CONTENT,
    'of t; of `kim_cnn` a multiple of 3',
    unit='numbers per video',
  ),
  'text.label': Key(
    'categories',
    OneOf(('categories', 'tags')),
    Of.DIGESTED,
    '`kim_cnn` learns to name these, and does not read them',
    decision=33,
  ),
  'text.word_vectors': Key(
    '',
    Path('a word2vec (.bin, .txt) or GloVe (.txt) file, also .gz'),
    Of.DIGESTED,
    "of `kim_cnn`; `''` trains word2vec on the source's own texts; "
    '`googlenews` is GoogleNews-vectors-negative300*.bin of `data.manual_dir` '
    'or of word_vectors in `data.data_dir`, where there is one',
  ),
  'text.word_size': Key(
    300,
    Whole(1, 100_000),
    Of.DIGESTED,
    'of word vectors that are trained here',
    unit='numbers per word',
  ),
  'visual.encoder': Key(
    'given',
    OneOf(('given', 'none', *visual_encoder.ENCODERS)),
    Of.CONTENT,
    "the source's own features, none, or those of a network over video files: "
    "`vgg19_c3d` is the paper's",
  ),
  'visual.folder': Key(
    '',
    Path('a folder'),
    Of.DIGESTED,
    "video or image files, each named by its video's id",
  ),
  'visual.vgg19_weights': Key(
    '', Path('a file'), Of.DIGESTED, 'for `vgg19_c3d`'
  ),
  'visual.c3d_weights': Key('', Path('a file'), Of.DIGESTED, 'for `vgg19_c3d`'),
  'visual.efficientnet_lite0_weights': Key(
    '', Path('a file'), Of.DIGESTED, "`''` is the one that comes as a package"
  ),
  'visual.after_relu': Key(
    True, Switch(), Of.DIGESTED, 'fc6 after its ReLU, or before', decision=34
  ),
  'features.l2': Key(
    True,
    Switch(),
    Of.CONTENT,
    'each block of v, and t, at unit length',
    decision=20,
  ),
  'features.visual_blocks': Key(
    (),
    WholeNumbers(1, may_be_empty=True),
    Of.CONTENT,
    'widths of the blocks of v, such as `(4096, 4096)` for VGG19 and C3D; `()` '
    'is one block',
  ),
  'features.basis': Key(
    'given',
    OneOf(basis.BASES),
    Of.TRAINING,
    'that networks learn T_v in: of the features as they are, or of their '
    'span, in which they are fewer numbers. The same by `opt.name=sgd`; Adam '
    'takes other steps in it',
    young=True,
  ),
  'features.kept': Key(
    1.0,
    Real(0.01, 1),
    Of.TRAINING,
    "of `span`: kept of the features' sum of squares, in the directions that "
    'have most of it; 1 leaves out no more than rounding',
    unit='a share',
    young=True,
  ),
  'topics.yt': Key(
    'mm_lda',
    OneOf(('text_lda', *variational_topics.FORMS)),
    Of.CONTENT,
    "model of the videos' topics",
    decision=35,
  ),
  'topics.count': Key(
    70, Whole(2, 100_000), Of.CONTENT, 'K of the videos', unit='topics'
  ),
  'topics.starts': Key(
    1,
    Whole(0, 100),
    Of.CONTENT,
    'of the videos, by groups; of several the one of the lowest held-out '
    'perplexity goes on; 0 is one at random',
    unit='starts',
    decision=43,
  ),
  'topics.visual_slices': Key(
    32,
    Whole(1, 100_000),
    Of.DIGESTED,
    'of `mm_lda` and `corr_lda`, where a video has one vector; of video files '
    'every sampled frame is a visual word',
    unit='visual words per video',
  ),
  'topics.counts': Key(
    tuple(range(10, 151, 10)),
    WholeNumbers(2),
    Of.TRIED,
    'K to try in `mode=choose_topics`',
    unit='topics',
  ),
  'topics.tweet_count': Key(
    100, Whole(2, 30_000), Of.CONTENT, 'K of the tweets', unit='topics'
  ),
  'topics.least_tweets': Key(
    5,
    Whole(1),
    Of.CONTENT,
    'before n_f, that must hold a word',
    unit='tweets',
  ),
  'topics.first_days': Key(
    30,
    Whole(1, 100_000),
    Of.CONTENT,
    'of tweets, fitted together at the start',
    unit='days',
  ),
  'topics.start_rounds': Key(
    3,
    Whole(0, 100),
    Of.CONTENT,
    'over the first days before their sweeps: topics are split and joined, and '
    'the held-out perplexity says which round goes on; 0 starts at random',
    unit='rounds of 20 sweeps',
    decision=43,
  ),
  'topics.first_sweeps': Key(
    100, Whole(1, 100_000), Of.CONTENT, 'over the first days', unit='sweeps'
  ),
  'topics.day_sweeps': Key(
    20, Whole(1, 100_000), Of.CONTENT, 'over each later day', unit='sweeps'
  ),
  'topics.mode_count': Key(
    10,
    Whole(1, 100_000),
    Of.CONTENT,
    "the last ones: their mode is the tweet's topic",
    unit='draws',
  ),
  'topics.retention': Key(
    1.0,
    Real(0.001, 1),
    Of.CONTENT,
    'kappa: what is kept from day to day',
    unit='of the past',
  ),
  'interest.decay': Key(
    0.1, Real(0, 1e6), Of.MODEL, 'lambda of Eq (2)', unit='per time_unit'
  ),
  'interest.time_unit': Key(
    'session',
    OneOf(sessions.TIME_UNITS),
    Of.MODEL,
    'what ages are counted in; a month is 365/12 days',
    decision=9,
  ),
  'interest.norm': Key(
    'sum_weights',
    OneOf(interest.NORMS),
    Of.MODEL,
    'N_u of Eq (2): the sum of the weights, their count, or unit length',
    decision=8,
  ),
}
