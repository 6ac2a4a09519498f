"""`mode=update`: a run goes on with the days that its log has grown by (A50).

A service runs the same command every day, over the same log, grown. What was
learned stays and is trained on with what is new; nothing is fitted again. Each
update leaves a folder below the run's `updates/`, whole, and then one file says
that it is the one to read: a kill at any moment leaves the old state or the new
one, and the same command goes on.
"""

import datetime
import json
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax import checkpoint, train, training_loop
from dynrec_jax.data import growth as growth_lib
from dynrec_jax.data import summary
from dynrec_jax.data.growth import Members
from dynrec_jax.data.records import Records
from dynrec_jax.data.sessions import DAY_SECS
from dynrec_jax.data.summary import Summary
from dynrec_jax.early_stopping import Position
from dynrec_jax.parallel import host_memory, hosts
from dynrec_jax.storage import digests
from dynrec_jax.study import (
  filtered,
  grown_content,
  grown_state,
  identity,
  kept,
  kept_tweets,
  later_set,
  method_config,
  prepare,
  same_data,
  settings,
  span,
  split_run,
  splits,
  workdir,
)
from dynrec_jax.study.kept import Growth, Kept
from dynrec_jax.study.later_set import LaterSet
from dynrec_jax.study.parts import Parts, make_parts
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split

# What may change in a service's tables from day to day, by whom it is of.
_MAY_CHANGE = {'view_count': 'video', 'profile': 'user'}
_SAME_LOG = 'Right: the log that was learned from, with rows added'


class _New(NamedTuple):
  """The study as it is now, and where the update makes its state.

  Attributes:
    config: of the run, whose workdir is the new state's folder.
    prepared: the grown study.
    this: the split, whose users train.
    parts: with the network.
  """

  config: ml_collections.ConfigDict
  prepared: Prepared
  this: Split
  parts: Parts


def update(config: ml_collections.ConfigDict) -> str | None:
  """Learns the days of the log that have come since the last update.

  Args:
    config: of the run, as it was trained.

  Returns:
    What was learned, in words; None if asked to stop, which a training does
    once it has saved.

  Raises:
    ValueError: no checkpoint, other settings, or a log that lost or changed
      what was learned; says what.
  """
  _refuse(config)
  source = filtered.load_source(config)
  before = kept.read(config) or _first(config, source)
  until = _until(config, source)
  if until <= before.until:
    return (
      f'nothing new: {config.workdir} has learned the days before '
      f'{_date(before.until)}, and the log has gone beyond no later one'
    )
  growth = Growth(before, until, True)
  prepared = prepare.of_source(config, source, growth)
  told = _grown_by(config, prepared, growth)
  new = _begun(config, prepared, growth)
  with checkpoint.StopRequest() as stop:
    learned = _train(config, new, before, stop.requested)
  if learned is None:
    return None
  _finish(config, new)
  return f'{told}; {learned}'


def _refuse(config: ml_collections.ConfigDict) -> None:
  """Raises ValueError for a run that cannot be gone on with so."""
  if config.split.by == 'time':
    raise ValueError(
      'split.by is time, which tests what comes after the cut, and mode=update '
      'learns it; right: users'
    )
  if config.parallel.catalogue == 'sharded':
    raise ValueError(
      'parallel.catalogue is sharded, and mode=update grows arrays that are '
      'whole; right: replicated, which reads checkpoints of a cut one, too'
    )
  if hosts.count() > 1:
    raise ValueError(
      f'mode is update in a run of {hosts.count()} hosts; right: one host'
    )


def _until(config: ml_collections.ConfigDict, source: Records) -> int:
  """Before when the update learns, seconds.

  By default the start of the last event's day: it may not be over.
  """
  last = int(source.watches.time.max())
  if config.scenario == 'cross' and len(source.tweets.time):
    last = max(last, int(source.tweets.time.max()))
  today = last // DAY_SECS * DAY_SECS
  if not config.updates.until:
    return today
  until = span.date_secs(config.updates.until, 'updates.until')
  if until > today + DAY_SECS:
    logging.warning(
      'updates.until is %s, and the last event of the log is of %s: the days '
      'in between count as days without an event, and a later log that brings '
      'one is refused',
      config.updates.until,
      _date(last),
    )
  return until


