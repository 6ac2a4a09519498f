"""FPMC, GRU4Rec and SASRec beside public ones, in one run on one split.

  python -m benchmarks.baselines --data FOLDER [--rectools_python PYTHON]
    [--recbole_python PYTHON] [--seeds N] [--methods fpmc gru4rec sasrec]
    [--mode long] [--json FILE]

MovieTweetings, split 0, the tested users who have a known watch. Ours and the
peer fit in turn, once for each seed: the same watches, epochs, sizes, learning
rates, watches to a step and masks. FPMC's learning rates alone differ: ours
are of plain gradient steps, RecBole's is Adam's. Rates are of the
epochs that the longer of two fits has over the shorter, so that neither
compilation nor set-up counts; they count every watch once, though RecBole's
GRU4Rec reads a watch's whole history for each, and RecTools' SASRec leaves out
what is older than a user's latest `max_len`. Peers are told by the Python of
an environment of their own; without one a method runs alone. Nothing of them
is needed by the package.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time
from typing import NamedTuple

import numpy as np

from benchmarks import machine
from configs import single
from dynrec_jax import evaluate
from dynrec_jax.baselines import fpmc, gru4rec, sasrec
from dynrec_jax.data import histories
from dynrec_jax.data.histories import Histories
from dynrec_jax.recommender import Lists, Queries, Recommender, Seen
from dynrec_jax.study import keys, prepare, splits, training_data

HERE = pathlib.Path(__file__).parent
K = 5
OWN = {'fpmc': fpmc, 'gru4rec': gru4rec, 'sasrec': sasrec}
FEW = 1  # epochs of the shorter fit
FPMC_PEER = {'learning_rate': 1e-3, 'batch_size': fpmc.BATCH}


class Problem(NamedTuple):
  """What everyone learns from, is asked, and is measured by."""

  seen: Seen
  queries: Queries
  later: Histories


def main() -> None:
  args = parse_args()
  problem = make_problem(args.data, args.mode)
  rows = {name: measure(name, problem, args) for name in args.methods}
  for name, row in rows.items():
    print(name)
    for key, value in row.items():
      print(f'  {key:24s} {value}')
  report = {**machine.describe(), 'mode': args.mode, 'methods': rows}
  if args.json is not None:
    args.json.write_text(json.dumps(report, indent=2) + '\n')


def parse_args() -> argparse.Namespace:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--data', required=True, help='of MovieTweetings')
  parser.add_argument('--rectools_python', help='has rectools[torch]')
  parser.add_argument('--recbole_python', help='has recbole')
  parser.add_argument('--seeds', type=int, default=5)
  parser.add_argument('--epochs', type=int, help="instead of the keys' own")
  parser.add_argument('--methods', nargs='+', choices=OWN, default=list(OWN))
  parser.add_argument('--mode', choices=('long', 'short'), default='long')
  parser.add_argument('--json', type=pathlib.Path)
  return parser.parse_args()


def make_problem(folder: str, mode: str) -> Problem:
  """Split 0 of MovieTweetings; its content is not read, so it is cheap."""
  config = single.get_config('movietweetings')
  config.data.manual_dir = folder
  config.text.encoder, config.text.word_vectors = 'tfidf_svd', ''
  config.topics.yt = 'text_lda'
  prepared = prepare.prepare(config)
  this = splits.make_split(config, prepared, 0)
  at = (config, prepared, this)
  fraction = splits.modes(config)[mode]
  seen = training_data.make_seen(*at, fraction)
  queries, _ = training_data.make_questions(*at, this.users.test, fraction)
  asked = np.flatnonzero(np.diff(queries.watches.offsets))
  users, times = queries.users[asked], queries.time[asked]
  later = histories.rows_from(prepared.watches, users, times)[0]
  return Problem(seen, queries.take(asked), later)


def measure(name: str, problem: Problem, args) -> dict:
  """Rates and F@5 of both, over the seeds."""
  settings = dict(keys.default_config()[name])
  if args.epochs is not None:
    settings['epochs'] = args.epochs
  found = {'own': [], 'peer': []}
  for seed in range(args.seeds):
    found['own'].append(run_own(name, problem, settings, seed))
    peer = run_peer(name, problem, settings, seed, args)
    if peer is not None:
      found['peer'].append(peer)
  watches = len(problem.seen.watches.item)
  row = {'settings': settings, 'users': problem.queries.count}
  rates = {}
  for who, runs in found.items():
    if runs:
      secs, scores = map(np.array, zip(*runs, strict=True))
      extra = settings['epochs'] - FEW
      rates[who] = watches * extra / (secs[:, 1] - secs[:, 0])
      row[f'{who}_watches_per_sec'] = float(np.median(rates[who]))
      row[f'{who}_f_at_5'] = [round(float(x), 4) for x in scores]
      row[f'{who}_f_at_5_mean'] = float(scores.mean())
      row[f'{who}_f_at_5_sd'] = float(scores.std(ddof=int(len(scores) > 1)))
  if 'peer' in rates:
    row['rate_ratio'] = float(np.median(rates['own'] / rates['peer']))
  return row


def run_own(
  name: str, problem: Problem, settings: dict, seed: int
) -> tuple[list[float], float]:
  """Seconds of the shorter and the longer fit, and F@5 of the longer."""
  seen, secs = problem.seen._replace(seed=seed), []
  if not seed:  # compiles
    fit_own(name, seen, settings, FEW)
  for epochs in (FEW, settings['epochs']):
    start = time.perf_counter()
    recommend = fit_own(name, seen, settings, epochs)
    # A list: the arrays of a fit may not be there yet when it returns.
    recommend(problem.queries.take([0]), K)
    secs.append(time.perf_counter() - start)
  return secs, f_at_5(recommend, problem)


def fit_own(name: str, seen: Seen, settings: dict, epochs: int) -> Recommender:
  """The package's."""
  module = OWN[name]
  return module.fit(seen, module.Settings(**{**settings, 'epochs': epochs}))


