"""Who trains, stops and is tested, and whether anything can be asked of them.

Known from ids, times and the config alone: what cannot be studied is told
before anything is computed.
"""

from collections.abc import Mapping

import ml_collections
import numpy as np

from dynrec_jax.data import sessions, split
from dynrec_jax.data.records import LacksDataError, Records
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.split import UserSplit
from dynrec_jax.study import event_spread

# How much of the span is known of held-out users, by mode of a scenario, where
# users are split.
MODES = {
  'single': {
    'long': sessions.LONG_FRACTION,
    'short': sessions.SHORT_FRACTION,
  },
  'cross': {'cross': sessions.LONG_FRACTION},
}
# They describe what there is and split nobody.
_ASK_NOBODY = ('prepare', 'choose_topics')
# Of whatever is known: they test nobody.
_ASK_BY_WHAT_WAS_TRAINED = ('recommend', 'update')


def modes(config: ml_collections.ConfigDict) -> Mapping[str, int]:
  """How many sessions are known of those who are tested, by mode.

  One model serves all of them: train users keep their whole span in each (A21).
  """
  if config.split.by == 'time':
    return {'time': config.split.cut}
  return {
    mode: sessions.history_sessions(config.sessions.L, fraction)
    for mode, fraction in MODES[config.scenario].items()
  }


def parts_of(
  config: ml_collections.ConfigDict, user_ids: np.ndarray, number: int
) -> UserSplit:
  """The users of split `number`, where users are split.

  Raises:
    ValueError: it leaves nobody to train on, to stop training or to test.
  """
  users = split.split_users(
    user_ids,
    seed=config.seed + number,
    test_frac=config.split.test_frac,
    valid_frac=config.train.val_frac,
  )
  for key, part in (
    ('split.test_frac', users.test),
    ('train.val_frac', users.valid),
  ):
    if not len(part):
      raise ValueError(f'{key} of {len(user_ids)} users is nobody; raise it')
  return users


def check(
  records: Records, clock: Sessions, config: ml_collections.ConfigDict
) -> None:
  """Raises if a split of the run could not be trained or tested.

  Raises:
    LacksDataError: no train user has anything before and a watch after a
      border, or nobody who is asked has a watch after n_f.
    ValueError: see `parts_of`.
  """
  if config.mode in _ASK_NOBODY:
    return
  if config.mode in _ASK_BY_WHAT_WAS_TRAINED:
    if config.split.by == 'users':
      parts_of(config, records.user_ids, config.recommend.split)
    return
  first, last = _first_session(records, clock, config), _last(records, clock)
  if config.split.by == 'time':
    cut = config.split.cut
    _check_trains(first, np.minimum(last, cut), config, clock, up_to=cut)
    known = np.flatnonzero(first <= cut)
    who = f'split.cut is {cut}; none of the {len(known)} users known by then'
    _check_asked(last[known], who, cut, clock)
    return
  for number in range(config.split.seeds):
    users = parts_of(config, records.user_ids, number)
    _check_trains(first[users.train], last[users.train], config, clock)
    for what, part in (('stop training', users.valid), ('test', users.test)):
      who = f'split {number}: none of the {len(part)} users that {what} it'
      for border in modes(config).values():
        _check_asked(last[part], who, border, clock)


def _check_trains(
  first: np.ndarray,
  last: np.ndarray,
  config: ml_collections.ConfigDict,
  clock: Sessions,
  up_to: int | None = None,
) -> None:
  """Somebody must have a past and a future at a border."""
  if np.any(first < last):
    return
  what = 'tweet' if config.scenario == 'cross' else 'watch'
  until = '' if up_to is None else f' up to session {up_to}, where split.cut is'
  raise LacksDataError(
    f'none of the {len(first)} train users has a {what} before and a watch '
    f'after any border of the {clock.count} sessions{until}: there is nothing '
    f'to train on; right: {_SPAN} that hold their events, or more sessions.L'
  )


def _check_asked(
  last: np.ndarray, who: str, border: int, clock: Sessions
) -> None:
  """Somebody who is asked must watch something later."""
  if np.any(last > border):
    return
  raise LacksDataError(
    f'{who} has a watch after session {border} of {clock.count}, which ends on '
    f'{event_spread.date(clock.end(border))}: there is no truth to ask for; '
    f'right: {_SPAN} that hold events on both sides'
  )


_SPAN = 'sessions.start and sessions.end'


def _first_session(
  records: Records, clock: Sessions, config: ml_collections.ConfigDict
) -> np.ndarray:
  """[U] session of each user's first behaviour; beyond all sessions of none."""
  events = records.watches if config.scenario == 'single' else records.tweets
  out = np.full(len(records.user_ids), clock.count + 1)
  np.minimum.at(out, events.user, clock.of(events.time))
  return out


def _last(records: Records, clock: Sessions) -> np.ndarray:
  """[U] session of each user's last watch; 0 of none."""
  out = np.zeros(len(records.user_ids), np.int64)
  np.maximum.at(out, records.watches.user, clock.of(records.watches.time))
  return out
