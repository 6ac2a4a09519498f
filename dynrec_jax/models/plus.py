"""The network `plus`: the calendar, and what a user's history adds to it.

Beyond the paper, from its own parts: the dynamic interest (a decayed bag of
watches, and u), content, and the context of time that it leaves to the future.

  logit(v | user, l) = c_l(v) + (1/N) sum_n (O_n(v) + Q(v) P_n) . g_n,
  g_n = tanh(E_n'(x - m) + A_n'Q'(x - m) + B_n'(u - k))

c_l(v) is the log of how often v is watched after session l (`VideoFacts`), x
the user's bag of watches, each weighing exp(-decay age), over the root of their
sum (`watch_bag`), u the interest of Eq (2), m and k their means over train
samples, m of all or of those at session l alone: a user like all others is
recommended what is watched. Q(v) is v's content. N members are trained side by
side, each on a loss of its own, and folded into one state and one kernel to
serve. O_n(v), a video's free part, is dropped at random in training, so that
content alone makes sense for a video nobody has watched.
"""

import types
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from dynrec_jax.data.batch import History
from dynrec_jax.data.packed import Sequences
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models import score_parts, watch_bag
from dynrec_jax.models.dropout import dropout
from dynrec_jax.models.network import (
  DecodeTables,
  Forward,
  ReadVideo,
  VideoRows,
)
from dynrec_jax.models.static_dnn import first_rows, read_video

# Which members read and write content: all, every other one, or none.
CONTENT = ('all', 'half', 'none')
_INPUT_SCALE = 0.1
_OUTPUT_SCALE = 0.01
# Keys of a step: inputs, hidden units, free parts.
_DRAWS = 3


