"""What steps tell, and when it is read."""

import pytest

from dynrec_jax.step_watch import NonFiniteLossError, StepWatch


class Log:
  """Keeps what is written."""

  def __init__(self):
    self.records = []

  def write(self, step, values):
    self.records.append((step, values))


def test_a_step_is_read_when_the_next_has_begun():
  log = Log()
  watch = StepWatch(log, every_steps=1, samples_per_step=8)
  watch.add(1, {'loss': 3.0})
  assert not log.records
  assert watch.latest == {}
  watch.add(2, {'loss': 2.0})
  assert log.records == [(1, {'train/loss': 3.0})]
  assert watch.latest == {'loss': 3.0}
  watch.flush()
  watch.flush()  # nothing is left to read
  (step, second) = log.records[1]
  assert len(log.records) == 2
  assert step == 2
  assert second['train/loss'] == 2.0
  assert second['train/examples_per_sec'] > 0  # one step since the last record


def test_every_other_step_is_written_and_all_are_checked():
  log = Log()
  watch = StepWatch(log, every_steps=2, samples_per_step=8)
  for step in (1, 2, 3):
    watch.add(step, {'loss': float(step)})
  watch.add(4, {'loss': float('nan')})
  assert [step for step, _ in log.records] == [2]
  with pytest.raises(NonFiniteLossError, match='between steps 4 and 4: loss='):
    watch.add(5, {'loss': 1.0})


def test_a_first_step_that_is_no_number_names_itself():
  watch = StepWatch(Log(), every_steps=1, samples_per_step=8)
  watch.add(7, {'loss': float('inf')})
  with pytest.raises(NonFiniteLossError, match='between steps 7 and 7'):
    watch.flush()
