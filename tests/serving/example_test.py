"""What a folder says of itself."""

import ast

import pytest

from dynrec_jax.serving import example

ABOUT = {'k': 5, 'network': 'dynamic', 'dynrec_jax': '0.1.0'}


@pytest.mark.parametrize('of', ['watches', 'tweets', 'vectors'])
def test_thirty_lines_that_need_four_modules(of):
  text = example.code(of)
  assert len(text.splitlines()) <= 30
  names = set()
  for node in ast.walk(ast.parse(text)):
    if isinstance(node, ast.Import):
      names |= {alias.name.split('.')[0] for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      names.add(node.module.split('.')[0])
  own = {'histories'}
  if of == 'tweets':
    own |= {'tweet_reader', 'tweet_words'}
  assert names == own | {'json', 'pathlib', 'sys', 'jax', 'safetensors'}


def test_the_page_tells_the_inputs():
  page = example.page('watches', ABOUT, {'known': ('b, m', 'int32')})
  assert page.startswith('# Lists of 5 videos by dynamic\n')
  assert '| `known` | b, m | int32 |' in page
  assert '{"USER": [["VIDEO", SECONDS], ...], ...}' in page
