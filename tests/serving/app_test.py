"""The application, asked without a network: every way to ask wrongly, too."""

import asyncio
import contextlib
import json
import time

import httpx
import pytest

from dynrec_jax.serving import app as app_lib
from dynrec_jax.serving.app import AppSettings
from dynrec_jax.serving.asked import BadRequest, Limits
from dynrec_jax.serving.batching import BatchSettings
from dynrec_jax.serving.service import Answer

URL = 'http://test'
pytestmark = pytest.mark.filterwarnings('error')


class Echo:
  """Lists that say what was asked."""

  limits = Limits('watches', 4, 5)
  about = {'network': 'echo', 'version': 'v', 'videos': 2}  # noqa: RUF012

  def __init__(self):
    self.batches = []
    self.added = []

  def check(self, asked):
    if asked.user == 'nobody':
      raise BadRequest('user: found nobody', 404)

  def answers(self, asked):
    self.batches.append(len(asked))
    if any(of.user == 'poison' for of in asked):
      raise RuntimeError('secret')
    if any(of.user == 'slow' for of in asked):
      time.sleep(0.3)
    return [
      Answer([of.user, *(v for v, _ in of.history)], [-float(of.k)], 2)
      for of in asked
    ]

  def add(self, videos):
    if videos[0].id == 'old':
      raise BadRequest('video: there', 409)
    self.added += videos
    return 2 + len(self.added)


@contextlib.asynccontextmanager
async def client_of(service, **changes):
  settings = AppSettings(BatchSettings(32, 0.005, 8), 0.15, 2000)
  app = app_lib.make_app(service, settings._replace(**changes))
  transport = httpx.ASGITransport(app)
  async with (
    app.router.lifespan_context(app),
    httpx.AsyncClient(transport=transport, base_url=URL) as client,
  ):
    yield client


def ask(path, *, service=None, method='POST', **fields):
  """One request's answer."""

  async def main():
    async with client_of(service or Echo()) as client:
      return await client.request(method, path, **fields)

  return asyncio.run(main())


def test_a_list():
  found = ask('/recommend', json={'user': 'u1', 'k': 2})
  assert (found.status_code, found.headers['content-type']) == (
    200,
    'application/json',
  )
  assert found.json() == {'videos': ['u1'], 'scores': [-2.0], 'unlisted': 2}


def test_ids_that_utf_8_cannot_spell():
  found = ask('/recommend', content=rb'{"user": "\ud800"}')
  assert found.json()['videos'] == ['\ud800']


@pytest.mark.parametrize(
  ('fields', 'status', 'reason'),
  [
    ({'content': b'{'}, 400, 'the body is not JSON'),
    ({'content': b''}, 400, 'the body is not JSON'),
    ({'content': b'[' * 1999}, 400, 'the body'),
    ({'json': {'user': 5}}, 400, 'user: found 5; right: text'),
    ({'json': {'user': 'nobody'}}, 404, 'user: found nobody'),
    ({'content': b' ' * 2001}, 413, 'the body is longer than 2,000 bytes'),
    ({'json': {'watches': [{'video': 'v', 'time': 1}] * 5}}, 413, '4 at most'),
    ({'json': {'user': 'slow'}}, 503, 'no answer within 0.15 s'),
    ({'json': {'user': 'poison'}}, 500, 'the server failed; its log says how'),
  ],
)
def test_what_is_refused_is_told_in_json(fields, status, reason):
  found = ask('/recommend', **fields)
  assert found.status_code == status
  assert reason in found.json()['error']
  assert list(found.json()) == ['error']


@pytest.mark.parametrize(
  ('method', 'path', 'status'),
  [
    ('GET', '/recommend', 405),
    ('DELETE', '/videos', 405),
    ('POST', '/metrics', 405),
    ('GET', '/nowhere', 404),
    ('POST', '/recommend/', 404),
  ],
)
def test_a_wrong_path_or_method(method, path, status):
  found = ask(path, method=method)
  assert found.status_code in (status, 307)
  if found.status_code == status:
    assert 'error' in found.json()


