"""The source as a study takes it; filters, spans and cuts: `prepare_test`."""

import numpy as np
import pytest
import worlds
from service import END, NEW_USER, NEW_VIDEO, rows

from dynrec_jax.data.records import LacksDataError
from dynrec_jax.study import filtered, prepare
from dynrec_jax.study.kept import Growth

DAY = worlds.DAY


def test_a_source_without_a_watch_is_refused(tiny_settings, monkeypatch, study):
  records = study.prepared.records
  none = records.watches._replace(user=np.zeros(0, np.int32))
  monkeypatch.setattr(
    filtered.load,
    'load_source',
    lambda *of, **more: records._replace(watches=none),
  )
  with pytest.raises(LacksDataError, match="'files' holds no watch"):
    filtered.load_source(worlds.tiny_config(tiny_settings))


class Before:
  """What is read of a kept study: who and what it knew."""

  def __init__(self, records, summary):
    del records
    self.summary = summary


@pytest.mark.slow
def test_who_is_in_a_grown_study(tmp_path, quick_compile):
  folder = worlds.write_folder(tmp_path / 'folder', rows())
  settings = worlds.tiny_settings(folder, tmp_path) | {
    'sessions.L': 10,
    'sessions.end': '2023-10-28',
    'filter.min_users_per_video': 2,
  }
  config = worlds.tiny_config(settings, mode='recommend')
  base = prepare.prepare(config)
  assert f'u{NEW_USER}' not in base.records.user_ids
  kept = Before(base.records, base.summary)
  until = worlds.START + (END + 40) * DAY
  for joins in (True, False):
    growth = Growth(kept, until, joins)
    studied = filtered.study_records(config, None, growth)
    records = studied.records
    assert (f'u{NEW_USER}' in records.user_ids) == joins
    assert (f'v{NEW_VIDEO}' in records.videos.id) == joins
    assert records.watches.time.max() >= worlds.START + END * DAY
    assert records.watches.time.max() < until
    assert studied.outside.watches.time.min() >= until
    # Sessions of the span keep their numbers; one more has ended since.
    np.testing.assert_array_equal(
      studied.sessions.borders[:11], base.sessions.borders
    )
    assert studied.sessions.count == 11