def _first(config: ml_collections.ConfigDict, source: Records) -> Kept:
  """What the first update goes on from: the run as it was trained.

  Raises:
    ValueError: it is of other data, or there is none.
  """
  prepared = prepare.of_source(config, source, None)
  saved = same_data.saved_summary(config)
  if saved is None:
    raise ValueError(
      f'{config.workdir} holds no run to go on with; right: the workdir of '
      'mode=train_and_evaluate'
    )
  _refuse_changed(config, saved, prepared.summary)
  this = splits.make_split(config, prepared, config.recommend.split)
  return _keep(config, prepared, this)


def _refuse_changed(
  config: ml_collections.ConfigDict, saved: Summary, now: Summary
) -> None:
  """Raises if what was learned from is not what it was; says what.

  Views of a video and a user's profile may be others: no network reads them.
  """
  for field, key in _MAY_CHANGE.items():
    if np.array_equal(getattr(saved, key), getattr(now, key)):
      now = now._replace(**{field: getattr(saved, field)})
  told = summary.changes(saved, now, summary.TABLES)
  if told:
    raise ValueError(
      f'{config.workdir}: what it has learned from has changed since; '
      f'{"; ".join(told)}. {_SAME_LOG}'
    )


def _grown_by(
  config: ml_collections.ConfigDict, prepared: Prepared, growth: Growth
) -> str:
  """What is new in the grown study, in words.

  Raises:
    ValueError: what is not new has changed.
  """
  before = growth.kept
  known = Members(*growth.known(prepared.records))
  old = growth_lib.old_part(prepared.records, known, before.until)
  features = prepared.features.take(np.flatnonzero(known.videos))
  _refuse_changed(
    config, before.summary, prepare.summarise(old, features, config)
  )
  told = summary.changes(before.summary, prepared.summary, summary.TABLES)
  days = f'{_date(before.until)} to {_date(growth.until)}'
  return f'{days}: {"; ".join(told) or "nothing"}'


def _begun(
  config: ml_collections.ConfigDict, prepared: Prepared, growth: Growth
) -> _New:
  """The new state's folder, and in it what data it is of.

  Its name says what it is made of: the same update goes on in it, and what an
  update of other data left half done goes.
  """
  number, until = growth.kept.split, growth.until
  about = {
    'from': os.path.basename(workdir.state_of(config)),
    'data': summary.table_digests(prepared.summary),
    'update': config.updates.to_dict() | {'until': until},
  }
  of = digests.joined_sha256(json.dumps(about, sort_keys=True))[:8]
  folder = pathlib.Path(config.workdir, workdir.UPDATES, f'{_date(until)}-{of}')
  _remove_but(config, {folder.name, *_named(config)})
  own = method_config.changed(config, {'workdir': str(folder)})
  same_data.hold(own, prepared)
  this = splits.make_split(own, prepared, number)
  if config.train.refit:
    _, this = splits.refit_splits(this)
  return _New(own, prepared, this, make_parts(own, prepared))


def _train(
  config: ml_collections.ConfigDict,
  new: _New,
  before: Kept,
  stop_requested: Callable[[int], bool],
) -> str | None:
  """Trains the grown state; what it read in words, None if asked to stop."""
  later = later_set.make_later_set(new.config, new.prepared, new.this)
  rate = config.updates.rate * config.opt.learning_rate
  learning = method_config.changed(new.config, {'opt.learning_rate': rate})
  state = grown_state.grown_state(config, learning, new.this, new.parts, before)
  with checkpoint.Checkpointer(
    new.this.checkpoints,
    config=split_run.saved_config(new.config, new.parts, new.this),
    must_match=identity.CHECKPOINT,
    absent=identity.ABSENT,
  ) as saver:
    if not later.new_count:
      saver.save(int(state.step), state, Position(1, None, 1)._asdict())
      return 'no user who trains watched anything: nothing was trained'
    if not _fit(learning, new, state, later, saver, stop_requested):
      return None
  epochs, count = config.updates.epochs, later.data.sample_count
  return (
    f'{epochs} epoch{"s" * (epochs > 1)} of {later.new_count:,} samples for '
    f'what is new and {count - later.new_count:,} others'
  )


