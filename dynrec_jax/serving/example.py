"""What an exported folder says of itself: an example, and a page."""

from collections.abc import Mapping
from typing import Any

_HISTORY = {
  'watches': '["VIDEO", SECONDS]',
  'tweets': '["TEXT", SECONDS]',
  'vectors': '[[NUMBERS], SECONDS]',
}

_CODE = '''"""Lists from this folder, with jax, numpy and safetensors alone.

python serve_example.py HISTORIES.json
{"USER": [%(history)s, ...], ...} -> one JSON line per user.
"""
import json, pathlib, sys

folder = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(folder))
import jax.export
from safetensors.numpy import load_file
import histories%(imports)s

read = lambda name: json.loads((folder / name).read_text("utf-8"))
code = lambda name: jax.export.deserialize((folder / name).read_bytes())
videos, manifest = read("videos.json"), read("manifest.json")
arrays = lambda name: load_file(folder / f"{name}.safetensors")
weights, tables = arrays("weights"), arrays("tables")
%(topics)sreader = histories.Reader(manifest, videos, tables%(argument)s)
asked = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
lists = jax.jit(code("lists.stablehlo").call)
ids, scores = lists(weights, reader.inputs(list(asked.values())))
for user, places, values in zip(asked, ids.tolist(), scores.tolist()):
    named = [videos[place] for place in places if place >= 0]
    values = [float(f"{value:.6g}") for value in values[: len(named)]]
    print(json.dumps({"user": user, "videos": named, "scores": values}))
'''

_TOPICS = """topics_of = tweet_reader.TweetReader(
    read("words.json"), tables["log_mixture"],
    jax.jit(code("topics.stablehlo").call), tokenize)
"""

_PAGE = """# Lists of {k} videos by {network}

Written by dynrec_jax {dynrec_jax}. `serve_example.py` loads what lies here with
jax, numpy and safetensors alone: `python serve_example.py HISTORIES.json`,
where HISTORIES.json is `{{"USER": [{history}, ...], ...}}`, SECONDS since
1970, in any order. Lists are those of `mode=recommend` of the same histories,
bit for bit on the same kind of machine with the same jax.

| file | what it is |
|---|---|
| `manifest.json` | format, versions, shapes, every file's SHA-256 |
| `lists.stablehlo` | (weights, inputs) -> ids, log P; by `jax.export` |
| `weights.safetensors` | what it reads first |
| `histories.py` | a history -> the inputs, with numpy alone |
| `tables.safetensors`, `videos.json` | what that reads |

Inputs, `b` users and `m` known videos, any number of both:

| name | shape | dtype |
|---|---|---|
{inputs}
"""


def code(of: str) -> str:
  """The example.

  Args:
    of: what histories are of: 'watches', 'tweets' or 'vectors'.
  """
  tweets = of == 'tweets'
  return (
    _CODE
    % {
      'history': _HISTORY[of],
      'imports': ', tweet_reader\nfrom tweet_words import tokenize'
      if tweets
      else '',
      'topics': _TOPICS if tweets else '',
      'argument': ', topics_of' if tweets else '',
    }
  ).rstrip('\n')


def page(
  of: str, about: Mapping[str, Any], inputs: Mapping[str, tuple[str, str]]
) -> str:
  """The page.

  Args:
    of: see `code`.
    about: of the manifest.
    inputs: of the function.
  """
  rows = [
    f'| `{name}` | {shape} | {kind} |' for name, (shape, kind) in inputs.items()
  ]
  return _PAGE.format(
    history=_HISTORY[of], inputs='\n'.join(rows), **about
  ).rstrip('\n')
