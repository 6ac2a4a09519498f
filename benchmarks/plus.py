"""What the preset `plus` costs, and how many watches of new videos it names.

  python -m benchmarks.plus --data FOLDER [--cuts 3 6 9] [--workdir FOLDER]
    [--json FILE] [--ids 3=RUN 6=RUN 9=RUN ... --figure FILE]

MovieTweetings. Training of split 0 from nothing, `plus` and the plain model's
epoch beside it; one user's list, by `plus` and by the plain network, each timed
in turn with the machine's own product, which empties the caches, and again and
again without. And where one date cuts the log, after
sessions 3, 6 and 9: which share of the watches of videos that nobody had
watched before is in lists of 5 and of 20 (the mean over users who have any).
Methods of ids have 0 there. Beside it F of lists of 5, and of an oracle that
knows how often each video will be watched; a figure of both takes the best
method of ids from runs of the same cuts. Runs in the workdir are used as they
are.
"""

import argparse
import json
import pathlib
import tempfile
import time

import ml_collections
import numpy as np
from matplotlib.figure import Figure

from benchmarks import machine
from configs import single
from dynrec_jax.baselines import top_k
from dynrec_jax.report import figures
from dynrec_jax.study import methods, prepare, split_run, splits, training_data
from dynrec_jax.study.parts import Parts, make_parts
from dynrec_jax.study.splits import Split

LENGTHS = (5, 20)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--data', required=True, help='ratings.dat and others')
  parser.add_argument('--cuts', type=int, nargs='*', default=[3, 6, 9])
  parser.add_argument('--workdir', help='keeps what is trained')
  parser.add_argument('--rounds', type=int, default=50)
  parser.add_argument('--json', type=pathlib.Path)
  parser.add_argument('--ids', nargs='*', default=[], metavar='CUT=RUN')
  parser.add_argument('--figure', type=pathlib.Path)
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(args.workdir or scratch)
    report = {
      **machine.describe(),
      'users': cost(args, folder),
      'cuts': {cut: future(args, folder, cut) for cut in args.cuts},
    }
  for pair in args.ids:
    cut, _, run = pair.partition('=')
    found, row = best_of_ids(run), report['cuts'][int(cut)]
    if found['ids_f_score'] > row.get('ids_f_score', -1.0):
      row |= found
  print(json.dumps(report, indent=2))
  if args.json is not None:
    args.json.write_text(json.dumps(report, indent=2) + '\n')
  if args.figure is not None:
    draw(report, args.figure)


def make_config(data: str, workdir: pathlib.Path, preset: str):
  """MovieTweetings, one split."""
  config = single.get_config(f'movietweetings,{preset}')
  config.data.manual_dir = data
  config.workdir = str(workdir)
  config.split.seeds = 1
  return config


def trained(
  config: ml_collections.ConfigDict,
) -> tuple[Parts, Split, object, float]:
  """Parts, split 0, its parameters, and the seconds that training took."""
  prepared = prepare.prepare(config)
  parts = make_parts(config, prepared)
  this = splits.make_split(config, prepared, 0)
  start = time.monotonic()
  split_run.train_split(config, parts, this, lambda step: False)
  secs = time.monotonic() - start
  found = split_run.load_params(config, parts, this)
  return parts, this, found.state, secs


