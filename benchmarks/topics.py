"""TwitterLDA's speed, against tomotopy's LDA and at the paper's size.

  python -m benchmarks.topics [--json FILE]
  python -m benchmarks.topics --paper_size [--json FILE]
  python -m benchmarks.topics --lost [--json FILE]
  python -m benchmarks.topics --chosen [--json FILE]

The first compares tokens per second of one Gibbs sweep at K = 100 on one
corpus, with 1 and with 2 threads, in alternating fresh processes. tomotopy
(C++, SIMD) samples plain LDA, a topic per word; TwitterLDA samples a topic per
tweet and a side per word. CPU figures count processor seconds, so they hold on
a shared machine. The second takes raw texts of the paper's size through
tokenisation and the daily mode in one process. The third counts runs of ten
that lose a planted topic (cosine 0.8 or less), from a random start and from
the rounds of `tweet_start`, and their seconds. The fourth lists the number of
topics that `choose_count` names for ten corpora of eight, from either start.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.planted_tweets import planted_tweets

_TOPICS, _ALPHA, _BETA = 100, 0.5, 0.01
# K, tweets, words, users.
_PLANTED = ((10, 8000, 1000, 300), (20, 16000, 2000, 400))
START_ROUNDS = 3  # as by default
_CHOICE = (8, 6400, 800, 240)  # K and the same of the corpora to choose it for
_TRIED = (4, 6, 8, 10, 12, 16)


def main():
  """Runs what the flags ask for and prints one line per figure."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--json', help='file to write the figures to')
  parser.add_argument('--paper_size', action='store_true')
  parser.add_argument('--lost', action='store_true')
  parser.add_argument('--chosen', action='store_true')
  parser.add_argument('--tweets', type=int, default=300_000)
  parser.add_argument('--words', type=int, default=10_000)
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument('--worker', choices=_WORKERS, help='internal')
  parser.add_argument('--threads', type=int, default=1, help='internal')
  args = parser.parse_args()
  if args.worker:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    corpus, _ = _corpus(args.tweets, args.words)
    figures = _WORKERS[args.worker](corpus, args.threads)
  elif args.paper_size:
    figures = paper_size()
  elif args.lost:
    figures = lost_topics()
  elif args.chosen:
    figures = chosen_counts()
  else:
    figures = compare(args)
  print(json.dumps(figures))
  if args.json:
    with open(args.json, 'w', encoding='utf-8') as f:
      json.dump(figures, f, indent=2)


def compare(args) -> dict[str, float]:
  """Median millions of tokens per second, and the ratios."""
  figures = {}
  for threads in (1, 2):
    runs = {name: [] for name in _WORKERS}
    for _ in range(args.rounds):
      for name in _WORKERS:
        runs[name].append(_run_worker(name, threads, args))
    for clock in ('wall', 'cpu'):
      rate = {}
      for name, results in runs.items():
        rate[name] = statistics.median(result[clock] for result in results)
        figures[f'{name}/threads_{threads}/mtokens_per_{clock}_s'] = rate[name]
      ratio = rate['twitter_lda'] / rate['tomotopy']
      figures[f'ratio/threads_{threads}/{clock}'] = ratio
  return figures


def paper_size() -> dict[str, float]:
  """Seconds of each stage and peak memory for 3.3 M tweets of 7 words."""
  from dynrec_jax.topics import incremental, tweet_text
  from dynrec_jax.topics.twitter_lda import REFERENCE

  corpus, _ = _corpus(3_322_807, 20_000)
  user, seconds, texts = _as_text(corpus)
  tokens = len(corpus.words)
  del corpus
  daily = incremental.Schedule(30, 3, 100, 20, 10, 1.0)  # as by default
  figures = {'tweets': len(texts), 'tokens': tokens}
  clock = _Clock(figures)
  vocabulary = tweet_text.fit_vocabulary(texts, least_tweets=5)
  clock.lap('vocabulary')
  corpus = tweet_text.encode_tweets(user, seconds, texts, vocabulary, start=0)
  del texts
  clock.lap('encode')
  incremental.fit_stream(
    corpus,
    REFERENCE,
    daily,
    word_count=len(vocabulary),
    user_count=11_850,
    seed=0,
  )
  clock.lap('daily_topics')
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
  return {**figures, 'words': len(vocabulary), 'peak_gib': peak}


