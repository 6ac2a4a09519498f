"""Topics of tweets that came since: of new days alone; see `update_test`."""

import numpy as np
import pytest
import worlds
from service import END, Service

from dynrec_jax.study import filtered, kept, kept_tweets, prepare
from dynrec_jax.study.kept import Growth

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('quick_compile')]


def test_who_joins_brings_tweets_and_others_keep_theirs(tmp_path, monkeypatch):
  run = Service(tmp_path, **worlds.CROSS)
  run.write(END + 20)
  run.update(END + 10)
  config = run.config(mode='update')
  before = kept.read(config)
  growth = Growth(before, worlds.START + (END + 20) * worlds.DAY, True)
  fitted = []
  real = kept_tweets.border_fit.extend
  monkeypatch.setattr(
    kept_tweets.border_fit,
    'extend',
    lambda known, rows, day: (
      fitted.append((rows, day)) or real(known, rows, day)
    ),
  )
  prepared = prepare.of_source(config, filtered.load_source(config), growth)
  tweets, known = prepared.records.tweets, prepared.behaviours.known
  ((rows, day),) = fitted
  assert (tweets.time[rows] >= before.until).all()
  assert (day >= before.tweets.state.next_day).all()
  old = tweets.time < before.until
  np.testing.assert_array_equal(known.topic[old], before.tweets.topic)
  later = np.flatnonzero(~old)
  has = np.diff(known.corpus.offsets)[later] > 0
  trained = np.isin(later, rows)
  np.testing.assert_array_equal(known.topic[later] >= 0, trained & has)
  assert 0 < trained.sum() < len(later)  # held-out users' have none
  # Another number of old tweets cannot be those that were learned from.
  run.write(END + 20, tweets=worlds.tweets()[1:])
  source = filtered.load_source(config)
  with pytest.raises(ValueError, match='tweets of the study from before'):
    prepare.of_source(config, source, growth)
