"""The mean log probability of later watches, against a loop in NumPy."""

import jax.numpy as jnp
import numpy as np
import plain_model
import pytest
import worlds

from dynrec_jax import likelihood
from dynrec_jax.data import ordered_batches
from dynrec_jax.losses import LossWeights
from dynrec_jax.study import training_data

pytestmark = pytest.mark.usefixtures('quick_compile')
PATHS = {
  'topic_only': {},
  'topic_then_history': {'seq.max_target_len': 3, 'model.softmax_bias': True},
  'next_session': {'seq.horizon': 'next_session', 'sessions.L': 8},
}


@pytest.fixture(scope='module', params=PATHS)
def case(request, tiny_settings, quick_compile):
  """A study, random parameters, and the validation users' batches."""
  del quick_compile
  # Enough users whom the training does not learn from.
  changes = {'train.val_frac': 0.3} | PATHS[request.param]
  if request.param.startswith('topic'):
    changes['model.history_mode'] = request.param
  study = worlds.Study(worlds.tiny_config(tiny_settings | changes))
  params = worlds.random_params(study.network)
  data, rows = training_data.make_validation_set(
    study.config, study.prepared, study.split
  )
  return study, params, data, rows


def mean_of(case, rows, *, batch_size=4, params=None, **changes):
  study, own, data, _ = case
  (batches,) = ordered_batches.ordered_batches(
    data, [rows], batch_size=batch_size, device_count=1
  )
  return likelihood.mean_log_likelihood(
    study.network,
    study.settings._replace(**changes),
    own if params is None else params,
    study.features,
    batches,
  )


def later(study, plain, user, session):
  """What a user is to have watched, by the config's horizon."""
  videos = plain.targets(user, session)
  if study.config.seq.horizon == 'all_after':
    return videos
  start, end = plain.borders[session : session + 2]
  return [v for t, v in plain.events[user] if start <= t < end]


def test_equals_a_loop_over_users_and_watches(case):
  study, params, data, rows = case
  plain = plain_model.PlainModel(study, params)
  valid = study.split.users.valid
  assert set(rows) == {'long', 'short'}
  for mode, own in rows.items():
    (session,) = set(data.samples.session[own].tolist())
    total, count, users = 0.0, 0, []
    for user in valid.tolist():
      videos = later(study, plain, user, session)
      if not plain.known(user, session) or not videos:
        continue
      users.append(user)
      states = plain.states(user, session)
      for h, video in zip(states, videos, strict=False):
        total += plain.log_probs(h)[video]
        count += 1
    assert data.samples.user[own].tolist() == users
    assert count >= 5
    assert mean_of(case, own) == pytest.approx(total / count, abs=2e-5), mode


def test_how_samples_fall_into_batches_does_not_matter(case):
  rows = case[3]['long']
  whole = mean_of(case, rows)
  for other in (
    mean_of(case, rows[::-1], batch_size=3),
    mean_of(case, rows, batch_size=64),
  ):
    assert other == pytest.approx(whole, abs=1e-6)


def test_it_is_a_probability_whatever_else_is_learned(case):
  """Neither the other terms nor sampled negatives are asked for."""
  rows = case[3]['short']
  whole = mean_of(case, rows)
  assert whole < 0
  assert mean_of(case, rows, coherence='bpr') == whole
  assert mean_of(case, rows, wanted=LossWeights(False, False, False)) == whole
  _, params, *_ = case
  flat = dict(params) | {
    name: jnp.zeros_like(x)
    for name, x in params.items()
    if name.startswith('output')
  }
  found = mean_of(case, rows, params=flat)
  assert found == pytest.approx(-np.log(worlds.VIDEOS), abs=1e-5)


@pytest.mark.parametrize('batch_size', [3, 64])
def test_where_targets_are_weighed_so_is_the_mean(batch_size, case):
  """However the samples fall into batches."""
  study, params, data, rows = case
  own = rows['short']
  alone = [mean_of(case, own[i : i + 1]) for i in range(len(own))]
  count = data.samples.target_count[own]
  weights = np.ones(len(data.samples.user), np.float32)
  weights[own] += np.arange(len(own)) % 5
  weighed = data._replace(target_weights=weights)
  found = mean_of((study, params, weighed, rows), own, batch_size=batch_size)
  want = np.average(alone, weights=count * weights[own])
  assert found == pytest.approx(want, abs=1e-5)
  assert abs(found - np.average(alone, weights=count)) > 1e-3


def test_fits_share_one_program(case):
  study, *_ = case
  rows = case[3]['long']
  mean_of(case, rows)
  before = likelihood._program.cache_info().misses
  mean_of(case, rows, coherence='logistic')
  again = worlds.Study(study.config, study.prepared)
  mean_of((again, *case[1:]), rows)
  assert likelihood._program.cache_info().misses == before