def lost_topics(runs: int = 10) -> dict[str, float]:
  """Runs that lose a planted topic, and median seconds, by start and K."""
  figures = {}
  for topics, tweets, words, users in _PLANTED:
    for rounds in (0, START_ROUNDS):
      results = [
        _planted_run(seed, topics, tweets, words, users, rounds)
        for seed in range(runs)
      ]
      name = f'topics_{topics}/rounds_{rounds}'
      least, seconds = zip(*results, strict=True)
      figures[f'{name}/runs_with_a_lost_topic'] = sum(c <= 0.8 for c in least)
      figures[f'{name}/least_cosine'] = min(least)
      # The first runs compile.
      figures[f'{name}/median_s'] = statistics.median(seconds)
      print(name, figures[f'{name}/runs_with_a_lost_topic'], file=sys.stderr)
  return figures


def chosen_counts(runs: int = 10) -> dict[str, list[int]]:
  """The K that is named for each corpus, by start."""
  from dynrec_jax.topics import choose_count

  topics, tweets, words, users = _CHOICE
  figures = {}
  for rounds in (0, START_ROUNDS):
    name = f'topics_{topics}/rounds_{rounds}/chosen'
    figures[name] = []
    for seed in range(runs):
      corpus, _ = _planted(seed, topics, tweets, words, users)
      choice = choose_count.choose_tweet_topics(
        corpus,
        word_count=words,
        seed=seed,
        topic_counts=_TRIED,
        start_rounds=rounds,
      )
      figures[name].append(choice.chosen.topic_count)
      found = {t.topic_count: round(t.perplexity, 1) for t in choice.trials}
      print(name, figures[name][-1], found, file=sys.stderr)
  return figures


def _planted(seed, topics, tweets, words, users):
  """A month of tweets, the largest topic of four times the smallest one's."""
  return planted_tweets(
    seed,
    tweet_count=tweets,
    word_count=words,
    user_count=users,
    topic_count=topics,
    day_count=30,
    mean_length=7.0,
    size_ratio=4.0,
  )


def _planted_run(seed, topics, tweets, words, users, rounds):
  """The least cosine of a planted topic and the found one; seconds."""
  import jax

  from dynrec_jax.topics import tweet_start, tweet_topics, twitter_lda

  corpus, phi = _planted(seed, topics, tweets, words, users)
  hyper = twitter_lda.REFERENCE._replace(topic_count=topics)
  sizes = {'word_count': words, 'user_count': users}
  common = {
    'key': jax.random.key(seed, impl='threefry2x32'),
    'block_size': 512,
  }
  begin = time.perf_counter()
  start = tweet_start.find_start(
    corpus, hyper, **sizes, **common, round_count=rounds
  )
  nothing = twitter_lda.empty_counts(hyper, **sizes)
  fit = twitter_lda.fit_tweets(
    corpus, nothing, hyper, **common, start=start, sweep_count=100
  )
  seconds = time.perf_counter() - begin
  found = tweet_topics.topic_word_probability(fit.counts, hyper).T
  found /= np.linalg.norm(found, axis=1, keepdims=True)
  phi = phi / np.linalg.norm(phi, axis=1, keepdims=True)
  cosine = phi @ found.T
  return float(cosine[linear_sum_assignment(-cosine)].min()), seconds


