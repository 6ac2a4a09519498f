"""README's page from a log to a server: its commands, in its order."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TITLE = 'From a log to a server in ten minutes'


def blocks():
  """(language, text) of every block of code on the page."""
  text = (ROOT / 'README.md').read_text('utf-8')
  page = text.split(f'## {TITLE}\n', 1)[1].split('\n## ', 1)[0]
  return re.findall(r'^```(\w*)\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)


def script(port):
  """The page as one script; what it installs is installed."""
  lines = ['set -euo pipefail']
  for language, text in blocks():
    if language == 'python':
      text = f"python - <<'END'\n{text}END\n"
    if not text.startswith('pip install'):
      lines.append(text)
  whole = '\n'.join(lines).replace('localhost:8080', f'127.0.0.1:{port}')
  return whole.replace('mode=serve', f'mode=serve --config.serve.port={port}')


@pytest.mark.slow
def test_the_page_does_what_it_says(tmp_path):
  with socket.create_server(('127.0.0.1', 0)) as free:
    port = free.getsockname()[1]
  (tmp_path / 'page.sh').write_text(script(port))
  done = subprocess.run(
    ['bash', 'page.sh'],
    cwd=tmp_path,
    env=os.environ
    | {
      'PATH': f'{pathlib.Path(sys.executable).parent}:{os.environ["PATH"]}',
      'PYTHONPATH': str(ROOT),
      'XDG_CACHE_HOME': str(tmp_path / 'cache'),
    },
    capture_output=True,
    text=True,
    timeout=900,
  )
  assert done.returncode == 0, done.stderr[-3000:]
  assert 'Traceback' not in done.stderr
  run = tmp_path / 'runs' / 'log'
  rows = (run / 'recommendations.jsonl').read_text().splitlines()
  assert 140 < len(rows) <= 150  # some have too short a history
  assert 'User u7' in (run / 'explanation.html').read_text()
  told = [json.loads(x) for x in done.stdout.splitlines() if x.startswith('{')]
  answers = [x for x in told if 'scores' in x]
  assert answers[0]['user'] == 'ann'
  assert len(answers) == 3
  assert all(len(x['videos']) == 5 for x in answers)
  assert json.loads((run / 'current.json').read_text())
