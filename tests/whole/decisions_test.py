"""Every code such as A26 leads to a paragraph of docs/decisions.md."""

import ast
import pathlib
import re

import config_lines
import pytest

from configs import default

ROOT = pathlib.Path(__file__).parents[2]
CODES = [f'A{number}' for number in range(1, 51)]
PAGE = (ROOT / 'docs' / 'decisions.md').read_text()
CONFIG = default.get_config()


def paragraphs():
  """Code -> (title, text) of every paragraph, in the order of the page."""
  parts = re.split(r'^<a id="(a\d+)"></a>\n### (A\d+) (.+)$', PAGE, flags=re.M)
  found = {}
  for anchor, code, title, text in zip(
    parts[1::4], parts[2::4], parts[3::4], parts[4::4], strict=True
  ):
    assert anchor == code.lower()
    assert code not in found, f'{code} has two paragraphs'
    found[code] = title, text
  return found


PARAGRAPHS = paragraphs()


def rows():
  """(code, anchor, summary, keys) of the table of contents."""
  return re.findall(
    r'^\| \[(A\d+)\]\(#(a\d+)\) \| (.+) \| (.+) \|$', PAGE, re.M
  )


def keys_of(text):
  """(key, first value, the rest of its line) of each key in a paragraph."""
  return re.findall(r'^- Key `([^`]+)`: `([^`]*)`(.*)$', text, re.M)


def value_of(key):
  value = CONFIG
  for part in key.split('.'):
    value = value[part]
  return value


def test_all_codes_are_there_in_order():
  assert list(PARAGRAPHS) == CODES
  assert [code for code, *_ in rows()] == CODES
  assert [anchor for _, anchor, *_ in rows()] == [c.lower() for c in CODES]


def sources():
  for folder in ('dynrec_jax', 'configs'):
    for path in sorted((ROOT / folder).rglob('*.py')):
      yield path.relative_to(ROOT), path.read_text()


@pytest.mark.parametrize(
  ('path', 'source'),
  [pytest.param(*pair, id=str(pair[0])) for pair in sources()],
)
def test_what_the_sources_mention_has_a_paragraph(path, source):
  assert set(re.findall(r'\bA\d+\b', source)) <= set(CODES)


@pytest.mark.parametrize('code', CODES)
def test_keys_exist_with_the_default_first(code):
  text = PARAGRAPHS[code][1]
  named = keys_of(text)
  known = config_lines.keys(CONFIG)
  for key, first, rest in named:
    assert key in known
    value = value_of(key)
    assert first == ("''" if value == '' else str(value))
    assert rest.strip('.'), f'{key} has no other value'
  assert bool(named) != ('\n- No key' in text)
  assert text.count('\n- Key ') == len(named)


@pytest.mark.parametrize('code', CODES)
def test_the_table_names_the_same_keys(code):
  (cell,) = (keys for row, _, _, keys in rows() if row == code)
  named = [key for key, *_ in keys_of(PARAGRAPHS[code][1])]
  if named:
    assert cell == ', '.join(f'`{key}`' for key in named)
  else:
    text = PARAGRAPHS[code][1]
    assert cell == ('not built' if 'No key: not built' in text else 'none')


@pytest.mark.parametrize('code', CODES)
def test_named_code_exists(code):
  text = PARAGRAPHS[code][1]
  named = re.search(r'^- Code: ((?:.|\n(?!\n))+)', text, re.M)
  if named is None:
    assert 'No key: not built' in text
    return
  for place in named[1].split(';'):
    path, *names = re.findall(r'`([^`]+)`', place)
    tree = ast.parse((ROOT / path).read_text())
    defined = {
      node.name
      for node in tree.body
      if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    assert set(names) <= defined


# What no key changes, as the paper leaves it open and one reading is enough.
FIXED = tuple(
  f'A{n}' for n in (2, 6, 11, 13, 14, 15, 16, 19, 21, 22, 25, 36, 39, 40)
)


def test_what_is_fixed_has_no_key_and_all_else_has():
  assert tuple(code for code, *_, cell in rows() if cell == 'none') == FIXED


@pytest.mark.parametrize('code', FIXED)
def test_what_is_fixed_is_told_where_the_code_does_it(code):
  named = re.search(r'^- Code: ((?:.|\n(?!\n))+)', PARAGRAPHS[code][1], re.M)
  for path in re.findall(r'`(dynrec_jax/[^`]+)`', named[1]):
    assert re.search(rf'\b{code}\b', (ROOT / path).read_text()), path


def test_linked_codes_exist():
  linked = re.findall(r'\[(A\d+)\]\(#(a\d+)\)', PAGE)
  assert all(code.lower() == anchor for code, anchor in linked)
  assert {code for code, _ in linked} == set(CODES)


def test_keys_that_a_comment_gives_a_code_stand_in_its_paragraph():
  """`c.filter.mode = ...  # A1: ...`, or on the line above."""
  lines = (ROOT / 'configs' / 'default.py').read_text().splitlines()
  for above, line in zip(['', *lines], lines, strict=False):
    key = re.match(r'\s+c\.([\w.]+) = ', line)
    comment = f'{above.strip()} ' if above.strip().startswith('#') else ''
    comment += line.partition('#')[2]
    for code in re.findall(r'\b(A\d+)\b', comment) if key else ():
      assert key[1] in [k for k, *_ in keys_of(PARAGRAPHS[code][1])], code


def test_reader_is_told_where_codes_lead():
  for path in ('README.md', 'dynrec_jax/__init__.py', 'configs/default.py'):
    assert 'docs/decisions.md' in (ROOT / path).read_text(), path
