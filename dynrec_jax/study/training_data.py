"""What a split learns from, and what it is asked and scored on."""

from typing import NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data import histories, inputs, relevance, sequences, sessions
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.recommender import Queries, Seen
from dynrec_jax.study import settings
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
) -> TrainingSet:
  """The virtual sequences of the train users."""
  samples = sequences.virtual_sequences(
    prepared.watches,
    this.behaviours,
    prepared.sessions,
    this.users.train,
    horizon=config.seq.horizon,
    max_target_len=config.seq.max_target_len,
    next_count=config.seq.next_count,
  )
  decay = settings.decay(config, prepared)
  rows = inputs.interest_rows(
    samples,
    this.behaviours,
    prepared.behaviours.topics,
    prepared.sessions,
    history_mode=config.model.history_mode,
    norm=config.interest.norm,
    **decay,
  )
  related = None
  if config.loss.relevance_weight:
    related = relevance.find_relevant(
      prepared.watches,
      np.unique(samples.user),
      len(prepared.records.videos.id),
      positive=config.rel.positive,
    )
  features = prepared.features
  paired = np.flatnonzero(features.has_visual & features.has_text)
  return TrainingSet(
    video_count=len(prepared.records.videos.id),
    watches=prepared.watches,
    samples=samples,
    interest_rows=rows,
    relevance=related,
    paired_videos=paired.astype(np.int32),
    history_mode=config.model.history_mode,
    max_len=config.seq.max_target_len,
    **decay,
  )


def make_questions(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  users: np.ndarray,
  fraction: float,
) -> tuple[Queries, Histories]:
  """The users at the end of n_f, and what each watched afterwards.

  Paper: Sec 4.1; in the cross network held-out users' watches are hidden.

  Args:
    config: of the run.
    prepared: the study.
    this: the split.
    users: [B] who is asked about.
    fraction: n_f as a share of the sessions.

  Returns:
    The queries, and the ground truth, a row each.
  """
  clock = prepared.sessions
  session = sessions.history_sessions(clock, fraction)
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
    prepared.behaviours.topics,
    users,
    session,
    mask_known=config.eval.mask_history,
  )
  later, _ = histories.rows_from(prepared.watches, users, queries.time)
  return queries, later


def make_queries(
  known: Known,
  topics: np.ndarray,
  users: np.ndarray,
  session: np.ndarray | int,
  *,
  mask_known: bool,
) -> Queries:
  """The users at the end of a session, with what is known of them by then.

  Args:
    known: whom the users are among.
    topics: [R, K] what behaviours are about.
    users: [B] positions in `known`.
    session: the last one whose end has come; one for all, or [B].
    mask_known: whether known videos may be in no list.

  Returns:
    The queries.
  """
  session = np.broadcast_to(np.asarray(session, np.int32), users.shape)
  time = known.clock.borders[session]
  behaviours, index = histories.rows_before(known.behaviours, users, time)
  return Queries(
    users=users.astype(np.int32),
    session=session,
    time=time,
    watches=histories.rows_before(known.watches, users, time)[0],
    behaviours=behaviours,
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
  fraction: float,
) -> Seen:
  """What a method may be fitted on before it is asked at the end of n_f.

  Paper: Sec 4.1; held-out users' first n_f sessions are in every training
  matrix, their watches in the cross network in none.
  """
  clock, texts = prepared.sessions, prepared.tweet_texts
  session = sessions.history_sessions(clock, fraction)
  everyone = np.arange(prepared.watches.user_count)
  trains = np.isin(everyone, this.users.train)

  def up_to(events: Histories, border: int):
    """Train users' rows whole, others' up to the border."""
    after_all = int(events.time.max(initial=border)) + 1
    until = np.where(trains, after_all, border)
    return histories.rows_before(events, everyone, until)

  border = clock.end(session)
  behaviours, index = up_to(this.behaviours, border)
  if config.scenario == 'cross':
    border = int(prepared.watches.time.min(initial=border))  # before all
  return Seen(
    train_users=this.users.train,
    session=session,
    watches=up_to(prepared.watches, border)[0],
    behaviours=behaviours,
    topics=prepared.behaviours.topics,
    texts=None if texts is None else texts[index],
    profiles=prepared.records.profiles,
    videos=prepared.records.videos,
    video_texts=prepared.video_texts,
    features=prepared.features,
    clock=clock,
    seed=this.seed,
  )
