"""Locks that processes hold on files, and who holds them.

The system gives a lock up when its process ends, however it ends, so none
outlives its holder. A lock's file says who has it and since when.
"""

import contextlib
import datetime
import errno
import fcntl
import os
import pathlib
import socket
import time
from collections.abc import Iterator
from typing import IO

from absl import logging

_POLL_SECS = 0.2
# File systems without locks, and places where no file can be made.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


@contextlib.contextmanager
def held(
  path: str | os.PathLike[str], *, shared: bool = False, doing: str = ''
) -> Iterator[bool]:
  """Whether the lock is this process's, for the block.

  Its file is taken away at the end, unless others share it.

  Args:
    path: of the lock's file, in a folder that exists.
    shared: hold it beside others who share it.
    doing: what for, in a word or two, for `holder`.

  Yields:
    False if another process holds it.

  Raises:
    OSError: the file cannot be made, or its file system knows no locks.
  """
  path = pathlib.Path(path)
  file = _locked(path, shared)
  if file is None:
    yield False
    return
  try:
    _sign(file, doing)
    yield True
  finally:
    _leave(path, file, shared)


def holder(path: str | os.PathLike[str]) -> str:
  """Who holds a lock, in words."""
  try:
    signed = pathlib.Path(path).read_text('utf-8', errors='replace')
  except OSError:
    signed = ''
  return f'{signed or "another process"} ({path})'


@contextlib.contextmanager
def turn(path: str | os.PathLike[str], what: str) -> Iterator[None]:
  """Waits until nobody else is at something, and keeps others from it.

  Where locks cannot be made, nobody waits.

  Args:
    path: of the lock's file; its folder is made.
    what: it is that only one is to make, for the log.
  """
  with contextlib.ExitStack() as stack:
    told = ''
    while not _taken(stack, path, what):
      if (who := holder(path)) != told:
        logging.info('waiting for %s: %s', what, who)
        told = who
      time.sleep(_POLL_SECS)
    yield


def _taken(stack: contextlib.ExitStack, path, what: str) -> bool:
  """Enters the lock if it is free, or if there can be none."""
  try:
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    return stack.enter_context(held(path, doing=what))
  except OSError as error:
    logging.debug('no lock %s (%s)', path, error)
    return True


def knows_no_locks(error: OSError) -> bool:
  """Whether the file system is to blame, not the holder."""
  return error.errno in _NO_LOCKS


def _locked(path: pathlib.Path, shared: bool) -> IO[str] | None:
  """The open file, locked; None if another process holds it."""
  kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
  while True:
    file = path.open('a+', encoding='utf-8')
    try:
      fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
      file.close()
      return None
    except OSError:
      file.close()
      raise
    if _is_file(path, file):
      return file
    file.close()  # its holder has just taken it away


def _sign(file: IO[str], doing: str) -> None:
  """Writes who holds the lock; nothing depends on it, on a full disk either."""
  now = datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%d %H:%M:%S UTC')
  what = f' ({doing})' if doing else ''
  with contextlib.suppress(OSError):
    file.truncate(0)
    file.write(
      f'process {os.getpid()} of {socket.gethostname()}{what}, since {now}'
    )
    file.flush()


def _leave(path: pathlib.Path, file: IO[str], shared: bool) -> None:
  """Gives the lock up, and takes the file away if nobody shares it."""
  with file, contextlib.suppress(OSError):
    if shared:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    path.unlink(missing_ok=True)


def _is_file(path: pathlib.Path, file: IO[str]) -> bool:
  """Whether an open file is still the one at the path."""
  try:
    return os.path.samestat(path.stat(), os.fstat(file.fileno()))
  except FileNotFoundError:
    return False
