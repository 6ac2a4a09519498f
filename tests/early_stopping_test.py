"""When a training ends, and which epoch is its best."""

import pytest

from dynrec_jax.early_stopping import Position, advance, finished


def after(scores):
  position = Position()
  for score in scores:
    position = advance(position, score)
  return position


@pytest.mark.parametrize(
  ('scores', 'expected'),
  [
    ([0.0], (1, 0.0, 1)),
    ([-7.5], (1, -7.5, 1)),
    ([-7.5, -7.25, -8.0], (3, -7.25, 2)),
    ([0.1, 0.3, 0.3, 0.2], (4, 0.3, 2)),  # equal is not better
    ([None, None], (2, None, 2)),  # nobody validates: the last is kept
  ],
)
def test_the_best_epoch(scores, expected):
  assert after(scores) == expected


def test_a_position_of_an_earlier_version_has_no_best_yet():
  """It said -1 before the first epoch, which a log likelihood may be below."""
  assert advance(Position(0, -1.0, 0), -7.5) == Position(1, -7.5, 1)


def test_the_end():
  ended = [
    finished(Position(epoch, 0.1, best), max_epochs=5, patience=2)
    for epoch, best in ((0, 0), (1, 1), (2, 1), (3, 1), (5, 5))
  ]
  assert ended == [False, False, False, True, True]
