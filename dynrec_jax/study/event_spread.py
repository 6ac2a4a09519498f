"""How a study's events spread over its sessions, and which rows look wrong.

Told before anything is computed: a row with a wrong time changes no border, as
dates fix the span, but dates that were chosen to hold it do.
"""

import datetime
from collections.abc import Sequence

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import sessions
from dynrec_jax.data import spread as spread_lib
from dynrec_jax.data.records import Records
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.spread import Event, Spread

_NAMED = 3  # rows
_LISTED = 24  # sessions whose counts are told one by one


def tell(
  records: Records, clock: Sessions, config: ml_collections.ConfigDict
) -> None:
  """Logs the sessions and their events; warns of a span that hardly holds any.

  Args:
    records: of the span alone.
    clock: its sessions.
    config: of the study.
  """
  times = event_times(records, config)
  found = spread_lib.spread(times, clock)
  logging.info(
    'sessions: %d from %s to %s; events in each: %s',
    clock.count,
    date(clock.end(0)),
    date(clock.end(clock.count)),
    _counts(found.counts),
  )
  if not len(found.thin) and not found.gaps:
    return
  first, last = spread_lib.bulk(times)
  wrong = [_thin(found, clock)] if len(found.thin) else []
  wrong += [
    f'no event is from {date(gap.start)} to {date(gap.end)}'
    for gap in found.gaps
  ]
  mends = _mends(found, times, (first, last), clock)
  rows = stray_rows(records, config, first, last)
  logging.warning('sessions: %s', '; '.join([*wrong, *rows, *mends]))


def event_times(
  records: Records, config: ml_collections.ConfigDict
) -> np.ndarray:
  """[n] seconds, of all events that the study reads."""
  if config.scenario == 'cross':
    return np.concatenate([records.watches.time, records.tweets.time])
  return records.watches.time


def stray_rows(
  records: Records, config: ml_collections.ConfigDict, first: int, last: int
) -> list[str]:
  """One line about the events outside of [first, last]; none if there is none.

  It names a few of them: file and row, user, video and date.
  """
  events = _outside(records, 'watches', first, last)
  if config.scenario == 'cross':
    events += _outside(records, 'tweets', first, last)
  if not events:
    return []
  named = sorted(events, key=lambda event: event.time)
  if len(named) > _NAMED:  # the farthest, on both sides
    far = sorted(named, key=lambda e: -max(first - e.time, e.time - last))
    named = sorted(far[:_NAMED], key=lambda event: event.time)
  places: Sequence[str] = [event.table for event in named]
  if config.data.name == 'files':
    # Half a second of imports, which a config's check need not wait for.
    from dynrec_jax.sources import event_places

    places = event_places.of_files(
      config.data.manual_dir, named, config.data.columns
    )
  told = ', '.join(
    f'{place}: user {event.user!r}'
    + (f', video {event.video!r}' if event.video else '')
    + f', {date(event.time)}'
    for place, event in zip(places, named, strict=True)
  )
  more = f' and {len(events) - len(named):,} more' * (len(events) > len(named))
  far = 'lies' if len(events) == 1 else 'lie'
  return [f'far from all others {far} {told}{more}']


def date(time: int) -> str:
  """The day of a moment, UTC."""
  return datetime.datetime.fromtimestamp(int(time), datetime.UTC).strftime('%F')


def _counts(counts: np.ndarray) -> str:
  """Every session's, or of very many what they lie between."""
  if len(counts) <= _LISTED:
    return ' '.join(f'{count:,}' for count in counts)
  return (
    f'{counts.min():,} to {counts.max():,}, in half of them '
    f'{int(np.median(counts)):,} or more'
  )


def _thin(found: Spread, clock: Sessions) -> str:
  """Which sessions hold hardly any event."""
  runs = np.split(found.thin, np.flatnonzero(np.diff(found.thin) > 1) + 1)
  told = ', '.join(
    f'{run[0]}' if len(run) == 1 else f'{run[0]} to {run[-1]}' for run in runs
  )
  held = int(found.counts[found.thin - 1].sum())
  many = 'session' if len(found.thin) == 1 else 'sessions'
  return (
    f'hardly any event is in {many} {told} of {clock.count} '
    f'({held:,} of {found.counts.sum():,})'
  )


def _mends(
  found: Spread, times: np.ndarray, bulk: tuple[int, int], clock: Sessions
) -> list[str]:
  """The keys that leave out what is empty at the ends, with their values."""
  first, last = bulk
  start, end = sessions.enclosing_days(first, last, clock.count)
  mends = []
  empty = {1, clock.count} & set(found.thin.tolist())
  edges = {gap.start for gap in found.gaps}, {gap.end for gap in found.gaps}
  if first > times.min() or 1 in empty or clock.end(0) in edges[0]:
    mends.append(f'sessions.start={date(start)}')
  late = clock.end(clock.count)
  if last < times.max() or clock.count in empty or late in edges[1]:
    mends.append(f'sessions.end={date(end)}')
  if not mends:
    return [
      'sessions.start or sessions.end can leave out what lies before or after'
    ]
  return [f'right: {" ".join(mends)}']


def _outside(records: Records, name: str, first: int, last: int) -> list[Event]:
  """A table's events outside of [first, last]."""
  table = getattr(records, name)
  rows = np.flatnonzero((table.time < first) | (table.time > last))
  if not len(rows):
    return []
  videos = [''] * len(rows)
  if name == 'watches':
    videos = records.videos.id[table.video[rows]]
  return [
    Event(name, records.user_ids[user], video, int(time))
    for user, video, time in zip(
      table.user[rows], videos, table.time[rows], strict=True
    )
  ]
