"""What an exported folder may be made of, without a network."""

import numpy as np

from dynrec_jax.serving.exported import Exported
from dynrec_jax.serving.folder import Contents, Words

WORDS = Words(['ö', 'b'], np.ones((2, 3), np.float32), b'fold')


def contents(code=b'code', words=None):
  weights = {'0.x': np.arange(6, dtype=np.float32).reshape(3, 2).T}
  lists = Exported(code, weights, {'known': ('b, m', 'int32')}, ('cpu',))
  about = {'dynrec_jax': '1', 'network': 'plus', 'k': 5}
  topics = np.eye(2, dtype=np.float32)
  of = 'watches' if words is None else 'tweets'
  return Contents(lists, {'of': of}, ['v1', 'ü'], topics, words, about)
