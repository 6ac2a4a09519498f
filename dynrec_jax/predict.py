"""A trained network as a recommender: parameters in, lists of videos out.

Paper: Sec 3.3 and 3.4. The interest at the end of n_f gives h_1; each video
picked is fed back as the next input.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dynrec_jax import decode
from dynrec_jax.data import batches, inputs, query_inputs
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.query_inputs import InputSettings, QueryBlock
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models.network import DecodeTables, Network
from dynrec_jax.parallel import catalogue
from dynrec_jax.parallel.catalogue import Cut
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
    cut: Cut | None = None,
  ):
    """Keeps what queries are read with.

    Args:
      network: any.
      features: of the catalogue.
      settings: see the class.
      describe: queries' behaviours and texts -> behaviours, and the vectors
        that they are about for this network; None takes the queries' own.
      cut: of a catalogue over devices, as features and parameters then are:
        all its processes must ask the same. None where each device has all.

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
    self._cut = cut
    self._tables = _tables(network, cut)
    self._first_states = jax.jit(network.first_states)
    self._score_parts = jax.jit(self._parts_of_picks)

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
    return Predictor(
      network, self.features, self.settings, self._describe, self._cut
    )

  def tables(self, params: Any) -> DecodeTables:
    """What decoding reads of the catalogue."""
    return self._tables(params, self.features)

  def _lists(
    self, params: Any, tables: DecodeTables, queries: Queries, k: int
  ) -> Lists:
    """k videos for each query, and their log probabilities."""
    generate = self._generate(k)
    ids = np.full((queries.count, k), -1, np.int32)
    scores = np.full((queries.count, k), -np.inf, np.float32)
    for number, block in enumerate(self._inputs(queries)):
      rows = slice(number * ROWS, (number + 1) * ROWS)
      known, where = self._forbidden(queries.take(rows))
      found = generate(params, tables, block, known, where)
      count = len(ids[rows])
      ids[rows], scores[rows] = (np.asarray(x)[:count] for x in found)
    return Lists(ids, scores)

  def score_parts(
    self, params: Any, queries: Queries, ids: np.ndarray
  ) -> dict[str, np.ndarray]:
    """What the scores of lists are made of, see `network.Network`.

    Args:
      params: those that made the lists.
      queries: who asked.
      ids: [B, k] their lists, as made or, of other queries, to be compared; a
        place without a video is 0.

    Returns:
      Parts by name, [B, k].

    Raises:
      ValueError: the catalogue is cut over devices.
    """
    if self._cut is not None:
      raise ValueError('parts of scores are told of a whole catalogue alone')
    tables = self.tables(params)
    found: dict[str, np.ndarray] = {}
    for number, block in enumerate(self._inputs(queries)):
      rows = slice(number * ROWS, (number + 1) * ROWS)
      own = ids[rows]
      padded = np.pad(np.maximum(own, 0), [(0, ROWS - len(own)), (0, 0)])
      parts = self._score_parts(
        params,
        tables,
        self._first_states(params, tables, *block),
        padded,
      )
      for name, values in parts.items():
        out = found.setdefault(name, np.zeros(ids.shape, np.float32))
        out[rows] = np.where(own < 0, 0, np.asarray(values)[: len(own)])
    return found

  def _generate(self, k: int) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """Parameters, tables and a block of queries -> k videos of each."""
    if self._cut is not None:
      return _cut_lists(self.network, self._cut, self.settings.method, k)
    make = generator(self.network, self.settings.method)

    def generate(params, tables, block, known, where):
      state = self._first_states(params, tables, *block)
      return make(tables, state, known, known_where=where, k=k)

    return generate

  def _forbidden(self, queries: Queries) -> tuple[np.ndarray, np.ndarray]:
    """A block's videos that may be in no list, in one of a few shapes."""
    ids, where = queries.forbidden_videos()
    width = batches.bucket_size(ids.shape[1], self.network.video_count)
    room = [(0, ROWS - len(ids)), (0, max(0, width - ids.shape[1]))]
    return np.pad(ids, room), np.pad(where, room)

  def _parts_of_picks(
    self, params: Any, tables: DecodeTables, states: Array, ids: Array
  ) -> dict[str, Array]:
    """See `score_parts`; a list of first videos has none above."""
    if self.settings.method == 'greedy_seq':
      return self.network.score_parts(params, tables, states, ids)
    count, k = ids.shape
    each = self.network.score_parts(
      params, tables, jnp.repeat(states, k, axis=0), ids.reshape(-1, 1)
    )
    return {
      name: values.reshape(count, k)
      for name, values in each.items()
      if name != 'list'
    }

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
      with_interest=self.network.reads_interest,
    )


def _tables(network: Network, cut: Cut | None) -> Callable[..., DecodeTables]:
  """Parameters and features -> tables; of a cut catalogue cut as they are."""
  if cut is None:
    return jax.jit(network.tables)
  return catalogue.data_parallel(
    network.tables,
    cut,
    split=(False, False),
    results=functools.partial(jax.eval_shape, network.tables),
  )


@functools.lru_cache(maxsize=16)
def _cut_lists(network: Network, cut: Cut, method: str, k: int) -> Callable:
  """All devices together make a block's lists, each of its own videos."""

  def lists(params, tables, block, known, where):
    # What is read by video may lie elsewhere; T_p is what lies here.
    rows = cut.readable(tables, alike=True).recurrence
    tables = tables._replace(recurrence=rows)
    state = network.first_states(params, tables, *block)
    make = generator(network, method)
    return make(tables, state, known, known_where=where, k=k, cut=cut)

  return catalogue.data_parallel(lists, cut, split=(False,) * 5)
