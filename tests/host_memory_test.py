"""The allocator's settings take effect, where there are any."""

import subprocess
import sys

import pytest

_PROGRAM = """
import resource
import numpy as np
from dynrec_jax import host_memory
if {keep}:
  assert host_memory.keep_freed_memory()
for _ in range(4):
  np.ones(1 << 26, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(16):
  np.ones(1 << 26, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(keep):
  program = _PROGRAM.format(keep=keep)
  done = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True, check=True
  )
  return int(done.stdout)


@pytest.mark.skipif(sys.platform != 'linux', reason='glibc only')
def test_freed_memory_is_not_faulted_in_again():
  assert page_faults(True) < page_faults(False) / 4
