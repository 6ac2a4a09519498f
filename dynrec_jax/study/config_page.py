"""docs/config.md: every key of the config, made from its declaration.

python -m dynrec_jax.study.config_page > docs/config.md
"""

import sys

from dynrec_jax.study import identity, keys
from dynrec_jax.study.keys import Key, Of

_INTRODUCTION = """\
# Every key of the config

Made by `python -m dynrec_jax.study.config_page > docs/config.md` from the
declarations in `dynrec_jax/study/keys/`; edit those.

A config file of `configs/` sets some of these keys, and the command line any,
after `--config`:

    python -m dynrec_jax.main --config=configs/single.py \\
      --config.train.patience=5

A value that is not right ends the run at once, with the right ones. The last
columns say what a value decides, and who must share it:

- **checkpoint**: one made with another value is refused, with the keys that
  differ. Of features and topics it also knows a digest, so that other files or
  weights are refused whatever their names. A cross-validation's file must share
  all that a checkpoint must, but for the weights that it tries.
- **cross-validation**: only its file is refused.
- **comparison**: runs with different values are not put side by side.

A9 and so on are [decisions](decisions.md): places where the paper is silent or
can be read in more than one way. The default is the first of the values listed
there.
"""
_HEAD = """\
| key | default | values | meaning | decides | shared by |
|---|---|---|---|---|---|"""


def page() -> str:
  """The page, as markdown."""
  parts = [_INTRODUCTION]
  for section, title in keys.SECTIONS.items():
    rows = [
      _row(name, key)
      for name, key in keys.KEYS.items()
      if keys.section(name) == section
    ]
    heading = f'`{section}`: {title}' if section else title
    parts.append('\n'.join([f'## {heading}', '', _HEAD, *rows, '']))
  return '\n'.join(parts)


def _row(name: str, key: Key) -> str:
  """A key's line."""
  unit = f', {key.unit}' if key.unit else ''
  meaning = key.meaning
  if key.tries:
    meaning += f' for `{key.tries}`'
  if key.grid:
    meaning += f'; `mode=tune` tries {", ".join(map(str, key.grid))}'
  if key.decision is not None:
    meaning += f' ([A{key.decision}](decisions.md#a{key.decision}))'
  cells = (
    f'`{name}`',
    f'`{_shown(key.default)}`',
    key.values.described() + unit,
    meaning,
    key.of.value,
    ', '.join(_shared_by(name, key)),
  )
  return f'| {" | ".join(cells)} |'


def _shown(default) -> str:
  """A default as the command line takes it."""
  if isinstance(default, str):
    return default or "''"
  return repr(default)


def _shared_by(name: str, key: Key):
  """Who must share the key's value."""
  if key.of is Of.DIGESTED:
    yield 'checkpoint, by digest'
  elif name in identity.CHECKPOINT:
    yield 'checkpoint'
  elif name in identity.CROSS_VALIDATION:
    yield 'cross-validation'
  if name in identity.COMPARISON:
    yield 'comparison'


if __name__ == '__main__':
  sys.stdout.write(page())
