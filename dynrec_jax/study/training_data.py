"""What a split learns from, and what it is asked and scored on."""

from typing import NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data import (
  histories,
  inputs,
  relevance,
  sequences,
  shared_samples,
  streamed_set,
)
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import MISSING_COUNT, LacksDataError
from dynrec_jax.data.relevance import Relevance
from dynrec_jax.data.sequences import Samples
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.shared_samples import Proposal
from dynrec_jax.data.streamed_set import AnySet, Log
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.recommender import Queries, Seen
from dynrec_jax.study import behaviours, first_inputs, settings, splits
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split


class Known(NamedTuple):
  """Users to ask about, and all that is ever known of them.

  Attributes:
    watches: of all users.
    behaviours: of all users, what interests are made of.
    texts: [n] object (str), the tweet behind each behaviour; None of watches.
    profiles: [U] object (str), self-descriptions.
    clock: the sessions.
  """

  watches: Histories
  behaviours: Histories
  texts: np.ndarray | None
  profiles: np.ndarray
  clock: Sessions


def make_training_set(
  config: ml_collections.ConfigDict, prepared: Prepared, this: Split
) -> AnySet:
  """The virtual sequences of the train users.

  Leaks: of a split by time, nothing from the end of `train_until` on is in any
  of its arrays, and content losses read known videos alone.

  Raises:
    CannotFit: the config's network cannot read what there is.
  """
  log = log_of(config, prepared, this, this.users.train, this.train_until)
  if config.train.streamed:
    return streamed_set.make_streamed_set(
      log,
      video_count=len(prepared.records.videos.id),
      paired_videos=_paired(prepared),
      max_bag=config.seq.max_bag,
      proposal_rule=settings.proposal_rule(config),
    )
  return with_losses(sequences_of(config, prepared, log), config, prepared)


def with_losses(
  data: TrainingSet, config: ml_collections.ConfigDict, prepared: Prepared
) -> TrainingSet:
  """The sequences with all that losses read beside them."""
  return data._replace(
    relevance=_related(config, data.watches, data.samples, prepared),
    paired_videos=_paired(prepared),
    proposal=_proposal(config, data),
  )


def _paired(prepared: Prepared) -> np.ndarray:
  """Videos with both modalities, that content may be learned from."""
  features = prepared.features
  return np.flatnonzero(
    features.has_visual & features.has_text & prepared.known_videos
  ).astype(np.int32)


def make_validation_set(
  config: ml_collections.ConfigDict, prepared: Prepared, this: Split
) -> tuple[TrainingSet, dict[str, np.ndarray]]:
  """The validation users' virtual sequences at the borders.

  What training would read of them there, and would have them predict: a user
  without a behaviour before a border, or without a watch in the horizon after
  it, has none.

  Leaks: as in the questions that they are asked, watches before the border are
  hidden in the cross network, and of a split by time none is a target from the
  end of `truth_until` on.

  Returns:
    The sequences, without partners and rows of Eq (1), and for each mode which
    of them begin at its border.

  Raises:
    CannotFit: the config's network cannot read what there is.
    LacksDataError: a mode has none.
  """
  borders = splits.borders(config, this)
  log = log_of(config, prepared, this, this.users.valid, this.truth_until)
  data = sequences_of(config, prepared, log)
  session = data.samples.session
  chosen = np.flatnonzero(np.isin(session, list(borders.values())))
  samples = data.samples.take(chosen)
  at = {
    mode: np.flatnonzero(samples.session == border)
    for mode, border in borders.items()
  }
  for mode, rows in at.items():
    if not len(rows):
      raise LacksDataError(
        'train.stop_by is likelihood, and no validation user has a behaviour '
        f'up to session {borders[mode]} and a watch within seq.horizon after '
        'it; raise train.val_frac, or take f_score'
      )
  if config.scenario == 'cross':
    samples = samples._replace(
      watch_start=samples.watch_start + samples.history_count,
      history_count=np.zeros_like(samples.history_count),
    )
  weights = data.target_weights
  data = data._replace(
    samples=samples,
    interest_rows=inputs.take_rows(data.interest_rows, chosen),
    target_weights=None if weights is None else weights[chosen],
  )
  return data, at


def log_of(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  users: np.ndarray,
  until: int | None,
) -> Log:
  """The events up to a session's end, and how samples are cut from them."""
  made_of, topics = this.behaviours, prepared.behaviours.topics
  describe = first_inputs.description(config, prepared)
  if describe is not None:
    made_of, topics = describe(made_of, prepared.tweet_texts)
  clock = prepared.sessions
  if until is not None:
    clock = clock.up_to(until)
  return Log(
    watches=_until(prepared.watches, prepared, until),
    behaviours=_until(made_of, prepared, until),
    topics=topics,
    clock=clock,
    users=np.unique(users),
    horizon=config.seq.horizon,
    max_target_len=config.seq.max_target_len,
    next_count=config.seq.next_count,
    history_mode=first_inputs.history_mode(config),
    norm=config.interest.norm,
    **settings.decay(config, prepared),
  )


def sequences_of(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  log: Log,
  samples: Samples | None = None,
) -> TrainingSet:
  """Virtual sequences of a log's users; None is all of them."""
  if samples is None:
    samples, rows = log.all_samples()
  else:
    rows = log.interests_of(samples)
  return TrainingSet(
    video_count=len(prepared.records.videos.id),
    watches=log.watches,
    samples=samples,
    interest_rows=rows,
    relevance=None,
    paired_videos=np.zeros(0, np.int32),
    history_mode=log.history_mode,
    max_len=log.max_target_len,
    max_bag=config.seq.max_bag,
    target_weights=sequences.target_weights(
      samples, config.seq.weight, list_len=config.decode.k
    ),
    decay=log.decay,
    unit_secs=log.unit_secs,
  )


