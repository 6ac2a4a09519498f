"""A trained network as a recommender: parameters in, lists of videos out.

Paper: Sec 3.3 and 3.4. The interest at the end of n_f gives h_1; each video
picked is fed back as the next input.
"""

import functools
from collections.abc import Callable
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
_ROWS = 128  # users decoded at a time
_FEW_ROWS = 8  # the same where no more ask: a single list is made at once


class PredictSettings(NamedTuple):
  """How a query is read, as in training, and how its list is made.

  Attributes:
    inputs: see `data.query_inputs`.
    method: 'greedy_seq' or 'topk_first' (A24).
  """

  inputs: InputSettings
  method: str


class Predictor:
  """Makes lists with any parameters of one network over one catalogue.

  Attributes:
    settings: see `PredictSettings`.
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
    self._network = network
    self._features = features
    self._describe = describe
    self._tables = jax.jit(network.tables)
    self._first_states = jax.jit(network.first_states)

  def recommender(self, params: Any) -> Recommender:
    """The network with these parameters, behind the one contract.

    Its scores are log probabilities: the log of the softmax's value at the
    step that picked the video.
    """
    tables = self._tables(params, self._features)

    def recommend(queries: Queries, k: int) -> Lists:
      return self._lists(params, tables, queries, k)

    return recommend

  def _lists(
    self, params: Any, tables: DecodeTables, queries: Queries, k: int
  ) -> Lists:
    """k videos for each query, and their log probabilities."""
    generate = decode.topk_first
    if self.settings.method == 'greedy_seq':
      generate = functools.partial(
        decode.greedy_decode, read_video=self._network.read_video
      )
    known, known_where = queries.forbidden_videos()
    ids = np.full((queries.count, k), -1, np.int32)
    scores = np.full((queries.count, k), -np.inf, np.float32)
    size = _FEW_ROWS if queries.count <= _FEW_ROWS else _ROWS
    for number, block in enumerate(self._inputs(queries, size)):
      rows = slice(number * size, (number + 1) * size)
      found = generate(
        tables,
        self._first_states(params, tables, *block),
        _pad(known[rows], size),
        known_where=_pad(known_where[rows], size),
        k=k,
      )
      count = len(ids[rows])
      ids[rows], scores[rows] = (np.asarray(x)[:count] for x in found)
    return Lists(ids, scores)

  def _inputs(
    self, queries: Queries, row_count: int = _ROWS
  ) -> list[QueryBlock]:
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
      video_count=self._network.video_count,
      row_count=row_count,
      bucket_size=batches.bucket_size,
      with_history=self._network.reads_history,
    )


def _pad(rows: np.ndarray, size: int) -> np.ndarray:
  """Zero rows up to a whole block, so that one compiled shape serves all."""
  return np.pad(rows, [(0, size - len(rows))] + [(0, 0)] * (rows.ndim - 1))