def run_peer(
  name: str, problem: Problem, settings: dict, seed: int, args
) -> tuple[list[float], float] | None:
  """The same of the peer; None if its Python is not told."""
  script, python = {
    'sasrec': ('rectools_peer.py', args.rectools_python),
  }.get(name, ('recbole_peer.py', args.recbole_python))
  if python is None:
    return None
  told = peer_settings(name, problem, settings, seed)
  with tempfile.TemporaryDirectory() as folder:
    problem_file, result = (pathlib.Path(folder, f) for f in ('p.npz', 'r.npz'))
    watches = problem.seen.watches
    np.savez(
      problem_file,
      user=np.repeat(np.arange(watches.user_count), np.diff(watches.offsets)),
      video=watches.item,
      asked=problem.queries.users,
    )
    subprocess.run(
      [python, HERE / script, problem_file, result, json.dumps(told)],
      check=True,
      cwd=folder,
      stdout=subprocess.DEVNULL,
    )
    with np.load(result) as arrays:
      secs, ids = arrays['secs'].tolist(), arrays['ids'].astype(np.int32)
  return secs, f_at_5(lambda queries, k: Lists(ids, None), problem)


def peer_settings(
  name: str, problem: Problem, settings: dict, seed: int
) -> dict:
  """Ours by the names that the peers read; as many watches in a step."""
  told = {
    **settings,
    'model': name,
    'seed': seed,
    'epochs': [FEW, settings['epochs']],
  }
  if name == 'fpmc':
    return {**told, 'size': settings['factors'], 'max_len': 50, **FPMC_PEER}
  counts = np.diff(problem.seen.watches.offsets)
  mean = np.minimum(counts[counts > 0], settings['max_len']).mean()
  return {**told, 'batch_users': max(1, round(settings['batch_size'] / mean))}


def f_at_5(recommend: Recommender, problem: Problem) -> float:
  """By the protocol of every method: lists of 5, known videos masked."""
  scored = evaluate.evaluate(recommend, problem.queries, problem.later, K)
  return evaluate.summarise(scored.hits, scored.truth, K)['f_score']


if __name__ == '__main__':
  main()
