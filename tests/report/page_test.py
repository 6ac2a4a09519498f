"""The page: everything or nothing in it, and nothing beyond it."""

import base64
import html.parser
import itertools
import json
import pathlib
import re

import pytest

from dynrec_jax.report import charts, page
from dynrec_jax.report.page import (
  PageClaim,
  PageContent,
  PageFigure,
  PageTable,
)

HOSTILE = '</script><script>alert("1")</script><img src=x onerror=alert(2)>&\'"'
PNG = b'\x89PNG\r\n\x1a\nnot really'
VOID = ('meta', 'link', 'img', 'input', 'br')


def chart(name='dynrec'):
  return charts.bars_with_intervals(
    ['long'], {name: [charts.Point(0.1)]}, printed={}, label='F'
  )


def explorer(text='A film'):
  user = {
    'user': text,
    'history': [[1, 0]],
    'behaviours': [1],
    'topics': [{'3': 1.0}],
    'interest': [{'3': 1.0}],
    'truth': [0],
    'lists': [[0, 1]],
  }
  mode = {'name': 'long', 'methods': [text], 'users': [user]}
  mode['words'] = {'3': text}
  return {'videos': [text, 'b'], 'modes': [mode]}


def content(text='plain'):
  """All parts, the text in every place that takes one."""
  return PageContent(
    title=text,
    subtitle=text,
    facts={text: [(text, text)]},
    tables=[
      PageTable(text, text, [text, 'F'], [[text, text], ['b', 'c']], [text, ''])
    ],
    claims=[
      PageClaim(text, text, text, text, 'good'),
      PageClaim('x', '', '', 'not seen', 'bad'),
      PageClaim('y', '', '', 'not seen', 'bad'),
    ],
    figures=[PageFigure(text, text, chart(text)), PageFigure(text, text, PNG)],
    curves={text: [(1, {text: 1.0}), (2, {text: 0.5})]},
    explorer=explorer(text),
    config={text: {'key': text}, 'n': 3, 'fields': ('title', 'tags')},
    notes=[text],
  )


class Parsed(html.parser.HTMLParser):
  """Tags, attributes and texts; open tags must be closed in order."""

  def __init__(self, source):
    super().__init__()
    self.tags, self.open, self.scripts, self.styles = [], [], [], []
    self.text = ''
    self.feed(source)
    self.close()
    assert self.open == []

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    if tag not in VOID:
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    if self.open and self.open[-1] == 'script':
      self.scripts.append((self.tags[-1][1], data))
    elif self.open and self.open[-1] == 'style':
      self.styles.append(data)
    else:
      self.text += data

  def of(self, tag):
    return [attrs for name, attrs in self.tags if name == tag]


def embedded(parsed):
  """The data that the page's code reads."""
  (found,) = [
    text
    for attrs, text in parsed.scripts
    if attrs.get('type') == 'application/json'
  ]
  return json.loads(found)


@pytest.fixture(scope='module')
def full():
  return page.render(content())


def test_all_parts(full):
  parsed = Parsed(full)
  ids = [attrs['id'] for _, attrs in parsed.tags if 'id' in attrs]
  assert len(ids) == len(set(ids))
  sections = [attrs['id'] for attrs in parsed.of('section')]
  assert sections == [
    'tables', 'claims', 'figures', 'training', 'users', 'facts', 'config',
  ]  # fmt: skip
  assert [a['href'] for a in parsed.of('a')] == [
    '#main', *(f'#{name}' for name in sections),
  ]  # fmt: skip
  assert '2 of 3: not seen' in parsed.text
  assert 'fields' in parsed.text
  assert "('title', 'tags')" in parsed.text
  assert 'plain.key' in parsed.text


@pytest.mark.parametrize('part', PageContent._fields[2:])
def test_without_a_part(part):
  empty = PageContent._field_defaults[part]
  parsed = Parsed(page.render(content()._replace(**{part: empty})))
  name = {'curves': 'training', 'explorer': 'users'}.get(part, part)
  assert name not in [attrs['id'] for attrs in parsed.of('section')]
  assert f'#{name}' not in [attrs['href'] for attrs in parsed.of('a')]


def test_of_nothing():
  """No code either, as there is nothing to draw."""
  source = page.render(PageContent('Title', ''))
  parsed = Parsed(source)
  assert parsed.of('section') == parsed.of('script') == []
  assert len(source) < 20_000


