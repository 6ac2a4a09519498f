"""Every key of a run, with its unit; other configs change values only.

Letters and numbers such as A9 name a place where the paper is silent and more
than one reading is offered, see docs/decisions.md; the first value listed is
the default.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  """The paper's single-network setting, without a source of data."""
  c = ml_collections.ConfigDict()
  # train_and_evaluate | prepare | choose_topics | cross_validate | evaluate |
  # recommend
  c.mode = 'train_and_evaluate'
  # single (history = own watches) | cross (tweets; test watches are hidden)
  c.scenario = 'single'
  c.workdir = 'runs/single'  # checkpoints, metrics and results go here
  c.seed = 0  # of initial weights, batches, negatives; splits add their number
  _add_data(c)
  _add_content(c)
  _add_model(c)
  _add_training(c)
  _add_use(c)
  _add_search(c)
  return c


def _add_data(c: ml_collections.ConfigDict) -> None:
  """The source, what is kept of it, and how it is cut."""
  c.data = ml_collections.ConfigDict()
  # simulated_year | movietweetings | movietweetings_streams | files
  c.data.name = ''
  # simulated_year: tiny | small | paper, and after a colon what differs, as in
  # small:no_drift or paper:drift=0.5,no_trends
  c.data.world = 'small'
  c.data.world_seed = 6
  c.data.manual_dir = ''  # folder with the source's raw files; '' downloads
  c.data.data_dir = ''  # where prepared data lie; '' is the user's cache
  c.data.cache_dir = ''  # where topics and features lie; '' is the same
  c.data.strict = False  # watches of unlisted videos: an error, not a count
  # Keep only videos with an image and a word in some of text.fields.
  c.data.require_visual = False

  c.filter = ml_collections.ConfigDict()
  c.filter.mode = 'single_pass'  # A1: single_pass | fixpoint
  c.filter.min_tweets_per_user = 0
  c.filter.min_videos_per_user = 11
  c.filter.min_users_per_video = 3

  c.sessions = ml_collections.ConfigDict()
  c.sessions.L = 12  # A4: sessions in the span of the data
  c.sessions.start = ''  # date (UTC) that the span begins with; '': first event
  c.sessions.end = ''  # date (UTC) that the span ends before; '': last event

  c.split = ml_collections.ConfigDict()
  c.split.seeds = 5  # A38: random splits that a table row is the mean of
  c.split.test_frac = 0.2  # of all users

  c.seq = ml_collections.ConfigDict()
  c.seq.horizon = 'all_after'  # A5: all_after | next_session | next_k
  c.seq.max_target_len = 50  # videos; also the longest history read as input
  c.seq.next_count = 5  # k of next_k, videos


def _add_content(c: ml_collections.ConfigDict) -> None:
  """What is computed from content, and interests (Eq 2 and 3)."""
  c.text = ml_collections.ConfigDict()
  # A33: some of title, description, tags, categories
  c.text.fields = ('title', 'description', 'tags')
  c.text.encoder = 'tfidf_svd'  # tfidf_svd | kim_cnn | given
  c.text.features = ''  # of given: .npz of id [n] and feature [n, D]
  c.text.size = 300  # numbers per video; of kim_cnn a multiple of 3
  # kim_cnn learns to name these, and does not read them: categories | tags
  c.text.label = 'categories'
  # kim_cnn's word vectors: word2vec (.bin, .txt) or GloVe (.txt), also .gz;
  # '' trains word2vec on the source's own texts; googlenews is
  # GoogleNews-vectors-negative300*.bin of data.manual_dir or of word_vectors in
  # data.data_dir, and '' where there is none
  c.text.word_vectors = ''
  c.text.word_size = 300  # numbers per word trained here

  # v: given (the source's) | none | vgg19_c3d (the paper's) |
  # efficientnet_lite0
  c.visual = ml_collections.ConfigDict()
  c.visual.encoder = 'given'
  c.visual.folder = ''  # of video or image files, each named by its video's id
  c.visual.vgg19_weights = ''  # file, for vgg19_c3d
  c.visual.c3d_weights = ''  # file, for vgg19_c3d
  c.visual.efficientnet_lite0_weights = ''  # file; '' is the package's
  c.visual.after_relu = True  # A34: fc6 after its ReLU, or before

  c.features = ml_collections.ConfigDict()
  c.features.l2 = True  # A20: each block of v, and t, at unit length
  # Widths of v's blocks, such as (4096, 4096) for VGG19 and C3D; () is one.
  c.features.visual_blocks = ()

  c.topics = ml_collections.ConfigDict()
  c.topics.yt = 'mm_lda'  # A35: mm_lda | corr_lda | text_lda
  c.topics.count = 70  # K of the videos' topics
  # mm_lda and corr_lda: visual words per video, where it has one vector; of
  # video files every sampled frame is one.
  c.topics.visual_slices = 32
  c.topics.counts = tuple(range(10, 151, 10))  # K to try in choose_topics
  # TwitterLDA in the cross network, day by day.
  c.topics.tweet_count = 100  # K of the tweets' topics
  c.topics.least_tweets = 5  # before n_f, that must hold a word
  c.topics.first_days = 30  # fitted together at the start
  c.topics.first_sweeps = 100  # over the first days
  c.topics.day_sweeps = 20  # over each later day
  c.topics.mode_count = 10  # last draws; their mode is the tweet's topic
  c.topics.retention = 1.0  # kappa, share of the past kept from day to day

  c.interest = ml_collections.ConfigDict()
  c.interest.decay = 0.1  # lambda, per time_unit
  c.interest.time_unit = 'session'  # A9: session | month | week | day
  c.interest.norm = 'sum_weights'  # A8: sum_weights | count | l2


