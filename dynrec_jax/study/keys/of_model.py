"""Keys of theta, the objective of Eq (5) to (9), and how it is learned."""

from dynrec_jax import objective, train
from dynrec_jax.data import batch_spec, inputs, relevance, shared_samples
from dynrec_jax.models import history_rnn, theta
from dynrec_jax.study.keys.declared import (
  Key,
  Of,
  OneOf,
  Real,
  Switch,
  Whole,
)

SECTIONS = {
  'model': 'theta, Eq (5) to (8)',
  'loss': 'The objective, Eq (9)',
  'sem': 'The semantic loss, Eq (1)',
  'rel': 'The relevance loss, Eq (6)',
  'opt': 'The optimiser',
  'train': 'The loop',
  'variants': 'Networks without interests, `rnn` and `rnn_sem`',
  'static': 'The network without a sequence, `static_dnn`',
}

WEIGHT = Real(0, 1e6)
# What `train.stop_by` names -> the validation's score that it is.
STOP_BY = {'f_score': 'f_score', 'likelihood': 'log_likelihood'}
# What `opt.preset` says of `opt.name` and `loss.reduction`.
PRESETS = {
  'paper': {'name': 'sgd', 'reduction': 'sum'},
  'practical': {'name': 'adam', 'reduction': 'mean'},
}

