"""The allocator's settings take effect; programs give back their memory."""

import subprocess
import sys

import pytest

_PROGRAM = """
import resource
import numpy as np
from dynrec_jax.parallel import host_memory
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


_PROGRAMS = """
import jax, jax.numpy as jnp
from dynrec_jax.parallel import host_memory

def mappings():
  return sum(1 for _ in open('/proc/self/maps'))

programs = [jax.jit(lambda x, n=n: jnp.sin(x) @ x + n) for n in range(20)]

def compile_some(size):
  for program in programs:
    program(jnp.ones((size, size)))

compile_some(2)
host_memory.drop_programs()
start = mappings()
for size in range(3, 6):
  compile_some(size)
  if {drop}:
    host_memory.drop_programs()
print(mappings() - start)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_dropped_programs_give_back_their_mappings():
  def grown(drop):
    program = _PROGRAMS.format(drop=drop)
    done = subprocess.run(
      [sys.executable, '-c', program],
      capture_output=True,
      text=True,
      check=True,
    )
    return int(done.stdout)

  kept = grown(False)
  assert kept > 300  # each of sixty programs has some
  assert grown(True) < kept / 10