class Plus(NamedTuple):
  """The network of `network.Network`.

  Attributes:
    video_count: V.
    session_count: L.
    content_size: C, of Q(v).
    interest_size: K, of u.
    hidden_size: H, of each member.
    members: N.
    content: of CONTENT.
    mean: of `watch_bag.MEANS`.
    reads_watches: whether the bag is read; where watches are hidden, u alone.
    reads_interest: whether u is read.
    input_dropout: share of a bag's videos that a step leaves out.
    dropout: share of hidden units.
    row_dropout: share of the free parts O_n(v).
  """

  video_count: int
  session_count: int
  content_size: int
  interest_size: int
  hidden_size: int = 32
  members: int = 4
  content: str = 'half'
  mean: str = 'all'
  reads_watches: bool = True
  reads_interest: bool = False
  input_dropout: float = 0.3
  dropout: float = 0.3
  row_dropout: float = 0.5

  one_state = True
  frozen = frozenset(VideoFacts._fields)
  video_rows = frozenset()  # the calendar and contents are rows of kernels too
  # A video that comes later is told by its content alone, until it is watched.
  growing = types.MappingProxyType(
    {'input': VideoRows(1, 'zeros'), 'output': VideoRows(1, 'zeros')}
  )

  @property
  def reads_history(self) -> bool:
    """Of every query, since the session is told with it."""
    return True

  @property
  def read_video(self) -> ReadVideo:
    """See `network.Network`."""
    return read_video

  @property
  def means_shape(self) -> tuple[int, ...]:
    """Of m: [V], or [V, L] where each border has one."""
    if self.mean == 'all':
      return (self.video_count,)
    return (self.video_count, self.session_count)

  def of_rows(self, count: int) -> 'Plus':
    """See `network.Network`; there are no such rows."""
    raise ValueError(f'{count} rows are asked for; plus reads all videos')

  def init(self, key: jax.Array, facts: VideoFacts | None = None) -> Any:
    """Fresh parameters."""
    count, size = self.members, self.hidden_size
    sizes = {
      'input': ((count, self.video_count, size), _INPUT_SCALE),
      'output': ((count, self.video_count, size), _OUTPUT_SCALE),
      'content_input': ((count, self.content_size, size), _INPUT_SCALE),
      'content_output': ((count, self.content_size, size), _OUTPUT_SCALE),
      'interest_input': ((count, self.interest_size, size), _INPUT_SCALE),
    }
    if not self.reads_watches:
      sizes = {k: v for k, v in sizes.items() if k not in watch_bag.LEARNED}
    if not self.reads_interest:
      sizes.pop('interest_input')
    keys = jax.random.split(key, len(sizes))
    params = {
      name: scale * jax.random.normal(own, shape)
      for own, (name, (shape, scale)) in zip(keys, sizes.items(), strict=True)
    }
    if facts is None:
      facts = VideoFacts(
        calendar=jnp.zeros((self.video_count, self.session_count)),
        content=jnp.zeros((self.video_count, self.content_size)),
        mean_bag=jnp.zeros(self.means_shape),
        mean_interest=jnp.zeros(self.interest_size),
      )
    return params | {k: jnp.asarray(v) for k, v in facts._asdict().items()}

  def forward(
    self,
    params: Any,
    features: Features,
    sequences: Sequences,
    history: History | None,
    *,
    product_dtype: Any,
    key: jax.Array | None = None,
  ) -> Forward:
    """See `network.Network`.

    With a key, states are [N, B, H + L] and kernels [N, V, H + L], a loss each;
    without, they are the members folded into one.
    """
    del features, product_dtype
    kernels = self._kernels(params, key)
    if key is None:
      bags = self._bag_tables(params)
      if bags is not None:
        bags = bags._replace(kernel=bags.kernel[sequences.video_ids])
      hidden = self._served(params, bags, sequences, history)
      states = self._folded(hidden, history)
      kernel = self._folded_kernel(params, kernels)
      return Forward(states, kernel, None, None, None, None)
    hidden = self._hidden(params, sequences, history, key)
    border = self._border(history)
    calendar = params['calendar']
    states = jnp.stack(
      [jnp.concatenate([own, border], axis=1) for own in hidden]
    )
    kernel = jnp.stack(
      [jnp.concatenate([own, calendar], axis=1) for own in kernels]
    )
    return Forward(states, kernel, None, None, None, None)

  def tables(self, params: Any, features: Features) -> DecodeTables:
    """See `network.Network`."""
    del features
    kernel = self._folded_kernel(params, self._kernels(params, None))
    return DecodeTables(self._bag_tables(params), kernel)

  def first_states(
    self,
    params: Any,
    tables: DecodeTables,
    sequences: Sequences,
    history: History | None = None,
  ) -> Array:
    """See `network.Network`."""
    hidden = self._served(params, tables.recurrence, sequences, history)
    return self._folded(hidden, history)

  def score_parts(
    self, params: Any, tables: DecodeTables, states: Array, ids: Array
  ) -> dict[str, Array]:
    """See `network.Network`.

    'clock' is c_l(v); 'history' what the user's hidden units say of the video
    by its id, O_n(v) . g_n, and 'content' by what it is about, Q(v) P_n . g_n.
    """
    del tables
    size = self.members * self.hidden_size
    hidden, border = states[:, :size], states[:, size:]
    of_ids, of_content = jnp.zeros(()), jnp.zeros(())
    for n, has_content in enumerate(self._content_members()):
      own = hidden[:, n * self.hidden_size : (n + 1) * self.hidden_size]
      of_ids += score_parts.share(params['output'][n], own, ids)
      if has_content:
        kernel = params['content'] @ params['content_output'][n]
        of_content += score_parts.share(kernel, own, ids)
    found = {
      'clock': score_parts.share(params['calendar'], border, ids),
      'history': of_ids / self.members,
    }
    if any(self._content_members()):
      found['content'] = of_content / self.members
    return found

  def _content_members(self) -> tuple[bool, ...]:
    """[N] whether each member has content."""
    if self.content == 'half':
      return tuple(n % 2 == 0 for n in range(self.members))
    return (self.content == 'all',) * self.members

  def _bag_tables(self, params: Any) -> watch_bag.BagTables | None:
    """None where watches are hidden."""
    if not self.reads_watches:
      return None
    return watch_bag.make_tables(params, self._content_members())

  def _hidden(
    self,
    params: Any,
    sequences: Sequences,
    history: History,
    key: jax.Array,
  ) -> list[Array]:
    """[N] of [B, H], g_n of a training step."""
    keys = _keys(key, self.members)
    sums = [jnp.zeros(())] * self.members
    if self.reads_watches:
      sums = watch_bag.in_step(
        params,
        sequences.video_ids,
        history,
        [own[0] for own in keys],
        self._content_members(),
        rate=self.input_dropout,
      )
    if self.reads_interest:
      sums = self._with_interest(params, sequences, history, sums)
    return [
      dropout(own[1], jnp.tanh(x), rate=self.dropout)
      for own, x in zip(keys, sums, strict=True)
    ]

  def _served(
    self,
    params: Any,
    bags: watch_bag.BagTables | None,
    sequences: Sequences,
    history: History,
  ) -> list[Array]:
    """[N] of [B, H], g_n where nothing is left to chance: of one product."""
    sums = [jnp.zeros(())] * self.members
    if bags is not None:
      of_bags = watch_bag.of_tables(bags, history)
      sums = jnp.split(of_bags, self.members, axis=1)
    if self.reads_interest:
      sums = self._with_interest(params, sequences, history, sums)
    return [jnp.tanh(own) for own in sums]

  def _with_interest(
    self,
    params: Any,
    sequences: Sequences,
    history: History,
    sums: list[Array],
  ) -> list[Array]:
    """[N] of [B, H], what u adds to each member's sums."""
    rows = first_rows(sequences)[sequences.last]
    count = len(history.session)
    interests = sequences.interests[rows.reshape(-1)[:count]]
    centred = interests - params['mean_interest']
    return [
      own + centred @ kernel
      for own, kernel in zip(sums, params['interest_input'], strict=True)
    ]

  def _kernels(self, params: Any, key: jax.Array | None) -> list[Array]:
    """[N] of [V, H], O_n(v) + Q(v) P_n."""
    keys = _keys(key, self.members)
    kernels = []
    for n, has_content in enumerate(self._content_members()):
      own = params['output'][n]
      if key is not None and self.row_dropout:
        # All devices draw the same, as they hold the same rows.
        keep = jax.random.bernoulli(
          keys[n][2], 1 - self.row_dropout, (self.video_count, 1)
        )
        own = jnp.where(keep, own / (1 - self.row_dropout), 0)
      if has_content:
        own += params['content'] @ params['content_output'][n]
      kernels.append(own)
    return kernels

  def _folded(self, hidden: list[Array], history: History) -> Array:
    """[B, N H + L]."""
    border = self._border(history)
    return jnp.concatenate([*hidden, border], axis=1)

  def _folded_kernel(self, params: Any, kernels: list[Array]) -> Array:
    """[V, N H + L]."""
    own = [kernel / self.members for kernel in kernels]
    return jnp.concatenate([*own, params['calendar']], axis=1)

  def _border(self, history: History) -> Array:
    """[B, L], 1 at the last session that has ended."""
    return jax.nn.one_hot(history.session - 1, self.session_count)