KEYS = {
  'model.network': Key(
    'dynamic',
    OneOf(('dynamic', 'rnn', 'rnn_sem', 'static_dnn', 'plus')),
    Of.MODEL,
    "the paper's, or what it is compared with: a GRU that reads past videos' "
    'texts, or their texts and images, and three layers in place of the GRU; '
    'or `plus`, beyond the paper; the methods of these names set what else '
    'makes them',
  ),
  'model.embed_size': Key(
    300, Whole(1, 100_000), Of.MODEL, 'of the embeddings', unit='numbers'
  ),
  'model.D_h': Key(
    300, Whole(1, 100_000), Of.MODEL, 'of a state', unit='units', decision=31
  ),
  'model.history_mode': Key(
    'topic_only',
    OneOf(inputs.TOPIC_MODES),
    Of.MODEL,
    'of `dynamic`: what the first state comes from, the interest alone, the '
    'interest and then the watches, or the interests of session after session',
    decision=10,
  ),
  'model.embed_norm': Key(
    'everywhere',
    OneOf(theta.EMBED_NORMS),
    Of.MODEL,
    'where embeddings have unit length',
    decision=30,
  ),
  'model.gru_bias': Key(
    False, Switch(), Of.MODEL, 'biases in Eq (5)', decision=32
  ),
  'model.softmax_bias': Key(
    False, Switch(), Of.MODEL, 'a bias per video in Eq (8)', decision=32
  ),
  'model.product_dtype': Key(
    'float32',
    OneOf(('float32', 'bfloat16')),
    Of.MODEL,
    "of the large products' operands",
  ),
  'loss.semantic_weight': Key(0.2, WEIGHT, Of.TRAINING, 'lambda_1'),
  'loss.interest_weight': Key(0.4, WEIGHT, Of.TRAINING, 'lambda_2'),
  'loss.relevance_weight': Key(0.2, WEIGHT, Of.TRAINING, 'lambda_3'),
  'loss.weight_decay': Key(
    1e-4,
    WEIGHT,
    Of.TRAINING,
    'lambda_4; of `opt.name=adamw`, which has no such term in Eq (9), what a '
    'step takes off, times the learning rate; matrices alone are decayed',
  ),
  'loss.semantic_margin': Key(
    0.3, Real(0, 2), Of.TRAINING, 'tau_1', unit='a cosine'
  ),
  'loss.relevance_margin': Key(
    0.5, Real(0, 2), Of.TRAINING, 'tau_2', unit='a cosine'
  ),
  'loss.mask_known': Key(
    False,
    Switch(),
    Of.TRAINING,
    'of `plus`: videos that a user is known to have watched have no part in '
    'the softmax, as they are in no list',
    decision=42,
    young=True,
  ),
  'loss.coherence': Key(
    'softmax',
    OneOf(objective.SOFTMAXES),
    Of.TRAINING,
    'Eq (8) over all videos, or over a sample of them, for catalogues of '
    'millions: a step then reads and writes the rows of T_p that came up and '
    'no other. Validation and lists are over all videos either way',
    decision=47,
    young=True,
  ),
  'loss.shared': Key(
    8192,
    Whole(1, 10**7),
    Of.TRAINING,
    'that `sampled_softmax` draws, for all predictions of a step',
    unit='videos a step',
    decision=47,
    young=True,
  ),
  'loss.proposal': Key(
    'unigram',
    OneOf(shared_samples.RULES),
    Of.TRAINING,
    'that they are drawn from: popularity to the power of 0.75 and a tenth '
    "uniform, Zipf's law by rank of popularity, or all alike",
    decision=47,
    young=True,
  ),
  'loss.in_batch': Key(
    True,
    Switch(),
    Of.TRAINING,
    "of `sampled_softmax`: what a batch's other sequences watch stands for "
    'videos too; not of `rel.partners=in_batch`, whose batches are composed',
    decision=47,
    young=True,
  ),
  'loss.reduction': Key(
    'preset',
    OneOf(('preset', *objective.REDUCTIONS)),
    Of.TRAINING,
    "how a term's rows are added up; `preset` is what `opt.preset` says",
    decision=18,
  ),
  'sem.negative': Key(
    'uniform',
    OneOf(('uniform', 'in_batch')),
    Of.TRAINING,
    'other videos at random, or all others of the minibatch',
    decision=7,
  ),
  'sem.n_neg': Key(
    1,
    Whole(1, 10_000),
    Of.TRAINING,
    'that `uniform` draws per anchor and direction',
    unit='videos',
    decision=7,
  ),
  'sem.batch_size': Key(
    256, Whole(1, 10**6), Of.TRAINING, 'over all devices', unit='videos a step'
  ),
  'rel.positive': Key(
    'topk10',
    OneOf(relevance.POSITIVES),
    Of.TRAINING,
    'who is relevant to a user: the 10 with the most overlap, those above 0.05 '
    'or all with any',
    decision=12,
  ),
  'rel.negative': Key(
    'zero_overlap',
    OneOf(relevance.NEGATIVES),
    Of.TRAINING,
    'who is not: users without overlap, or with less than the relevant one',
    decision=12,
  ),
  'rel.partners': Key(
    'drawn',
    OneOf(batch_spec.PARTNERS),
    Of.TRAINING,
    'whose last states stand beside an anchor: of two more sequences each, or '
    'of other anchors of its batch, which is then put together so that it '
    'holds them; a third of the sequences',
    decision=12,
    young=True,
  ),
  'opt.preset': Key(
    'paper',
    OneOf(tuple(PRESETS)),
    Of.TRAINING,
    'SGD and sums, or Adam and means',
    decision=17,
  ),
  'opt.name': Key(
    'preset',
    OneOf(('preset', *train.OPTIMIZERS)),
    Of.TRAINING,
    'the rule; `preset` is what `opt.preset` says',
    decision=17,
  ),
  'opt.average': Key(
    0.0,
    Real(0, 0.99999),
    Of.TRAINING,
    'that an average of the parameters keeps of its past at each step: it is '
    'validated, kept and read in their place, while training goes on with '
    'them; 0 is no average',
    unit='a share',
    decision=17,
    young=True,
  ),
  'opt.learning_rate': Key(
    1e-3,
    Real(0, 1e6),
    Of.TRAINING,
    'of the optimiser',
    grid=(5e-4, 1e-3, 2e-3, 4e-3),
  ),
  'train.batch_size': Key(
    64, Whole(1, 10**6), Of.TRAINING, 'over all devices', unit='samples a step'
  ),
  'train.max_epochs': Key(
    200, Whole(1, 10**6), Of.STOPPING, 'that training may take', unit='epochs'
  ),
  'train.patience': Key(
    10,
    Whole(1, 10**6),
    Of.STOPPING,
    'without a better score of the validation users (`train.stop_by`), after '
    'which training ends',
    unit='epochs',
  ),
  'train.stop_by': Key(
    'f_score',
    OneOf(tuple(STOP_BY)),
    Of.TRAINING,
    'the score of the validation users that ends a fit and chooses its epoch: '
    'F at `decode.k`, or the mean log probability of their later watches, as '
    'the coherence loss reads them; each the mean over the borders. Which '
    'point is best, `mode=tune` and `cross_validate` tell by F all the same',
    decision=3,
    young=True,
  ),
  'train.streamed': Key(
    False,
    Switch(),
    Of.TRAINING,
    'samples and interests are cut from the log for each batch and not held, '
    'for users by the million: beside the log a number per user. Another '
    'random order; and not with Eq (6), which compares all users with all, nor '
    'with what reads all samples: `plus`, `seq.weight=measure`, `static.loss` '
    'of sampled negatives',
    decision=47,
    young=True,
  ),
  'train.refit': Key(
    False,
    Switch(),
    Of.TRAINING,
    'of `split.by=users`: once validation users have chosen an epoch, they '
    'train too, in a second fit of as many epochs. An epoch is a pass over '
    'all samples, of which there are more, so the steps are more by as much. '
    '`split.by=time` always has a second fit; `mode=tune` and '
    '`cross_validate` never have',
    decision=3,
    young=True,
  ),
  'train.val_frac': Key(
    0.1,
    Real(0.001, 0.99),
    Of.TRAINING,
    'who stops the training instead of training',
    unit='of the train users',
    decision=3,
  ),
  'train.save_every_steps': Key(
    500, Whole(1), Of.NOTHING, 'between checkpoints', unit='steps'
  ),
  'train.log_every_steps': Key(
    20, Whole(1), Of.NOTHING, 'between records of the losses', unit='steps'
  ),
  'variants.cross_first': Key(
    'tweet_text',
    OneOf(history_rnn.CROSS_FIRST),
    Of.MODEL,
    "what is read in the cross network: the mean text feature of the user's "
    'tweets, or a learned vector, the same for everybody',
    decision=27,
  ),
  'static.loss': Key(
    'softmax',
    OneOf(objective.LOSSES),
    Of.TRAINING,
    'over all videos, as `loss.coherence` says, or of videos watched and '
    'others, each alone or in pairs',
    decision=28,
  ),
  'static.n_neg': Key(
    5,
    Whole(1, 10_000),
    Of.TRAINING,
    'that `logistic` and `bpr` draw per prediction, of those never watched',
    unit='videos',
    decision=28,
  ),
  'static.keep_aux': Key(
    True,
    Switch(),
    Of.TRAINING,
    'the other terms of Eq (9) beside it, weighed as `loss` says; or none',
    decision=29,
    young=True,
  ),
}
