"""A report's file: whole, or as it was before."""

import os


def write_text(path: str, text: str) -> None:
  """Replaces the file at once; the text ends with a line break."""
  os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
  partial = f'{path}.partial'
  with open(partial, 'w', encoding='utf-8') as file:
    file.write(text + '\n')
  os.replace(partial, path)
