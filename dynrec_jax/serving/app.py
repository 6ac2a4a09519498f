"""The HTTP application: requests in, lists out, and how it is doing.

Whatever is asked, there is an answer with a status and, if it is not 200, one
reason as JSON: {"error": "..."}.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import prometheus_client
from absl import logging
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dynrec_jax.serving import asked, pages
from dynrec_jax.serving.asked import BadRequest
from dynrec_jax.serving.batching import Batcher, BatchSettings, Full
from dynrec_jax.serving.service import Service

_SIZES = (1, 2, 4, 8, 16, 32)
_SECS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class AppSettings(NamedTuple):
  """What the application allows.

  Attributes:
    batches: see `BatchSettings`.
    timeout_secs: longest that reading a request, or answering it, may take.
    most_bytes: of a body.
  """

  batches: BatchSettings
  timeout_secs: float
  most_bytes: int


class _Metrics:
  """Counts and times of one application."""

  def __init__(self):
    self.registry = prometheus_client.CollectorRegistry()
    of = {'registry': self.registry}
    self.requests = prometheus_client.Counter(
      'dynrec_requests', 'answered', ['path', 'status'], **of
    )
    self.seconds = prometheus_client.Histogram(
      'dynrec_request_seconds', 'to answer', ['path'], buckets=_SECS, **of
    )
    self.batches = prometheus_client.Histogram(
      'dynrec_batch_requests', 'answered together', buckets=_SIZES, **of
    )
    self.waiting = prometheus_client.Gauge(
      'dynrec_requests_waiting', 'taken and not answered', **of
    )
    self.unlisted = prometheus_client.Counter(
      'dynrec_unlisted_watches', 'of videos that are not known', **of
    )


class _App:
  """What the routes share."""

  def __init__(self, service: Service, settings: AppSettings):
    self.service = service
    self.settings = settings
    self.metrics = _Metrics()
    self.batcher = Batcher(
      service.answers, settings.batches, self.metrics.batches.observe
    )
    self.metrics.waiting.set_function(lambda: self.batcher.waiting)
    self.ready = False
    self.adding = asyncio.Lock()

  @contextlib.asynccontextmanager
  async def lifespan(self, app: Starlette):
    """Answers batches as long as the application lives."""
    del app
    task = asyncio.create_task(self.batcher.run())
    self.ready = True
    yield
    self.ready = False
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
      await task

  async def recommend(self, request: Request) -> Response:
    """A list."""
    body = await self.body(request)
    wanted = asked.parse_asked(body, self.service.limits)
    self.service.check(wanted)
    answer = await self.in_time(self.batcher.ask(wanted))
    self.metrics.unlisted.inc(answer.unlisted)
    return _json(answer._asdict())

  async def add_videos(self, request: Request) -> Response:
    """More videos; lists are made meanwhile."""
    body = await self.body(request)
    videos = asked.parse_videos(body, self.service.limits)
    async with self.adding:  # programs are compiled: no limit of time
      count = await asyncio.to_thread(self.service.add, videos)
    return _json({'videos': count})

  async def body(self, request: Request) -> bytes:
    """The body, of no more bytes and in no more time than is allowed.

    Raises:
      BadRequest: it is longer, or slower.
    """
    most = self.settings.most_bytes
    too_long = BadRequest(f'the body is longer than {most:,} bytes', 413)
    length = request.headers.get('content-length', '0')
    if length.isdigit() and int(length[:20]) > most:
      raise too_long
    parts, size = [], 0
    try:
      async with asyncio.timeout(self.settings.timeout_secs):
        async for part in request.stream():
          parts.append(part)
          size += len(part)
          if size > most:
            raise too_long
    except TimeoutError:
      raise BadRequest('the body did not come in time', 408) from None
    return b''.join(parts)

  async def in_time(self, answer: Awaitable[Any]) -> Any:
    """The answer, if it comes soon enough.

    Raises:
      HTTPException: 503, it does not, or too many wait.
    """
    try:
      async with asyncio.timeout(self.settings.timeout_secs):
        return await answer
    except (TimeoutError, Full) as error:
      why = 'too many requests wait'
      if isinstance(error, TimeoutError):
        why = f'no answer within {self.settings.timeout_secs:g} s'
      raise HTTPException(503, why, {'Retry-After': '1'}) from None

  async def live(self, request: Request) -> Response:
    """Whether the process answers at all."""
    del request
    return _json({'status': 'live'})

  async def is_ready(self, request: Request) -> Response:
    """Whether lists are made."""
    del request
    status = 'ready' if self.ready else 'not ready'
    return _json(
      {'status': status, **self.service.about}, 200 if self.ready else 503
    )

  async def tell_metrics(self, request: Request) -> Response:
    """For Prometheus."""
    del request
    text = prometheus_client.generate_latest(self.metrics.registry)
    return Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

  async def openapi(self, request: Request) -> Response:
    """What may be asked."""
    del request
    return _json(pages.openapi(self.service.about, self.service.limits))

  async def docs(self, request: Request) -> Response:
    """The same for readers."""
    del request
    document = pages.openapi(self.service.about, self.service.limits)
    return HTMLResponse(pages.page(document))


def make_app(service: Service, settings: AppSettings) -> Starlette:
  """The application.

  Args:
    service: makes the lists.
    settings: what is allowed.
  """
  app = _App(service, settings)
  routes = (
    ('/recommend', app.recommend, 'POST'),
    ('/videos', app.add_videos, 'POST'),
    ('/health/live', app.live, 'GET'),
    ('/health/ready', app.is_ready, 'GET'),
    ('/metrics', app.tell_metrics, 'GET'),
    ('/openapi.json', app.openapi, 'GET'),
    ('/', app.docs, 'GET'),
  )
  return Starlette(
    routes=[
      Route(path, _told(app, path, answer), methods=[method])
      for path, answer, method in routes
    ],
    exception_handlers={HTTPException: _failed},
    lifespan=app.lifespan,
  )


def _told(
  app: _App, path: str, answer: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
  """A route that always answers, and is counted."""

  async def tell(request: Request) -> Response:
    begin = time.perf_counter()
    response = await _answered(answer, request)
    app.metrics.seconds.labels(path).observe(time.perf_counter() - begin)
    app.metrics.requests.labels(path, response.status_code).inc()
    return response

  return tell


async def _answered(
  answer: Callable[[Request], Awaitable[Response]], request: Request
) -> Response:
  """The answer, whatever happens."""
  try:
    return await answer(request)
  except BadRequest as error:
    return _json({'error': str(error)}, error.status)
  except HTTPException as error:
    return await _failed(request, error)
  except ClientDisconnect:
    return _json({'error': 'gone'}, 499)  # which nobody reads
  except Exception:
    logging.exception('%s %s failed', request.method, request.url.path)
    return _json({'error': 'the server failed; its log says how'}, 500)


async def _failed(request: Request, error: HTTPException) -> Response:
  """What is refused by a path, a method or a limit, in the same form."""
  del request
  return _json({'error': error.detail}, error.status_code, error.headers)


def _json(value: Any, status: int = 200, headers: Any = None) -> Response:
  """A line of JSON in ASCII: ids may hold what UTF-8 cannot spell."""
  text = json.dumps(value) + '\n'
  return Response(text, status, headers, media_type='application/json')