def cost(args: argparse.Namespace, folder: pathlib.Path) -> dict[str, float]:
  """Seconds of training and milliseconds of one list."""
  plus = make_config(args.data, folder / 'users', 'plus')
  parts, this, params, secs = trained(plus)
  plain = make_config(args.data, folder / 'plain', 'practical')
  plain.train.max_epochs = 1
  other, _, other_params, epoch_secs = trained(plain)
  users = this.users.test[:1]
  session = splits.modes(plus)['long']
  queries, _ = training_data.make_questions(
    plus, parts.prepared, this, users, session
  )
  own = parts.predictor.recommender(params)
  peer = other.predictor.recommender(other_params)
  lists = {'plus': lambda: own(queries, 5), 'plain': lambda: peer(queries, 5)}
  runs = lists | machine.peak_products()
  times = machine.time_alternately(runs, args.rounds)
  alone = {
    f'{name}_list_again_ms': median_ms(
      machine.time_alternately({name: run}, args.rounds)[name]
    )
    for name, run in lists.items()
  }
  return {
    'plus_training_secs': secs,
    'plain_epoch_secs': epoch_secs,
    'plus_list_ms': median_ms(times['plus']),
    'plain_list_ms': median_ms(times['plain']),
    **alone,
    'peak_gflops': machine.peak_flops(times) / 1e9,
  }


def median_ms(secs: np.ndarray) -> float:
  """Of one run's times."""
  return 1e3 * float(np.median(secs))


def future(
  args: argparse.Namespace, folder: pathlib.Path, cut: int
) -> dict[str, float]:
  """F where one date cuts the log, and recall of videos new at the date."""
  config = make_config(args.data, folder / f'cut_{cut}', 'plus')
  config.split.by, config.split.cut = 'time', cut
  parts, this, params, secs = trained(config)
  prepared = parts.prepared
  queries, later = training_data.make_questions(
    config, prepared, this, this.users.test, cut
  )
  recommend = parts.predictor.recommender(params)
  lists = recommend(queries, max(LENGTHS))
  counts = np.bincount(later.item, minlength=len(prepared.known_videos))
  oracle = top_k.by_scores(
    lambda some: np.tile(counts.astype(np.float32), (some.count, 1)),
    len(counts),
  )
  found = {
    'training_secs': secs,
    'f_score': score(config, recommend, (queries, later)),
    'oracle_f_score': score(config, oracle, (queries, later)),
    'users': 0,
  }
  hits = {length: [] for length in LENGTHS}
  for row in range(queries.count):
    watched = set(later.items_of(row)) - set(queries.watches.items_of(row))
    new = {video for video in watched if not prepared.known_videos[video]}
    if not new:
      continue
    found['users'] += 1
    for length in LENGTHS:
      share = len(new & set(lists.ids[row, :length])) / len(new)
      hits[length].append(share)
  for length in LENGTHS:
    found[f'recall_{length}'] = float(np.mean(hits[length]))
  return found


def score(config, recommend, questions) -> float:
  """F of lists of 5."""
  scored = split_run.score(config, recommend, questions)
  return split_run.measures(config, scored)['f_score']


def best_of_ids(run: str) -> dict[str, object]:
  """The method of a run with the highest F, but for networks with content."""
  rows = json.loads(pathlib.Path(run, 'results.json').read_text())['rows']
  ids = [row for row in rows if not methods.is_network(row['method'])]
  best = max(ids, key=lambda row: row['f_score'][0])
  return {'ids_f_score': best['f_score'][0], 'ids': best['method']}


def draw(report: dict, path: pathlib.Path) -> None:
  """F against the cut."""
  cuts = sorted(report['cuts'])
  figure = Figure(figsize=(6, 3.6), layout='constrained')
  axes = figure.add_subplot()
  for name, label, style in (
    ('oracle_f_score', 'oracle: watches of the future, counted', '--'),
    ('f_score', 'plus', '-'),
    ('ids_f_score', 'best method of ids', ':'),
  ):
    values = [report['cuts'][cut][name] for cut in cuts]
    color = {'--': figures.GREY, '-': figures.BLUE, ':': figures.ORANGE}[style]
    axes.plot(cuts, values, style, marker='o', color=color, label=label)
  axes.set(
    xlabel='session at whose end the log is cut (of 12)',
    ylabel='F of lists of 5',
    xticks=cuts,
    ylim=(0, None),
  )
  axes.legend(frameon=False)
  axes.spines[['top', 'right']].set_visible(False)
  path.write_bytes(figures.png(figure))


if __name__ == '__main__':
  main()
