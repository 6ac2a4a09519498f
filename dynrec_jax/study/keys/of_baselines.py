"""Keys of the methods that the model is compared with, a section for each."""

import math

from dynrec_jax.baselines import fpmc, lfm, mknn, popularity, sca
from dynrec_jax.study.keys.declared import Key, Of, OneOf, Real, Whole

SECTIONS = {
  'pop': 'Popularity',
  'mknn': 'MKNN',
  'sca': 'SCA',
  'fpmc': 'FPMC: factors of users, of videos, and of what was watched before',
  'gru4rec': 'GRU4Rec: a recurrent network over the videos watched',
  'sasrec': 'SASRec: self-attention over the videos watched',
  'lfm': 'Latent factors',
  'item_knn': 'Item-based neighbours',
  'ease': 'EASE, a linear autoencoder',
  'co_occurrence': 'What was watched later by who watched the same before',
  'ridge': 'Ridge regression of later on earlier watches',
}

KEYS = {
  'pop.source': Key(
    'train',
    OneOf(popularity.SOURCES),
    Of.BASELINES,
    "popular with train users, or by the catalogue's view counts",
    decision=26,
  ),
  'pop.window': Key(
    0.0,
    Real(0, 999),
    Of.BASELINES,
    'before the end of n_f in which a watch must lie to count; 0 counts all '
    'watches; `recent_popularity` counts those of half a session',
    unit='sessions',
  ),
  'mknn.neighbours': Key(
    50,
    Whole(1, 100_000),
    Of.BASELINES,
    'nearest ones, that a list is made of',
    unit='train users',
    grid=(20, 50, 100, 200),
  ),
  'mknn.profile': Key(
    'topics',
    OneOf(mknn.PROFILES),
    Of.BASELINES,
    "what users are compared by: their tweets' mean topics, or the words of "
    'all their tweets',
  ),
  'sca.variant': Key(
    'joint_mf',
    OneOf(sca.VARIANTS),
    Of.BASELINES,
    'from tweet topics to learned factors of videos, or to their topics',
    decision=37,
  ),
  'sca.factors': Key(
    32,
    Whole(1, 10_000),
    Of.BASELINES,
    'of `joint_mf`',
    unit='numbers per video',
    grid=(16, 32),
  ),
  'sca.negatives': Key(
    20.0,
    Real(0, 1e6),
    Of.BASELINES,
    'of `joint_mf`: what zeros weigh together',
    unit='zeros per watch',
    grid=(5.0, 20.0, 100.0),
  ),
  'sca.regularization': Key(
    1.0,
    Real(1e-9, 1e9),
    Of.BASELINES,
    'of `joint_mf`: penalty of squared weights',
    unit="a watch's error",
    grid=(0.1, 1.0, 3.0),
  ),
  'sca.ridge': Key(
    1.0,
    Real(1e-9, 1e9),
    Of.BASELINES,
    'of `topic_ridge`: penalty of squared weights',
    unit='users',
    grid=(0.01, 0.1, 1.0, 10.0),
  ),
  'fpmc.basket': Key(
    'last',
    OneOf(fpmc.BASKETS),
    Of.BASELINES,
    'a watch follows the `last` video, or all of the last `session`',
  ),
  'fpmc.factors': Key(64, Whole(1), Of.BASELINES, 'of each of the four tables'),
  'fpmc.learning_rate': Key(
    0.03,
    Real(0, math.inf),
    Of.BASELINES,
    'of the first stochastic gradient steps, per sample; it falls to 0',
    grid=(0.03, 0.1),
  ),
  'fpmc.reg': Key(
    0.01,
    Real(0, math.inf),
    Of.BASELINES,
    'weight of the squares of the factors that a sample reads',
    grid=(0.001, 0.01),
  ),
  'fpmc.epochs': Key(
    50,
    Whole(1),
    Of.BASELINES,
    'passes over all known watches',
    grid=(20, 50, 100),
  ),
  'gru4rec.size': Key(
    64, Whole(1), Of.BASELINES, 'of the state, and of a video', unit='units'
  ),
  'gru4rec.max_len': Key(
    50, Whole(1), Of.BASELINES, 'how far it looks back', unit='watches'
  ),
  'gru4rec.dropout': Key(
    0.5,
    Real(0, 0.99),
    Of.BASELINES,
    'share of units dropped',
    grid=(0.2, 0.5),
  ),
  'gru4rec.learning_rate': Key(
    0.003,
    Real(0, math.inf),
    Of.BASELINES,
    'of Adam',
    grid=(0.001, 0.003),
  ),
  'gru4rec.epochs': Key(
    12,
    Whole(1),
    Of.BASELINES,
    'passes over all known watches',
    grid=(6, 12, 18),
  ),
  'gru4rec.batch_size': Key(
    800, Whole(1), Of.BASELINES, 'of a step, about', unit='watches'
  ),
  'sasrec.size': Key(
    64, Whole(1), Of.BASELINES, 'of a video and of every layer', unit='units'
  ),
  'sasrec.blocks': Key(
    2, Whole(1), Of.BASELINES, 'of attention and two dense layers'
  ),
  'sasrec.heads': Key(
    2, Whole(1), Of.BASELINES, 'of attention; they divide `sasrec.size`'
  ),
  'sasrec.max_len': Key(
    50, Whole(1), Of.BASELINES, 'how far it looks back', unit='watches'
  ),
  'sasrec.dropout': Key(
    0.5,
    Real(0, 0.99),
    Of.BASELINES,
    'share of units and of attention dropped',
    grid=(0.2, 0.5),
  ),
  'sasrec.learning_rate': Key(
    0.001,
    Real(0, math.inf),
    Of.BASELINES,
    'of Adam',
    grid=(0.001, 0.003),
  ),
  'sasrec.epochs': Key(
    6,
    Whole(1),
    Of.BASELINES,
    'passes over all known watches',
    grid=(3, 6, 12),
  ),
  'sasrec.batch_size': Key(
    800, Whole(1), Of.BASELINES, 'of a step, about', unit='watches'
  ),
  'lfm.variant': Key(
    'als',
    OneOf(lfm.VARIANTS),
    Of.BASELINES,
    'the factors of Hu, Koren and Volinsky, or with biases by drawn zeros; the '
    'method lfm_sgd is always the latter',
  ),
  'lfm.factors': Key(
    64,
    Whole(1, 100_000),
    Of.BASELINES,
    'of a user and of a video',
    unit='numbers',
    grid=(16, 64),
  ),
  'lfm.regularization': Key(
    20.0,
    Real(1e-6, 1e6),
    Of.BASELINES,
    'of `als`',
    grid=(5.0, 20.0, 50.0, 100.0),
  ),
  'lfm.confidence': Key(
    1.0,
    Real(1.0, 1e6),
    Of.BASELINES,
    'of `als`: what a watch weighs; where none is, it is 1',
    grid=(1.0, 10.0),
  ),
  'lfm.rounds': Key(
    15, Whole(1, 10_000), Of.BASELINES, 'of `als`', unit='rounds'
  ),
  'lfm.sgd_regularization': Key(
    0.02,
    Real(1e-6, 1e3),
    Of.BASELINES,
    'of `biased_sgd`, of a pair',
    grid=(0.005, 0.02, 0.08),
  ),
  'lfm.sgd_learning_rate': Key(
    0.05, Real(1e-6, 10.0), Of.BASELINES, 'of `biased_sgd`, of a pair'
  ),
  'lfm.sgd_epochs': Key(
    20,
    Whole(1, 10_000),
    Of.BASELINES,
    'of `biased_sgd`',
    unit='epochs',
    grid=(10, 20, 40),
  ),
  'lfm.sgd_zeros': Key(
    4,
    Whole(1, 1000),
    Of.BASELINES,
    'of `biased_sgd`: drawn for each watch',
    unit='videos',
  ),
  'item_knn.neighbours': Key(
    100,
    Whole(1, 1_000_000),
    Of.BASELINES,
    'that a watched video speaks for, itself among them',
    unit='videos',
    grid=(10, 20, 50, 100, 200, 500),
  ),
  'ease.regularization': Key(
    300.0,
    Real(1e-3, 1e9),
    Of.BASELINES,
    'of the weights',
    unit='watches',
    grid=(100.0, 300.0, 500.0, 1000.0, 2000.0, 5000.0),
  ),
  'co_occurrence.shrinkage': Key(
    20.0,
    Real(0.0, 1e9),
    Of.BASELINES,
    'so many watchers of an earlier video count as having watched nothing '
    'later',
    unit='users',
    grid=(0.0, 5.0, 20.0, 100.0),
  ),
  'ridge.regularization': Key(
    100.0,
    Real(1e-3, 1e9),
    Of.BASELINES,
    'of the weights',
    unit='watches',
    grid=(10.0, 25.0, 50.0, 100.0, 200.0, 400.0),
  ),
}
