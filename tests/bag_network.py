"""A small network of one state: bags, a frozen calendar, dropout."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dynrec_jax.models import static_dnn
from dynrec_jax.models.dropout import dropout
from dynrec_jax.models.network import DecodeTables, Forward

HIDDEN = 5


class BagNetwork(NamedTuple):
  """logits = O tanh(E'x) + the session's calendar, x a decayed bag."""

  video_count: int
  session_count: int
  rate: float = 0.0

  one_state = True
  reads_history = True
  reads_interest = False
  frozen = frozenset(['calendar'])
  read_video = property(lambda self: static_dnn.read_video)

  def init(self, key, facts=None):
    shape = (self.video_count, HIDDEN)
    keys = jax.random.split(key)
    if facts is None:
      calendar = jnp.zeros((self.video_count, self.session_count))
    else:
      calendar = jnp.asarray(facts.calendar)
    return {
      'input': 0.5 * jax.random.normal(keys[0], shape),
      'output': 0.5 * jax.random.normal(keys[1], shape),
      'calendar': calendar,
    }

  def states(self, params, sequences, history, key=None):
    bag = history.weights * history.newest[:, None]
    hidden = jnp.tanh(bag @ params['input'][sequences.video_ids])
    hidden = dropout(key, hidden, rate=self.rate)
    border = jax.nn.one_hot(history.session - 1, self.session_count)
    return jnp.concatenate([hidden, border], axis=1)

  def kernel(self, params):
    return jnp.concatenate([params['output'], params['calendar']], axis=1)

  def forward(
    self, params, features, sequences, history, *, product_dtype, key=None
  ):
    del features, product_dtype
    states = self.states(params, sequences, history, key)
    return Forward(states, self.kernel(params), None, None, None, None)

  def tables(self, params, features):
    del features
    return DecodeTables(None, self.kernel(params))

  def first_states(self, params, tables, sequences, history=None):
    del tables
    return self.states(params, sequences, history)
