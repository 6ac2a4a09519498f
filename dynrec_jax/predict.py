"""A trained network as a recommender: parameters in, lists of videos out.

Paper: Sec 3.3 and 3.4. The interest at the end of n_f gives h_1; each video
picked is fed back as the next input.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from dynrec_jax import decode
from dynrec_jax.data import batches, inputs, query_inputs
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.query_inputs import InputSettings, QueryBlock
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models.network import DecodeTables, Network
from dynrec_jax.recommender import Lists, Queries, Recommender

METHODS = ('greedy_seq', 'topk_first')
# Users decoded at a time, however many ask: in a product of another shape a
# row's sums may run in another order. So few that a single list is made at
# once: of 20,000 videos in 1.7 times the time of 8 rows, and all lists in 1.4
# times the time of 128.
ROWS = 32


class PredictSettings(NamedTuple):
  """How a query is read, as in training, and how its list is made.

  Attributes:
    inputs: see `data.query_inputs`.
    method: 'greedy_seq' or 'topk_first' (A24).
  """

  inputs: InputSettings
  method: str


def generator(network: Network, method: str) -> Callable:
  """What makes lists of tables and first states, see `decode`.

  Args:
    network: any.
    method: of METHODS.
  """
  if method == 'topk_first':
    return decode.topk_first
  return functools.partial(decode.greedy_decode, read_video=network.read_video)


class Predictor:
  """Makes lists with any parameters of one network over one catalogue.

  Attributes:
    settings: see `PredictSettings`.
    network: any.
    features: of the catalogue.
  """

  def __init__(
    self,
    network: Network,
    features: Features,
    settings: PredictSettings,
    describe: Callable[[Histories, np.ndarray], tuple[Histories, np.ndarray]]
    | None = None,
  ):
    """Keeps what queries are read with.

    Args:
      network: any.
      features: of the catalogue.
      settings: see the class.
      describe: queries' behaviours and texts -> behaviours, and the vectors
        that they are about for this network; None takes the queries' own.

    Raises:
      ValueError: for an unknown method or history mode.
    """
    if settings.method not in METHODS:
      raise ValueError(
        f'method is {settings.method!r}; valid are {", ".join(METHODS)}'
      )
    inputs.check_history_mode(settings.inputs.history_mode)
    self.settings = settings
    self.network = network
    self.features = features
    self._describe = describe
    self._tables = jax.jit(network.tables)
    self._first_states = jax.jit(network.first_states)

  def recommender(self, params: Any) -> Recommender:
    """The network with these parameters, behind the one contract.

    Its scores are log probabilities: the log of the softmax's value at the
    step that picked the video.
    """
    tables = self.tables(params)

    def recommend(queries: Queries, k: int) -> Lists:
      return self._lists(params, tables, queries, k)

    return recommend

  def of_network(self, network: Network) -> 'Predictor':
    """The same of another network over the same features."""
    return Predictor(network, self.features, self.settings, self._describe)

  def tables(self, params: Any) -> DecodeTables:
    """What decoding reads of the catalogue."""
    return self._tables(params, self.features)

  def _lists(
    self, params: Any, tables: DecodeTables, queries: Queries, k: int
  ) -> Lists:
    """k videos for each query, and their log probabilities."""
    generate = generator(self.network, self.settings.method)
    ids = np.full((queries.count, k), -1, np.int32)
    scores = np.full((queries.count, k), -np.inf, np.float32)
    for number, block in enumerate(self._inputs(queries)):
      rows = slice(number * ROWS, (number + 1) * ROWS)
      known, where = self._forbidden(queries.take(rows))
      found = generate(
        tables,
        self._first_states(params, tables, *block),
        known,
        known_where=where,
        k=k,
      )
      count = len(ids[rows])
      ids[rows], scores[rows] = (np.asarray(x)[:count] for x in found)
    return Lists(ids, scores)

  def _forbidden(self, queries: Queries) -> tuple[np.ndarray, np.ndarray]:
    """A block's videos that may be in no list, in one of a few shapes."""
    ids, where = queries.forbidden_videos()
    width = batches.bucket_size(ids.shape[1], self.network.video_count)
    room = [(0, ROWS - len(ids)), (0, max(0, width - ids.shape[1]))]
    return np.pad(ids, room), np.pad(where, room)

  def _inputs(self, queries: Queries) -> Iterator[QueryBlock]:
    """What the network reads first, in blocks of queries."""
    behaviours, topics = queries.behaviours, queries.topics
    if self._describe is not None:
      behaviours, topics = self._describe(behaviours, queries.texts)
    return query_inputs.query_blocks(
      query_inputs.QueryRows(
        session=queries.session,
        time=queries.time,
        watches=queries.watches,
        behaviours=behaviours,
        topics=topics,
        clock=queries.clock,
      ),
      self.settings.inputs,
      video_count=self.network.video_count,
      row_count=ROWS,
      with_history=self.network.reads_history,
    )
