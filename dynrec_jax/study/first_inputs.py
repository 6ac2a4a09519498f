"""What a config's network reads before its first prediction.

The paper's network reads interests (A10). Static-DNN reads one; RNN and RNN-Sem
have none, and read the watches or, where those are hidden, the tweets (A27).
"""

from collections.abc import Callable

import ml_collections
import numpy as np

from dynrec_jax.data.histories import Histories
from dynrec_jax.recommender import CannotFit
from dynrec_jax.study.prepare import Prepared

_WITHOUT_INTERESTS = ('rnn', 'rnn_sem')
# Behaviours and the texts behind them -> behaviours about rows of a table.
Describe = Callable[[Histories, np.ndarray], tuple[Histories, np.ndarray]]


def history_mode(config: ml_collections.ConfigDict) -> str:
  """One of `data.inputs.HISTORY_MODES`."""
  if config.model.network in _WITHOUT_INTERESTS:
    return 'history_only' if config.scenario == 'single' else 'topic_only'
  if config.model.network == 'static_dnn':
    return 'topic_only'
  return config.model.history_mode


def first_of_no_history(config: ml_collections.ConfigDict) -> str:
  """One of `history_rnn.FIRST_INPUTS`, of a network without interests.

  Where watches are read, a user without any is told apart from nobody: the
  training has no such sample, of which a start could be learned.
  """
  return (
    'nothing' if config.scenario == 'single' else config.variants.cross_first
  )


def reads_tweet_texts(config: ml_collections.ConfigDict) -> bool:
  """Whether tweets enter the network by their text features.

  Raises:
    CannotFit: they should, and nothing encodes them.
  """
  if (
    config.model.network not in _WITHOUT_INTERESTS
    or first_of_no_history(config) != 'tweet_text'
  ):
    return False
  if config.text.encoder == 'given':
    raise CannotFit(
      f'variants.cross_first is tweet_text, which model.network='
      f'{config.model.network} reads in the cross network, and '
      'text.encoder=given encodes no tweet: right are bos, or an encoder'
    )
  return True


def description(
  config: ml_collections.ConfigDict, prepared: Prepared
) -> Describe | None:
  """What behaviours are about for the config's network; None: their topics.

  Raises:
    CannotFit: the network reads texts of tweets, and there are none.
  """
  if not reads_tweet_texts(config):
    return None
  try:
    prepared.tweet_features.require()
  except CannotFit as error:
    raise CannotFit(
      f'variants.cross_first is tweet_text, and {error}; bos needs no text'
    ) from error
  return prepared.tweet_features.described