def test_users_without_any_story():
  none = {
    'videos': [],
    'modes': [{'name': 'long', 'users': [], 'words': {}}],
  }
  parsed = Parsed(page.render(PageContent('Title', '', explorer=none)))
  assert parsed.of('section') == parsed.of('script') == []


def test_hostile_text_stays_text():
  source = page.render(content(HOSTILE))
  parsed = Parsed(source)
  assert parsed.text.count(HOSTILE) > 12
  assert len(parsed.of('script')) == 3
  assert [attrs['src'][:22] for attrs in parsed.of('img')] == [
    'data:image/png;base64,'
  ]
  assert not any('onerror' in attrs for _, attrs in parsed.tags)
  data = embedded(parsed)
  assert data['explorer'] == explorer(HOSTILE)
  assert list(data['curves']) == [HOSTILE]
  assert data['figures']['figure-0']['data'][0]['name'] == HOSTILE


def test_no_address_beyond_the_page(full):
  """And a rule that would stop it: texts may hold one, tags may not."""
  parsed = Parsed(full)
  for tag, attrs in parsed.tags:
    for name in ('src', 'href', 'srcset', 'action', 'data', 'poster'):
      if name in attrs:
        assert re.match(r'#|data:', attrs[name]), (tag, attrs)
  (style,) = parsed.styles
  assert not re.search(r'url\(|@import|http', style)
  own = [text for attrs, text in parsed.scripts if attrs.get('id') != 'plotly']
  assert len(own) == 2
  assert not any(re.search(r'https?:|fetch\(|XMLHttp|import', t) for t in own)
  (rule,) = [
    attrs['content']
    for attrs in parsed.of('meta')
    if attrs.get('http-equiv') == 'Content-Security-Policy'
  ]
  assert rule.startswith("default-src 'none';")
  assert 'http' not in rule


def test_no_markup_from_text_in_its_own_code():
  """A title goes in as text; plotly's names have their `<` replaced."""
  code = pathlib.Path(page.__file__).with_name('page.js').read_text()
  assert not re.search(
    r'innerHTML|outerHTML|insertAdjacent|document\.write', code
  )
  assert 'name: plain(name)' in code


def test_plotly_is_there_once(full):
  (code,) = [t for attrs, t in Parsed(full).scripts if 'type' not in attrs][:1]
  assert len(code) > 1_000_000
  assert full.count('<script id="plotly">') == 1


def test_pictures(full):
  parsed = Parsed(full)
  (image,) = parsed.of('img')
  encoded = image['src'].removeprefix('data:image/png;base64,')
  assert base64.b64decode(encoded) == PNG
  assert image['alt'] == 'plain'
  assert embedded(parsed)['figures'] == {'figure-0': chart('plain')}
  assert any(attrs.get('id') == 'figure-0' for _, attrs in parsed.tags)


def test_for_readers_who_do_not_see_it(full):
  parsed = Parsed(full)
  assert parsed.of('html') == [{'lang': 'en'}]
  levels = [int(tag[1]) for tag, _ in parsed.tags if re.match(r'h\d', tag)]
  assert levels[0] == 1
  assert levels.count(1) == 1
  assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
  labelled = {attrs['for'] for attrs in parsed.of('label')}
  controls = {
    attrs['id'] for t in ('select', 'input') for attrs in parsed.of(t)
  }
  assert labelled == controls
  for attrs in parsed.of('div'):
    if 'scroll' in attrs.get('class', '').split():
      assert attrs['tabindex'] == '0'
      assert attrs['aria-label']
  assert {attrs['scope'] for attrs in parsed.of('th')} == {'col', 'row'}


def test_marked_rows(full):
  assert full.count('<tr class="marked">') == 1
  assert full.count('<span class="mark">plain</span>') == 1


@pytest.mark.parametrize(
  ('table', 'match'),
  [
    (
      PageTable('T', '', ['a', 'b'], [['1', '2'], ['3']]),
      "'T', row 2: 1 cells",
    ),
    (PageTable('T', '', ['a'], [['1']], ['x', 'y']), "'T': 2 marks; right"),
  ],
)
def test_a_table_that_does_not_fit(table, match):
  with pytest.raises(ValueError, match=match):
    page.render(PageContent('x', '', tables=[table]))


def test_a_claim_of_an_unknown_tone():
  claim = PageClaim('Water is wet.', '', '', 'seen', 'great')
  with pytest.raises(
    ValueError, match=r"'Water is wet\.' has the tone 'great'"
  ):
    page.render(PageContent('x', '', claims=[claim]))


def test_the_same_content_is_the_same_page(full):
  assert page.render(content()) == full
