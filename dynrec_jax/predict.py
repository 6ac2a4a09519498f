"""The model as a recommender: parameters in, lists of videos out.

Paper: Sec 3.3 and 3.4. The interest at the end of n_f gives h_1; each video
picked is fed back as the next input.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dynrec_jax import decode, gru
from dynrec_jax.data import inputs, sequences
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.decode import DecodeTables
from dynrec_jax.evaluate import Queries, Recommender
from dynrec_jax.models.theta import DynamicRecommender
from dynrec_jax.objective import Features

METHODS = ('greedy_seq', 'topk_first')
_ROWS = 128  # users decoded at a time


class QuerySettings(NamedTuple):
  """How a query becomes the network's first inputs, as in training.

  Attributes:
    history_mode: see `inputs`.
    max_len: longest history read as input.
    decay: lambda of Eq (2).
    unit_secs: seconds in a unit of age.
    norm: N_u of Eq (2).
    method: 'greedy_seq' or 'topk_first' (A24).
  """

  history_mode: str
  max_len: int
  decay: float
  unit_secs: float
  norm: str
  method: str


class Predictor:
  """Makes lists with any parameters of one model over one catalogue.

  Attributes:
    settings: see `QuerySettings`.
  """

  def __init__(
    self,
    model: DynamicRecommender,
    features: Features,
    topics: np.ndarray,
    sessions: Sessions,
    settings: QuerySettings,
  ):
    """Keeps what queries are read with.

    Args:
      model: the shell.
      features: of the catalogue.
      topics: [R, K] topic vectors of the queries' behaviours.
      sessions: the clock.
      settings: see the class.

    Raises:
      ValueError: for an unknown method or history mode.
    """
    if settings.method not in METHODS:
      raise ValueError(
        f'method is {settings.method!r}; valid are {", ".join(METHODS)}'
      )
    inputs.check_history_mode(settings.history_mode)
    self.settings = settings
    self._features = features
    self._topics = topics
    self._sessions = sessions
    self._fold = jax.jit(lambda params, f: _fold(model, params, f))
    self._first_state = jax.jit(
      lambda params, *rows: _first_state(model, params, *rows)
    )

  def recommender(self, params: Any) -> Recommender:
    """The model with these parameters, behind the contract of `evaluate`."""
    tables = self.fold(params)

    def recommend(queries, known, known_where, k):
      return self.lists(params, tables, queries, known, known_where, k)[0]

    return recommend

  def fold(self, params: Any) -> DecodeTables:
    """What decoding reads of the catalogue; made once per parameters."""
    return self._fold(params, self._features)

  def lists(
    self,
    params: Any,
    tables: DecodeTables,
    queries: Queries,
    known: np.ndarray,
    known_where: np.ndarray,
    k: int,
  ) -> tuple[np.ndarray, np.ndarray]:
    """k videos for each query, best first, and their log probabilities.

    Args:
      params: theta.
      tables: see `fold`.
      queries: B users.
      known: [B, M] int32 videos that no list may hold.
      known_where: [B, M] bool.
      k: length of a list.

    Returns:
      [B, k] int32 videos, -1 where none is left; [B, k] float32, the log of
      the softmax's value at the step that picked the video.
    """
    tokens, where, interests = self._inputs(queries)
    generate = (
      decode.greedy_decode
      if self.settings.method == 'greedy_seq'
      else decode.topk_first
    )
    ids, scores = [], []
    for start in range(0, len(tokens), _ROWS):
      rows = slice(start, start + _ROWS)
      block = [_pad(x[rows]) for x in (tokens, where, interests)]
      state = self._first_state(params, tables.inputs, *block)
      found = generate(
        tables,
        state,
        _pad(known[rows]),
        known_where=_pad(known_where[rows]),
        k=k,
      )
      count = len(tokens[rows])
      ids.append(np.asarray(found[0])[:count])
      scores.append(np.asarray(found[1])[:count])
    return np.concatenate(ids), np.concatenate(scores)

  def _inputs(
    self, queries: Queries
  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[B, T] tokens, their mask, and each query's [B, R, K] interests."""
    s = self.settings
    rows = inputs.interest_rows(
      queries.samples,
      queries.behaviours,
      self._topics,
      self._sessions,
      history_mode=s.history_mode,
      decay=s.decay,
      unit_secs=s.unit_secs,
      norm=s.norm,
    )
    video_count = self._features.text.shape[0]
    prefix = inputs.prefixes(
      queries.samples,
      rows,
      queries.watches,
      video_count,
      history_mode=s.history_mode,
      max_history_len=s.max_len,
    )
    own = np.where(
      prefix.token < video_count,
      prefix.token,
      prefix.token - rows.offsets[prefix.row],
    )
    count = len(queries.samples.user)
    tokens, where = sequences.padded(prefix.row, own, count)
    counts = np.diff(rows.offsets)
    values = np.zeros((count, counts.max(initial=1), rows.values.shape[1]))
    values[np.arange(values.shape[1]) < counts[:, None]] = rows.values
    return tokens.astype(np.int32), where, values.astype(np.float32)


def _fold(
  model: DynamicRecommender, params: Any, features: Features
) -> DecodeTables:
  """T_x (v (+) t) of the whole catalogue, and the rest of theta."""
  theta = model.bind({'params': params})
  return DecodeTables(
    inputs=theta.map_videos(theta.embed(*features).content),
    products=None,
    params=theta.gru,
    output_kernel=theta.output_kernel,
    output_bias=theta.output_bias,
  )


def _first_state(
  model: DynamicRecommender,
  params: Any,
  video_inputs: jax.Array,
  tokens: jax.Array,
  where: jax.Array,
  interests: jax.Array,
) -> jax.Array:
  """[B, H], the state that predicts the first video."""
  theta = model.bind({'params': params})
  count = interests.shape[0]
  mapped = theta.map_interests(interests.reshape(-1, interests.shape[-1]))
  mapped = mapped.reshape(count, -1, mapped.shape[-1])  # [B, R, E]
  video_count = video_inputs.shape[0]
  is_video = (tokens < video_count)[..., None]
  interest_row = jnp.maximum(tokens - video_count, 0)[..., None]
  xs = jnp.where(
    is_video,
    video_inputs[jnp.minimum(tokens, video_count - 1)],
    jnp.take_along_axis(mapped, interest_row, axis=1),
  )  # [B, T, E]
  state, _ = gru.gru_scan(theta.gru, xs, where=where)
  return state


def _pad(rows: np.ndarray) -> np.ndarray:
  """Zero rows up to a whole block, so that one compiled shape serves all."""
  return np.pad(rows, [(0, _ROWS - len(rows))] + [(0, 0)] * (rows.ndim - 1))
