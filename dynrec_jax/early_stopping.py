"""When a training has gone on for long enough without getting better.

Not told by the paper (A3).
"""

from typing import NamedTuple


class Position(NamedTuple):
  """Where early stopping stands.

  Attributes:
    epoch: epochs done.
    best_score: highest score so far; None before the first, and where nobody
      validates.
    best_epoch: the epoch to keep; 0 before the first.
  """

  epoch: int = 0
  best_score: float | None = None
  best_epoch: int = 0


def advance(position: Position, score: float | None) -> Position:
  """One epoch later.

  Args:
    position: after the epoch before.
    score: of the epoch, of either sign; higher is better, equal is not. The
      first is the best so far, whatever it is. None where nobody validates:
      the epoch is to be kept.

  Returns:
    The new position.
  """
  epoch = position.epoch + 1
  if score is None or not position.best_epoch or score > position.best_score:
    return Position(epoch, score, epoch)
  return position._replace(epoch=epoch)


def finished(position: Position, *, max_epochs: int, patience: int) -> bool:
  """Whether the last epoch has come, or `patience` epochs without a better."""
  stale = position.epoch - position.best_epoch
  return position.epoch >= max_epochs or stale >= patience
