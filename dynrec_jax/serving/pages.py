"""What the server says of itself: OpenAPI, and a page that shows it."""

import html
import json
from typing import Any

from dynrec_jax.serving.asked import Limits

_ERROR = {
  'type': 'object',
  'properties': {'error': {'type': 'string'}},
  'required': ['error'],
}
_TIME = {'type': 'integer', 'description': 'seconds since 1970 UTC'}
_TEXT = {'type': 'string'}
_TEXTS = {'type': 'array', 'items': _TEXT}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dynrec_jax: lists by HTTP</title>
<style>
body {{ font: 16px/1.5 sans-serif; margin: 2rem auto; max-width: 46rem;
  padding: 0 1rem }}
pre {{ background: #f4f4f4; overflow-x: auto; padding: .7rem }}
code {{ font-family: monospace }}
</style>
<h1>Lists by HTTP</h1>
<p>{about}. The same as data: <a href="openapi.json">openapi.json</a>.</p>
{operations}
</html>
"""


def openapi(about: dict[str, Any], limits: Limits) -> dict[str, Any]:
  """The OpenAPI 3.1 document of the server.

  Args:
    about: what is served.
    limits: what requests may be.
  """
  return {
    'openapi': '3.1.0',
    'info': {
      'title': 'dynrec_jax',
      'version': str(about['version']),
      'description': ', '.join(f'{key} {of}' for key, of in about.items()),
    },
    'paths': {
      '/recommend': {'post': _recommend(limits)},
      '/videos': {'post': _videos(limits)},
      '/health/live': {'get': _get('The process answers', '200')},
      '/health/ready': {
        'get': _get('Lists are made; 503 if not', '200', '503')
      },
      '/metrics': {'get': _get('Counts and times for Prometheus', '200')},
    },
  }


def page(document: dict[str, Any]) -> str:
  """An OpenAPI document for readers, without anything from elsewhere."""
  parts = []
  for path, methods in document['paths'].items():
    for method, of in methods.items():
      parts.append(f'<h2><code>{method.upper()} {path}</code></h2>')
      parts.append(f'<p>{html.escape(of["summary"])}.</p>')
      for title, schema in _shown(of):
        text = html.escape(json.dumps(schema, indent=2))
        parts.append(f'<p>{title}</p><pre>{text}</pre>')
      codes = ', '.join(
        f'{status} {html.escape(answer["description"].lower())}'
        for status, answer in of['responses'].items()
      )
      parts.append(f'<p>Answers: {codes}.</p>')
  about = html.escape(document['info']['description'])
  return _PAGE.format(about=about, operations='\n'.join(parts))


def _shown(operation: dict[str, Any]) -> list[tuple[str, Any]]:
  """The schemas of an operation's body and answer."""
  found = []
  for title, of in (
    ('Body', operation.get('requestBody', {})),
    ('Answer', operation['responses'].get('200', {})),
  ):
    content = of.get('content', {}).get('application/json')
    if content:
      found.append((title, content['schema']))
  return found


def _get(summary: str, *statuses: str) -> dict[str, Any]:
  """An operation without a body."""
  described = {'200': 'Yes', '503': 'Not now'}
  return {
    'summary': summary,
    'responses': {x: {'description': described[x]} for x in statuses},
  }


def _recommend(limits: Limits) -> dict[str, Any]:
  """POST /recommend."""
  properties = {
    'user': _TEXT | {'description': 'one of the data'},
    'k': {'type': 'integer', 'minimum': 1, 'maximum': limits.most_videos},
  }
  ways = [{'required': ['user']}]
  if limits.events:
    what = 'video' if limits.events == 'watches' else 'text'
    properties[limits.events] = {
      'type': 'array',
      'maxItems': limits.most_events,
      'items': _closed({what: _TEXT, 'time': _TIME}, [what, 'time']),
      'description': 'of somebody new, in any order',
    }
    ways.append({'required': [limits.events]})
  answer = _closed(
    {
      'videos': _TEXTS,
      'scores': {'type': 'array', 'items': {'type': 'number'}},
      'unlisted': {
        'type': 'integer',
        'description': 'watches of videos that are not known, left out',
      },
    },
    ['videos', 'scores', 'unlisted'],
  )
  body = _closed(properties, []) | {'oneOf': ways}
  return {
    'summary': 'A list of videos for a user of the data, or for somebody new',
    **_exchange(body, answer),
  }


def _videos(limits: Limits) -> dict[str, Any]:
  """POST /videos."""
  visual = {'type': 'array', 'items': {'type': 'number'}}
  visual |= {'minItems': limits.visual_size, 'maxItems': limits.visual_size}
  video = _closed(
    {
      'id': _TEXT,
      'title': _TEXT,
      'description': _TEXT,
      'tags': _TEXTS,
      'categories': _TEXTS,
      'upload_time': _TIME,
      'visual': visual,
    },
    ['id'],
  )
  body = _closed({'videos': {'type': 'array', 'items': video}}, ['videos'])
  answer = _closed({'videos': {'type': 'integer'}}, ['videos'])
  return {
    'summary': 'Adds videos that nobody has watched, by their content, until '
    'the server ends; where a softmax is not tied to content, 409',
    **_exchange(body, answer),
  }


def _exchange(body: Any, answer: Any) -> dict[str, Any]:
  """Body and answers of an operation."""
  described = {
    '400': 'Malformed; says where',
    '404': 'No such user',
    '408': 'Not sent in time',
    '409': 'Not possible here; says why',
    '413': 'Too long',
    '503': 'Too many requests, or not in time',
  }
  failed = {
    status: {
      'description': text,
      'content': {'application/json': {'schema': _ERROR}},
    }
    for status, text in described.items()
  }
  content = {'application/json': {'schema': answer}}
  return {
    'requestBody': {
      'required': True,
      'content': {'application/json': {'schema': body}},
    },
    'responses': {'200': {'description': 'Done', 'content': content}} | failed,
  }


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
  """An object of these fields alone."""
  return {
    'type': 'object',
    'properties': properties,
    'required': required,
    'additionalProperties': False,
  }
