import pytest

from dynrec_jax.sources import watched
from dynrec_jax.sources.watched import Watched


@pytest.mark.parametrize(
  ('text', 'wanted'),
  [
    ('all', None),
    (' all ', None),
    ('is_click>=1', Watched('is_click', 1)),
    ('watch_ratio >= 0.5', Watched('watch_ratio', 0.5)),
    ('x>=-2', Watched('x', -2)),
  ],
)
def test_what_counts(text, wanted):
  assert watched.parse(text) == wanted
  if wanted:
    assert watched.parse(str(wanted)) == wanted


@pytest.mark.parametrize(
  'text',
  ['', 'is_click', 'a>1', 'a<=1', 'a>=', '>=1', 'a>=b', 'a b>=1', 'a>=1;'],
)
def test_what_is_no_condition(text):
  with pytest.raises(ValueError, match=r'^watched: found .*; right: all, or '):
    watched.parse(text)
