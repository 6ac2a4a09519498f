"""The words of a tweet, by rules that need nothing but Python.

Rules, in order:
1. HTML entities are resolved, the text is brought to NFKC and case-folded.
2. URLs, mentions (@name), e-mail addresses and the retweet mark go; they are
   ASCII, so that what another script joins to them stays.
3. A hashtag counts as its word: '#Obama' and 'Obama' are one.
4. Letters, digits and marks of any alphabet make words; an apostrophe inside
   a word stays ("don't"), a possessive 's goes; anything else separates.
5. Scripts that put no spaces between words (Han, kana, Thai, Lao, Khmer,
   Burmese) give overlapping pairs of characters, as search engines do; a lone
   character stands for itself.
6. An emoji is a word; skin tones and presentation marks go, so that variants
   agree; a joined sequence or a flag is one word.
7. Three and more equal letters in a row become two ('soooo' is 'soo').
8. Pure numbers, single letters of alphabets and English stop words go. Common
   words of other languages stay: the background distribution takes them.
"""

import functools
import html
import itertools
import re
import unicodedata

from dynrec_jax.topics.stop_words import ENGLISH

# Blocks of scripts written without spaces between words.
_UNSPACED = (
  '\u0e00-\u0eff'  # Thai, Lao
  '\u1000-\u109f\u1780-\u17ff'  # Burmese, Khmer
  '\u3005\u3007\u3040-\u30ff\u31f0-\u31ff'  # kana
  '\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff'  # Han
)
_PICTOGRAPH = (
  '\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe'
  '\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299'
  '\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff'
)
_FLAG = '[\U0001f1e6-\U0001f1ff]{2}'
_VARIANT = re.compile('[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\u20e3]')
_JOINER = '\u200d'

_NOISE = re.compile(
  r'(?:https?://|www\.)[!-~]+'
  r'|(?<![a-z0-9_.+-])[a-z0-9_.+-]+@[a-z0-9-]+\.[a-z0-9.]+'
  r'|(?<![a-z0-9_])@[a-z0-9_]+:?'
  r'|(?<![a-z0-9.-])[a-z0-9.-]+\.(?:com|org|net|ly|co|me|gl|tv|be)/[!-~]*'
)
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
_LONG_RUN = re.compile(r'([^\W\d_])\1{2,}')


def tokenize(text: str) -> list[str]:
  """The words of a tweet, in order, by the rules at the top of this module."""
  if '&' in text:
    text = html.unescape(text)
  ascii_only = text.isascii()  # most English tweets: a shorter way
  if not ascii_only:
    text = unicodedata.normalize('NFKC', text).replace('\u2019', "'")
  text = text.casefold()
  if '@' in text or '.' in text or '/' in text:
    text = _NOISE.sub(' ', text)
  if ascii_only:
    return [w for w in map(_word, _ASCII_WORD.findall(text)) if w]
  return _tokens_of_any_script(_VARIANT.sub('', text))


def _tokens_of_any_script(text):
  """Words, pairs, emoji and flags of a cleaned text."""
  words = []
  for match in _token_pattern().finditer(text):
    if match.lastgroup == 'word':
      words.append(_word(match[0]))
    elif match.lastgroup == 'unspaced':
      words.extend(_pairs(match[0]))
    else:
      words.append(match[0])
  return [word for word in words if word]


@functools.lru_cache(maxsize=1 << 16)
def _word(token):
  """A spaced script's token after rules 4, 7 and 8; '' if it goes."""
  token = _LONG_RUN.sub(r'\1\1', token.removesuffix("'s"))
  has_letter = any(c.isalpha() for c in token)
  if len(token) < 2 or token in ENGLISH or not has_letter:
    return ''
  return token


def _pairs(run):
  """Overlapping pairs of characters; a mark stays with its character."""
  units = _units_pattern().findall(run)
  if len(units) < 2:
    return units
  return [a + b for a, b in itertools.pairwise(units)]


@functools.cache
def _marks():
  """The combining marks as the inside of a character class.

  Python's \\w leaves them out, which would cut Hindi words at every vowel.
  """
  marks = [
    c
    for c in range(0x300, 0x1E000)
    if unicodedata.category(chr(c))[0] == 'M'
    and not 0xFE00 <= c <= 0xFE0F  # these select a variant of an emoji
  ]
  return _ranges(marks)


def _ranges(points):
  """Ascending code points as ranges of a character class."""
  out, first = [], points[0]
  for here, following in zip(points, [*points[1:], None], strict=True):
    if following != here + 1:
      out.append(f'{re.escape(chr(first))}-{re.escape(chr(here))}')
      first = following
  return ''.join(out)


@functools.cache
def _token_pattern():
  """One pattern with a named group per kind of token."""
  marks = _marks()
  letter = f'(?:(?![{_UNSPACED}])[^\\W_]|[{marks}])'
  emoji = f'[{_PICTOGRAPH}]'
  return re.compile(
    f'(?P<flag>{_FLAG})'
    f'|(?P<emoji>{emoji}(?:{_JOINER}{emoji})*)'
    f'|(?P<unspaced>(?:{_unspaced_unit()})+)'
    f"|(?P<word>{letter}+(?:'{letter}+)*)"
  )


@functools.cache
def _units_pattern():
  """One character of a script without spaces, with its marks."""
  return re.compile(_unspaced_unit())


def _unspaced_unit():
  """A letter of a script without spaces, with the marks that follow it."""
  return f'(?=[^\\W\\d_])[{_UNSPACED}][{_marks()}]*'
