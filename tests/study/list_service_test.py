"""Lists of a service, against those that `mode=recommend` writes."""

import networks
import numpy as np
import pytest
import saved_runs
import worlds

from dynrec_jax.serving.asked import Asked, BadRequest, NewVideo
from dynrec_jax.study import serve

pytestmark = pytest.mark.usefixtures('quick_compile')
NEW = NewVideo('n', 'title', '', (), (), 0, ())


def service_of(run, **changes):
  return serve.make_service(
    run.config(mode='serve', **changes), run.study.prepared
  )


def check_mixed(run, service, histories):
  """Known and new users in one batch, in two, and one after the other."""
  of_new = {row['user']: row for row in run.lists_of(histories)}
  of_old = run.lists()[:9]
  k = run.config().decode.k
  asked = [Asked(row['user'], (), k) for row in of_old]
  expected = list(of_old)
  for place, (user, row) in enumerate(of_new.items()):
    asked.insert(2 * place, Asked('', tuple(histories[user]), k))
    expected.insert(2 * place, row)
  together = service.answers(asked)
  for of, row in zip(together, expected, strict=True):
    assert (of.videos, of.scores) == (row['videos'], row['scores'])
  assert service.answers(asked[:3]) + service.answers(asked[3:]) == together
  assert [service.answers([of])[0] for of in asked[:4]] == together[:4]


@pytest.fixture(scope='module')
def run(tiny_settings, tmp_path_factory, quick_compile):
  del quick_compile
  return saved_runs.SavedRun(tiny_settings, tmp_path_factory.mktemp('service'))


@pytest.fixture(scope='module')
def service(run):
  return service_of(run)


def test_old_and_new_users_get_the_lists_of_recommend(run, service):
  check_mixed(run, service, saved_runs.watchers())


def test_a_shorter_list_is_the_beginning_of_a_longer_one(service):
  long, short = service.answers([Asked('u3', (), 5), Asked('u3', (), 2)])
  assert (short.videos, short.scores) == (long.videos[:2], long.scores[:2])


def test_unlisted_videos_are_counted_and_nothing_else_changes(service):
  own = (('v1', worlds.START), ('v5', worlds.START + 9))
  odd = (('x', 3), *own, ('y', 4), ('x', 5))
  one, two = service.answers([Asked('', own, 5), Asked('', odd, 5)])
  assert (one.unlisted, two.unlisted) == (0, 3)
  assert one.videos == two.videos
  (nobody,) = service.answers([Asked('', (), 5)])
  assert nobody.videos[0] == 'v0'  # nothing is known: all are alike


def test_an_unknown_user_is_told_what_is_right(service):
  service.check(Asked('u3', (), 5))
  service.check(Asked('', (), 5))
  with pytest.raises(BadRequest, match=r"'u99', none of the 60 users .* watch"):
    service.check(Asked('u99', (), 5))


def test_untied_rows_take_no_video(service):
  with pytest.raises(BadRequest, match='network is dynamic, which') as caught:
    service.add([NEW])
  assert caught.value.status == 409


def test_what_is_served(run, service):
  assert service.about == {
    'network': 'dynamic',
    'videos': 40,
    'users': 60,
    'k': 5,
    'version': run.study.prepared.fingerprint,
  }
  assert service.limits == ('watches', 10_000, 5, 0)


@pytest.mark.slow
def test_authors(tmp_path):
  run = saved_runs.SavedRun(networks.cross_settings(tmp_path), tmp_path)
  service = service_of(run)
  assert service.limits.events == 'tweets'
  check_mixed(run, service, saved_runs.authors(12))


@pytest.mark.slow
def test_authors_whose_words_are_read(tmp_path):
  """RNN reads text features of tweets, which the server has an encoder for."""
  settings = networks.cross_settings(tmp_path)
  run = saved_runs.SavedRun(settings, tmp_path, 'rnn')
  check_mixed(run, service_of(run), saved_runs.authors(6))


@pytest.mark.slow
def test_topics_that_a_source_brings_leave_nobody_new(tmp_path):
  settings = networks.cross_settings(tmp_path)
  topics = np.random.default_rng(1).dirichlet(np.ones(3), len(worlds.tweets()))
  path = tmp_path / 'folder' / 'tweet_topics.npy'
  np.save(path, topics.astype(np.float32))
  run = saved_runs.SavedRun(settings, tmp_path)
  service = service_of(run)
  assert service.limits.events == ''
  expected = run.lists()[7]
  (found,) = service.answers([Asked(expected['user'], (), 5)])
  assert found.videos == expected['videos']
