"""The first host prepares before the others; all must have come to the same."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from fake_hosts import FakeHosts

from dynrec_jax.study import shared_study


@pytest.fixture
def fake(monkeypatch):
  monkeypatch.setattr(
    shared_study.summary, 'table_digests', lambda of: {'watches': of}
  )
  return FakeHosts(monkeypatch, 3)


def prepared(watches='w', fingerprint='f', known=(True, False)):
  return SimpleNamespace(
    summary=watches, fingerprint=fingerprint, known_videos=np.array(known)
  )


def test_the_first_host_has_done_before_another_begins(fake, monkeypatch):
  told, lock = [], threading.Lock()

  def prepare(config):
    with lock:
      told.append(f'begins {config}')
    time.sleep(0.1 if config == 0 else 0)
    with lock:
      told.append(f'ends {config}')
    return prepared()

  monkeypatch.setattr(shared_study.prepare_lib, 'prepare', prepare)
  found = fake.run(shared_study.prepare)
  assert [of.summary for of in found] == ['w'] * 3
  assert told[:2] == ['begins 0', 'ends 0']
  assert sorted(told[2:]) == ['begins 1', 'begins 2', 'ends 1', 'ends 2']


@pytest.mark.parametrize(
  ('other', 'differs'),
  [
    ({'watches': 'v'}, 'watches'),
    ({'fingerprint': 'g'}, 'features and topics'),
    ({'known': (True, True)}, 'known videos'),
    ({'watches': 'v', 'fingerprint': ''}, 'features and topics, watches'),
  ],
)
def test_another_study_on_a_host_is_refused_by_all(
  fake, monkeypatch, other, differs
):
  monkeypatch.setattr(
    shared_study.prepare_lib,
    'prepare',
    lambda config: prepared(**(other if config == 2 else {})),
  )
  for error in fake.run(shared_study.prepare):
    assert isinstance(error, ValueError)
    assert str(error).startswith(
      f'host 2 of 3 prepared other {differs} than host 0; right: '
    )
