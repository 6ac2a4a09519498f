"""What a long process must know of the host's memory."""

import ctypes
import gc

import jax


def keep_freed_memory() -> bool:
  """Lets glibc keep what is freed instead of giving it back to the kernel.

  A CPU step's large temporaries are otherwise zeroed page by page at the next
  step, up to 15 % of its time. The process then never shrinks.

  Returns:
    Whether this C library knows the settings.
  """
  mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
  if mallopt is None:
    return False
  trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8
  settings = (
    (mmap_max, 0),
    (trim_threshold, -1),
    (arena_max, 1),
    (top_pad, 1 << 28),
  )
  return all([mallopt(*setting) for setting in settings])


def drop_programs() -> None:
  """Lets go of all compiled programs; what is still needed is loaded again.

  Each holds some dozen memory mappings, of which Linux gives a process 65,530
  (vm.max_map_count): the programs of five splits together used them up, which
  ends the process however much memory is free.
  """
  jax.clear_caches()
  gc.collect()