def _add_model(c: ml_collections.ConfigDict) -> None:
  """theta and the objective, Eq (5) to (9)."""
  c.model = ml_collections.ConfigDict()
  c.model.embed_size = 300
  c.model.D_h = 300  # A31: state units
  # A10: topic_only | topic_then_history | session_chain
  c.model.history_mode = 'topic_only'
  c.model.embed_norm = 'everywhere'  # A30: everywhere | loss_only
  c.model.gru_bias = False  # A32
  c.model.softmax_bias = False  # A32
  c.model.product_dtype = 'float32'  # float32 | bfloat16, of operands

  c.loss = ml_collections.ConfigDict()
  c.loss.semantic_weight = 0.2  # lambda_1
  c.loss.interest_weight = 0.4  # lambda_2
  c.loss.relevance_weight = 0.2  # lambda_3
  c.loss.weight_decay = 1e-4  # lambda_4
  c.loss.semantic_margin = 0.3  # tau_1, a cosine
  c.loss.relevance_margin = 0.5  # tau_2, a cosine
  c.loss.reduction = 'preset'  # A18: opt.preset's | sum | mean | full_sum

  c.sem = ml_collections.ConfigDict()
  # A7: uniform | in_batch, all others of the minibatch
  c.sem.negative = 'uniform'
  c.sem.n_neg = 1  # uniform negatives per anchor and direction
  c.sem.batch_size = 256  # videos per step

  c.rel = ml_collections.ConfigDict()
  c.rel.positive = 'topk10'  # A12: topk10 | threshold | all_pairs
  c.rel.negative = 'zero_overlap'  # A12: zero_overlap | less_than_pos


def _add_training(c: ml_collections.ConfigDict) -> None:
  """The optimiser and the loop."""
  c.opt = ml_collections.ConfigDict()
  c.opt.preset = 'paper'  # A17: paper (SGD, sums) | practical (Adam, means)
  c.opt.name = 'preset'  # opt.preset's | sgd | adam
  c.opt.learning_rate = 1e-3

  c.train = ml_collections.ConfigDict()
  c.train.batch_size = 64  # samples per step, over all devices
  c.train.max_epochs = 200
  c.train.patience = 10  # epochs without a better validation F at 5
  c.train.val_frac = 0.1  # A3: of the train users
  c.train.save_every_steps = 500
  c.train.log_every_steps = 20


def _add_use(c: ml_collections.ConfigDict) -> None:
  """Generation, evaluation, recommending."""
  c.decode = ml_collections.ConfigDict()
  c.decode.method = 'greedy_seq'  # A24: greedy_seq | topk_first
  c.decode.k = 5  # videos per list

  c.eval = ml_collections.ConfigDict()
  c.eval.mask_history = True  # A23: known videos in no list and no truth

  c.pop = ml_collections.ConfigDict()
  c.pop.source = 'train'  # A26: train | view_count

  c.recommend = ml_collections.ConfigDict()
  c.recommend.users = ()  # ids of users in the data; () is all
  c.recommend.history = ''  # a file of new users' watches instead
  c.recommend.output = ''  # JSONL; '' is recommendations.jsonl in the workdir
  c.recommend.split = 0  # whose checkpoint


def _add_search(c: ml_collections.ConfigDict) -> None:
  """lambda_1 to lambda_3 by 3-fold cross-validation (mode cross_validate)."""
  c.cv = ml_collections.ConfigDict()
  # A3: full, all combinations | coarse, one weight after the other from loss's
  c.cv.grid = 'full'
  c.cv.split = 0  # whose users, but for the tested ones, make the folds
  # What to try for loss's key of the same name.
  c.cv.semantic_weight = (0.2, 0.4, 0.6, 0.8)
  c.cv.interest_weight = (0.2, 0.4, 0.6, 0.8)
  c.cv.relevance_weight = (0.2, 0.4, 0.6, 0.8)
