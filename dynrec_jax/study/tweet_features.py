"""Tweets as text features, for the networks that have no interests (A27)."""

from collections.abc import Callable, Sequence

import numpy as np

from dynrec_jax.data.histories import Histories
from dynrec_jax.recommender import CannotFit


class TweetFeatures:
  """Each different tweet encoded once, none before it is asked for."""

  def __init__(
    self,
    encode: Callable[[Sequence[str]], np.ndarray],
    known: Sequence[str],
  ):
    """Keeps what is needed; encodes nothing.

    Args:
      encode: n texts -> [n, D] features, rows of 0 where no word counts.
      known: the study's tweets, which are encoded first and together.
    """
    self._encode = encode
    self._known = known
    self._row_of: dict[str, int] = {}
    self._table: np.ndarray | None = None

  def require(self) -> None:
    """Encodes the study's tweets, if that has not been done.

    Raises:
      CannotFit: none of them has a word that counts.
    """
    if self._table is None:
      self._add(dict.fromkeys(self._known))
    if not self._table.any():
      raise CannotFit(
        f'none of the {len(self._known)} tweets has a word that the encoder of '
        "the videos' texts knows"
      )

  def described(
    self, tweets: Histories, texts: np.ndarray
  ) -> tuple[Histories, np.ndarray]:
    """The tweets as events about text features.

    Args:
      tweets: n of them, about anything.
      texts: [n] object (str), in their order.

    Returns:
      The same events about rows of a table, and the table [R, D], which may
      hold more than they are about.

    Raises:
      CannotFit: see `require`.
    """
    self.require()
    self._add({text: None for text in texts if text not in self._row_of})
    rows = np.fromiter((self._row_of[x] for x in texts), np.int32, len(texts))
    return tweets._replace(item=rows), self._table

  def _add(self, texts: dict[str, None]) -> None:
    """Rows for texts that have none."""
    if not texts and self._table is not None:
      return
    rows = self._encode(list(texts))
    count = len(self._row_of)
    self._row_of |= {text: count + i for i, text in enumerate(texts)}
    before = [] if self._table is None else [self._table]
    self._table = np.concatenate([*before, rows])