def test_a_body_that_is_sent_in_parts():
  """No length is told before: it is counted, and waited for no longer."""

  async def long():
    for _ in range(3):
      yield b' ' * 900

  async def slow():
    yield b'{'
    await asyncio.sleep(0.4)
    yield b'}'

  assert ask('/recommend', content=long()).status_code == 413
  found = ask('/recommend', content=slow())
  assert found.status_code == 408
  assert 'did not come in time' in found.json()['error']


def test_together_everyone_gets_the_own_list():
  """In fewer batches than requests; one that fails fails alone."""
  service, names = Echo(), ['u1', 'poison', 'u2', 'u3', 'u4']

  async def main():
    async with client_of(service, timeout_secs=5.0) as client:
      return await asyncio.gather(
        *(client.post('/recommend', json={'user': x}) for x in names)
      )

  found = asyncio.run(main())
  assert max(service.batches) > 1
  for name, answer in zip(names, found, strict=True):
    if name == 'poison':
      assert answer.status_code == 500
    else:
      assert answer.json()['videos'] == [name]


def test_too_many_at_once():
  async def main():
    async with client_of(Echo(), timeout_secs=5.0) as client:
      return await asyncio.gather(
        *(client.post('/recommend', json={'user': 'slow'}) for _ in range(12))
      )

  found = asyncio.run(main())
  away = [x for x in found if x.status_code == 503]
  assert len(away) == 4
  assert away[0].headers['retry-after'] == '1'
  assert 'too many requests wait' in away[0].json()['error']
  assert {x.status_code for x in found} == {200, 503}


def test_videos_are_added_or_refused():
  service = Echo()
  rows = {'videos': [{'id': 'new'}]}
  assert ask('/videos', json=rows, service=service).json() == {'videos': 3}
  assert service.added[0].id == 'new'
  found = ask('/videos', json={'videos': [{'id': 'old'}]})
  assert (found.status_code, found.json()) == (409, {'error': 'video: there'})


def test_health_and_metrics():
  async def main():
    async with client_of(Echo()) as client:
      for name in ('u1', 'nobody', 'poison'):
        await client.post('/recommend', json={'user': name})
      paths = ('/health/live', '/health/ready', '/metrics')
      return [await client.get(path) for path in paths]

  live, ready, metrics = asyncio.run(main())
  assert live.json() == {'status': 'live'}
  assert ready.json() == {'status': 'ready'} | Echo.about
  lines = metrics.text.splitlines()
  for status in (200, 404, 500):
    of = f'dynrec_requests_total{{path="/recommend",status="{status}"}} 1.0'
    assert of in lines
  assert 'dynrec_unlisted_watches_total 2.0' in lines
  assert 'dynrec_requests_waiting 0.0' in lines
  assert 'dynrec_request_seconds_count{path="/recommend"} 3.0' in lines
  assert 'dynrec_batch_requests_sum 2.0' in lines


def test_before_and_behind_its_life_it_is_not_ready():
  async def main():
    app = app_lib.make_app(
      Echo(), AppSettings(BatchSettings(1, 0.0, 1), 1.0, 99)
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=URL) as of:
      before = await of.get('/health/ready')
      async with app.router.lifespan_context(app):
        during = await of.get('/health/ready')
      return before, during, await of.get('/health/ready')

  found = asyncio.run(main())
  assert [x.status_code for x in found] == [503, 200, 503]


def test_the_pages():
  document = ask('/openapi.json', method='GET').json()
  assert document['openapi'] == '3.1.0'
  page = ask('/', method='GET')
  assert page.headers['content-type'].startswith('text/html')
  assert '//' not in page.text.replace('</', '')  # nothing from elsewhere
  assert json.dumps('watches') in page.text.replace('&quot;', '"')