class _Clock:
  """Writes the wall and CPU seconds between laps into a dict."""

  def __init__(self, figures):
    self._figures = figures
    self._last = time.perf_counter(), time.process_time()

  def lap(self, name):
    now = time.perf_counter(), time.process_time()
    for clock, start, end in zip(('wall', 'cpu'), self._last, now, strict=True):
      self._figures[f'{name}/{clock}_s'] = end - start
    print(f'{name}: {now[0] - self._last[0]:.0f} s', file=sys.stderr)
    self._last = now


def _corpus(tweets, words):
  """Planted tweets: 7 words each, 280 a user, spread over a year."""
  return planted_tweets(
    0,
    tweet_count=tweets,
    word_count=words,
    user_count=-(-tweets * 11_850 // 3_322_807),
    topic_count=_TOPICS,
    day_count=365,
    mean_length=7.0,
  )


def _as_text(corpus):
  """User, second and raw text of each tweet."""
  names = [f'w{word}' for word in range(int(corpus.words.max()) + 1)]
  texts = []
  for row in range(len(corpus.user)):
    words = corpus.words[corpus.offsets[row] : corpus.offsets[row + 1]]
    texts.append(' '.join([names[word] for word in words.tolist()]))
  return corpus.user, corpus.day.astype(np.int64) * 86_400, texts


def _run_worker(name, threads, args):
  """Rates of one fresh process."""
  command = [sys.executable, '-m', 'benchmarks.topics', '--worker', name]
  command += ['--threads', str(threads), '--tweets', str(args.tweets)]
  command += ['--words', str(args.words)]
  out = subprocess.run(command, check=True, capture_output=True, text=True)
  figures = json.loads(out.stdout.splitlines()[-1])
  print(name, threads, figures, file=sys.stderr)
  return figures


def _rates(run, corpus, *, few, many):
  """Millions of tokens per second of the sweeps that `many` has over `few`."""
  run(few)  # compile, fill caches
  seconds = []
  for sweeps in (few, many):
    start = time.perf_counter(), time.process_time()
    run(sweeps)
    seconds.append(
      (time.perf_counter() - start[0], time.process_time() - start[1])
    )
  tokens = len(corpus.words) * (many - few) / 1e6
  wall, cpu = np.subtract(seconds[1], seconds[0])
  return {'wall': tokens / wall, 'cpu': tokens / cpu}


def _time_twitter_lda(corpus, threads):
  """The blocked sampler; threads are bound by the affinity of the process."""
  import jax

  from dynrec_jax.topics import blocked_gibbs, tweet_blocks, twitter_lda

  hyper = twitter_lda.REFERENCE
  packed = tweet_blocks.pack_tweets(corpus, block_size=2048)
  prior = twitter_lda.prior_concentration(
    twitter_lda.empty_counts(
      hyper,
      word_count=int(corpus.words.max()) + 1,
      user_count=int(corpus.user.max()) + 1,
    ),
    hyper,
    packed,
  )
  nothing = jax.tree.map(np.zeros_like, prior)
  key = jax.random.key(0, impl='threefry2x32')

  def run(sweeps):
    jax.block_until_ready(
      blocked_gibbs.run_sweeps(
        key,
        prior,
        nothing,
        packed.blocks,
        sweeps,
        True,
        widths=packed.widths,
        mode_count=2,
      )
    )

  return _rates(run, corpus, few=2, many=12)


def _time_tomotopy(corpus, threads):
  """tomotopy's LDA with the same K, alpha and beta, each tweet a document."""
  import tomotopy

  model = tomotopy.LDAModel(k=_TOPICS, alpha=_ALPHA, eta=_BETA, seed=0)
  model.optim_interval = 0
  _, _, texts = _as_text(corpus)
  for text in texts:
    model.add_doc(text.split())
  model.train(0)
  return _rates(
    lambda sweeps: model.train(sweeps, workers=threads),
    corpus,
    few=2,
    many=12,
  )


_WORKERS = {'twitter_lda': _time_twitter_lda, 'tomotopy': _time_tomotopy}

if __name__ == '__main__':
  main()