def _related(
  config: ml_collections.ConfigDict,
  watches: Histories,
  samples: Samples,
  prepared: Prepared,
) -> Relevance | None:
  """Candidates of the triplets of Eq (6); None if the loss is not used."""
  if not settings.loss_weights(config).relevance:
    return None
  return relevance.find_relevant(
    watches,
    np.unique(samples.user),
    len(prepared.records.videos.id),
    positive=config.rel.positive,
  )


def _proposal(
  config: ml_collections.ConfigDict, data: TrainingSet
) -> Proposal | None:
  """Of the videos that stand for all; None if the loss is over all."""
  rule = settings.proposal_rule(config)
  if rule is None:
    return None
  _, targets = sequences.targets_of(data.samples, data.watches)
  counts = shared_samples.target_counts(targets, data.video_count)
  return shared_samples.make_proposal(counts, len(data.samples.user), rule=rule)


def _topics(prepared: Prepared, this: Split) -> np.ndarray:
  """[R, K] what behaviours are about; of later tweets nothing."""
  made_of = prepared.behaviours
  if this.train_until is None or prepared.tweet_texts is None:
    return made_of.topics
  end = prepared.sessions.end(this.train_until)
  return behaviours.known_before(made_of, end).topics


def _until(
  events: Histories, prepared: Prepared, until: int | None
) -> Histories:
  """Everybody's events up to a session's end; None is all of them."""
  if until is None:
    return events
  return _rows_until(events, prepared.sessions.end(until))


def _rows_until(events: Histories, time: int) -> Histories:
  """Every row's events before a moment."""
  everyone = np.arange(events.user_count)
  ends = np.full(events.user_count, time, np.int64)
  return histories.rows_before(events, everyone, ends)[0]


def make_questions(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  users: np.ndarray,
  session: int,
) -> tuple[Queries, Histories]:
  """The users at the end of n_f, and what each watched afterwards.

  Paper: Sec 4.1; in the cross network held-out users' watches are hidden.

  Args:
    config: of the run.
    prepared: the study.
    this: the split.
    users: [B] who is asked about.
    session: n_f.

  Returns:
    The queries, and the ground truth, a row each.
  """
  clock = prepared.sessions
  watches = prepared.watches
  if config.scenario == 'cross':
    watches = histories.no_events(watches.user_count)
  known = Known(
    watches,
    this.behaviours,
    prepared.tweet_texts,
    prepared.records.profiles,
    clock,
  )
  queries = make_queries(
    known,
    _topics(prepared, this),
    users,
    session,
    mask_known=config.eval.mask_history,
  )
  truth = prepared.watches
  if this.truth_until is not None:
    truth = _rows_until(truth, clock.end(this.truth_until))
  later, _ = histories.rows_from(truth, users, queries.time)
  return queries, later


def make_queries(
  known: Known,
  topics: np.ndarray,
  users: np.ndarray,
  session: np.ndarray | int,
  *,
  mask_known: bool,
  until: np.ndarray | None = None,
) -> Queries:
  """The users at the end of a session, with what is known of them by then.

  Args:
    known: whom the users are among.
    topics: [R, K] what behaviours are about.
    users: [B] positions in `known`.
    session: the last one whose end has come; one for all, or [B].
    mask_known: whether known videos may be in no list.
    until: [B] seconds, where what is known of each ends instead; no earlier
      than the session.

  Returns:
    The queries.
  """
  session = np.broadcast_to(np.asarray(session, np.int32), users.shape)
  time = known.clock.borders[session] if until is None else until
  made_of, index = histories.rows_before(known.behaviours, users, time)
  return Queries(
    users=users.astype(np.int32),
    session=session,
    time=time,
    watches=histories.rows_before(known.watches, users, time)[0],
    behaviours=made_of,
    topics=topics,
    texts=None if known.texts is None else known.texts[index],
    profiles=known.profiles[users],
    clock=known.clock,
    mask_known=mask_known,
  )


def make_seen(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  session: int,
) -> Seen:
  """What a method may be fitted on before it is asked at the end of n_f.

  Paper: Sec 4.1; held-out users' first n_f sessions are in every training
  matrix, their watches in the cross network in none.

  Leaks: of a split by time, no row goes on after the end of `train_until`, and
  no view count is told, which would count views after it.
  """
  clock, texts = prepared.sessions, prepared.tweet_texts
  everyone = np.arange(prepared.watches.user_count)
  trains = np.isin(everyone, this.users.train)

  def up_to(events: Histories, border: int):
    """Train users' rows up to the training's end, others' to the border."""
    after_all = int(events.time.max(initial=border)) + 1
    if this.train_until is not None:
      after_all = clock.end(this.train_until)
    until = np.where(trains, after_all, border)
    return histories.rows_before(events, everyone, until)

  border = clock.end(session)
  made_of, index = up_to(this.behaviours, border)
  if config.scenario == 'cross':
    border = int(prepared.watches.time.min(initial=border))  # before all
  videos = prepared.records.videos
  if this.train_until is not None:
    unknown = np.full(len(videos.id), MISSING_COUNT, np.int64)
    videos = videos._replace(view_count=unknown)
  return Seen(
    train_users=this.users.train,
    session=session,
    watches=up_to(prepared.watches, border)[0],
    behaviours=made_of,
    topics=_topics(prepared, this),
    texts=None if texts is None else texts[index],
    profiles=prepared.records.profiles,
    videos=videos,
    video_texts=prepared.video_texts,
    video_topics=prepared.video_topics,
    features=prepared.features,
    clock=clock,
    seed=this.seed,
    known_videos=prepared.known_videos,
  )