def with_videos(
  network: Plus,
  params: Any,
  content: Float[ArrayLike, 'n C'],
  rates: Float[ArrayLike, 'n'],
) -> tuple[Plus, Any]:
  """The network over more videos, of which nobody has watched any.

  Their rows of the softmax and of the bag are what content makes of them: the
  free parts are 0, as where training drops them. No other row changes.

  Args:
    network: trained.
    params: its parameters.
    content: Q of the videos.
    rates: their forecast, the calendar's entry from now on.
  """
  content = jnp.asarray(content, jnp.float32)
  count = len(content)
  wide = jnp.broadcast_to(
    jnp.asarray(rates, jnp.float32)[:, None], (count, network.session_count)
  )
  unseen = jnp.zeros((count, *params['mean_bag'].shape[1:]))
  rows = {'calendar': wide, 'content': content, 'mean_bag': unseen}
  grown = {
    name: jnp.concatenate([params[name], own]) for name, own in rows.items()
  }
  free = {
    name: jnp.pad(params[name], ((0, 0), (0, count), (0, 0)))
    for name in ('input', 'output')
    if name in params
  }
  more = network._replace(video_count=network.video_count + count)
  return more, {**params, **grown, **free}


def _keys(key: jax.Array | None, count: int) -> list[tuple]:
  """[N] of a member's keys, one for each purpose."""
  if key is None:
    return [(None,) * _DRAWS] * count
  return [
    tuple(jax.random.split(own, _DRAWS)) for own in jax.random.split(key, count)
  ]
