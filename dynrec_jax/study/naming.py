"""The config's keys in errors of layers that know no config."""

import contextlib
import re
from collections.abc import Iterator


@contextlib.contextmanager
def naming(**key_of: str) -> Iterator[None]:
  """Tells a key where a ValueError of the block tells an argument.

    with naming(widths='features.visual_blocks'):
      unit_blocks(visual, widths)

  'widths is (3,), right: ...' becomes 'features.visual_blocks is (3,), ...'.
  Errors that tell none of the arguments pass as they are. Also a decorator.

  Args:
    key_of: the config's key of each argument.
  """
  # Not inside of names, dotted keys and paths.
  words = r'(?<![\w./\'"-])(' + '|'.join(key_of) + r')(?![\w/\'"-])'
  try:
    yield
  except ValueError as error:
    text = str(error)
    told = re.sub(words, lambda match: key_of[match[1]], text)
    if told != text:
      error.args = (told,)
    raise
