"""Some rows of tables: taken, put back, and the step on them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dynrec_jax import train
from dynrec_jax.row_updates import Rows

pytestmark = pytest.mark.usefixtures('quick_compile')
TABLES = frozenset(['output_kernel', 'output_bias'])
V, H = 7, 3
# Behind the end of the tables: what fills up.
ROWS = np.array([1, 2, 6, 7, 8], np.int32)


def make_params(seed=0):
  rng = np.random.default_rng(seed)
  return {
    'gru': {'kernel': jnp.asarray(rng.normal(size=(H, H)))},
    'output_bias': jnp.asarray(rng.normal(size=V)),
    'output_kernel': jnp.asarray(rng.normal(size=(V, H))),
  }


def make_optimizer(name):
  return train.make_optimizer(name, learning_rate=0.1, weight_decay=0.03)


def sparse_step(optimizer, params, state, grads, rows):
  """Gradients are of the whole tables: other rows' are not read."""
  few, few_state = Rows(TABLES, rows).take((params, state))
  few_grads = Rows(TABLES, rows).take(grads)
  updates, few_state = optimizer.update(few_grads, few_state, few)
  moved = optax.apply_updates(few, updates)
  return Rows(TABLES, rows).put((params, state), (moved, few_state))


def dense_step(optimizer, params, state, grads):
  updates, state = optimizer.update(grads, state, params)
  return optax.apply_updates(params, updates), state


def test_rows_come_and_go():
  params = make_params()
  few = Rows(TABLES, ROWS).take(params)
  np.testing.assert_array_equal(
    few['output_kernel'][:3], params['output_kernel'][jnp.array([1, 2, 6])]
  )
  assert few['output_bias'].shape == (5,)
  assert few['gru']['kernel'] is params['gru']['kernel']
  back = Rows(TABLES, ROWS).put(params, few)
  jax.tree.map(np.testing.assert_array_equal, back, params)
  new = jax.tree.map(lambda x: x + 1, few)
  changed = Rows(TABLES, ROWS).put(params, new)
  where = np.isin(np.arange(V), ROWS)
  np.testing.assert_array_equal(
    changed['output_bias'], params['output_bias'] + where
  )


@pytest.mark.parametrize('name', ['sgd', 'adamw'])
def test_all_rows_are_the_dense_step_and_some_leave_the_others(name):
  optimizer = make_optimizer(name)
  params, every = make_params(), np.arange(V, dtype=np.int32)
  dense = sparse = (params, optimizer.init(params))
  for seed in (1, 2, 3):
    grads = make_params(seed)
    dense = dense_step(optimizer, *dense, grads)
    sparse = sparse_step(optimizer, *sparse, grads, every)
  jax.tree.map(np.testing.assert_array_equal, sparse, dense)
  some = sparse_step(optimizer, *sparse, grads, ROWS)
  want = dense_step(optimizer, *sparse, grads)
  read = np.isin(np.arange(V), ROWS)
  flat = zip(
    *(jax.tree_util.tree_leaves_with_path(x) for x in (some, want, sparse)),
    strict=True,
  )
  for (path, found), (_, moved), (_, before) in flat:
    is_table = any(t in jax.tree_util.keystr(path) for t in TABLES)
    if not is_table:
      np.testing.assert_array_equal(found, moved)
      continue
    np.testing.assert_array_equal(found[read], moved[read])
    np.testing.assert_array_equal(found[~read], before[~read])
    assert (np.asarray(moved)[~read] != np.asarray(before)[~read]).any()
