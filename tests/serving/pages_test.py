"""The description of the server, against what the server takes."""

import json

from dynrec_jax.serving import asked, pages
from dynrec_jax.serving.asked import Limits

ABOUT = {'network': '<plus>', 'version': 'x', 'videos': 3}


def body_of(document, path):
  of = document['paths'][path]['post']['requestBody']
  return of['content']['application/json']['schema']


def test_every_field_is_described_and_no_other():
  limits = Limits('watches', 9, 5, 4)
  document = pages.openapi(ABOUT, limits)
  schema = body_of(document, '/recommend')
  assert set(schema['properties']) == {'user', 'k', 'watches'}
  assert schema['properties']['k']['maximum'] == 5
  row = schema['properties']['watches']['items']
  event = {'video': 'v', 'time': 1}
  assert set(row['properties']) == set(row['required']) == set(event)
  text = json.dumps({'watches': [event]}).encode()
  assert asked.parse_asked(text, limits).history == (('v', 1),)
  video = body_of(document, '/videos')['properties']['videos']['items']
  assert set(video['properties']) == set(asked.NewVideo._fields)
  assert video['properties']['visual']['maxItems'] == 4


def test_histories_are_of_what_is_read():
  found = {}
  for events in ('tweets', ''):
    document = pages.openapi(ABOUT, Limits(events, 9, 5))
    found[events] = set(body_of(document, '/recommend')['properties'])
  assert found == {'tweets': {'user', 'k', 'tweets'}, '': {'user', 'k'}}


def test_the_page_shows_all_of_it_escaped():
  document = pages.openapi(ABOUT, Limits('watches', 9, 5))
  text = pages.page(document)
  assert '<plus>' not in text
  assert '&lt;plus&gt;' in text
  for path in document['paths']:
    assert path in text