def _fit(
  config: ml_collections.ConfigDict,
  new: _New,
  state: train.TrainState,
  later: LaterSet,
  saver: checkpoint.Checkpointer,
  stop_requested: Callable[[int], bool],
) -> bool:
  """Goes through the samples as often as was asked; whether it is complete."""
  host_memory.drop_programs()  # of the preparation
  # An epoch goes through a share of the samples, and so of the videos.
  anchors = train.populations_of(later.data)
  anchors = anchors._replace(semantic=later.share * anchors.semantic)
  balance = train.Balance(settings.loss_weights(config), anchors)
  # The days' own draws, not those of the days before once more.
  drawn = np.random.SeedSequence((new.this.seed, new.prepared.growth.until))
  seed = int(drawn.generate_state(1)[0] >> 1)
  return training_loop.fit(
    train.balanced(
      split_run.make_step(config, new.parts), balance, new.this.seed
    ),
    state,
    later.data,
    settings.batch_spec(config, seed),
    new.parts.features,
    settings.loop_settings(config)._replace(max_epochs=config.updates.epochs),
    validate=None,
    saver=saver,
    log_dir=new.this.directory,
    stop_requested=stop_requested,
    first_step=int(state.step),
  )


def _finish(config: ml_collections.ConfigDict, new: _New) -> None:
  """Makes the new state the one that counts; the one before it stays."""
  served = splits.make_split(new.config, new.prepared, new.this.number)
  if hosts.is_writer():
    folder = new.config.workdir
    kept.write(folder, _keep(config, new.prepared, served))
    past = _named(config)[:1]
    name = os.path.basename(folder)
    about = {
      'folder': os.path.join(workdir.UPDATES, name),
      'before': past,
      'until': _date(new.prepared.growth.until),
    }
    workdir.write_text(config, workdir.CURRENT, json.dumps(about, indent=2))
    _remove_but(config, {name, *past})
  hosts.wait_for_all('update')


def _named(config: ml_collections.ConfigDict) -> list[str]:
  """The folders of the state that counts and of the one before it."""
  path = pathlib.Path(config.workdir, workdir.CURRENT)
  if not path.exists():
    return []
  found = json.loads(path.read_text('utf-8'))
  return [os.path.basename(found['folder']), *found['before']]


def _remove_but(config: ml_collections.ConfigDict, names: set[str]) -> None:
  """Takes all other states away, whole ones and what was left half done."""
  folder = pathlib.Path(config.workdir, workdir.UPDATES)
  if not hosts.is_writer() or not folder.is_dir():
    return
  for path in folder.iterdir():
    if path.name not in names:
      shutil.rmtree(path)


def _keep(
  config: ml_collections.ConfigDict, prepared: Prepared, this: Split
) -> Kept:
  """All that a later update needs of a study beside the parameters."""
  growth, features = prepared.growth, prepared.features
  topics = prepared.video_topics
  if growth is None:
    until = prepared.sessions.end(prepared.sessions.count)
    videos = grown_content.keep(
      prepared.records, prepared.video_texts, features, config, topics
    )
    words = prepared.topic_words
    if config.scenario == 'single':
      videos = videos._replace(top_words=np.asarray(words))
  else:
    until, videos = growth.until, growth.kept.videos
    videos = videos._replace(has_text=features.has_text)
    if videos.text.shape[1]:
      videos = videos._replace(text=features.text)
    if topics is not None:
      videos = videos._replace(topics=topics)
  return Kept(
    until,
    this.number,
    prepared.fingerprint,
    prepared.summary,
    videos,
    kept_tweets.keep(prepared.behaviours, this.users.train, growth),
  )


def _date(time: int) -> str:
  """The day of a moment, UTC."""
  return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime('%F')
