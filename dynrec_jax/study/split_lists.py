"""One split, tested: every method's lists, in files.

A method's lists are made again only if something that they follow from has
changed: `SPLIT/made/MODE/METHOD.json` holds a digest of all of it, or why the
method cannot use the data.
"""

import json
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import logging

from dynrec_jax import checkpoint, evaluate, metric_log
from dynrec_jax.checkpoint import cut_leaves, same_config
from dynrec_jax.parallel import hosts
from dynrec_jax.recommender import CannotFit
from dynrec_jax.report import user_lists
from dynrec_jax.report.table import Skipped
from dynrec_jax.report.user_lists import UserLists
from dynrec_jax.storage import digests, whole_files
from dynrec_jax.study import identity, methods, split_run, splits, stories
from dynrec_jax.study.asked import Asked, ask, digest
from dynrec_jax.study.contenders import Contender
from dynrec_jax.study.splits import Split

_SEEN_SECS = 60.0  # as long as network folders may show what was there before


def test_split(
  config: ml_collections.ConfigDict,
  contenders: Sequence[Contender],
  this: Split,
  *,
  stop_requested: Callable[[int], bool],
  anew: bool,
) -> list[Skipped] | None:
  """Writes every method's lists, and its measures to the metrics.

  Args:
    config: of the run.
    contenders: the methods.
    this: the split.
    stop_requested: polled before every method.
    anew: make all lists again, also those that follow from the same.

  Returns:
    What could not be fitted, and why; None if asked to stop.

  Raises:
    ValueError: if there is no checkpoint that fits.
  """
  prepared = contenders[0].parts.prepared
  found = {c.name: _trained(c, this) for c in contenders if c.is_network}
  skipped = []
  # The model's steps are those that measures stand at in its metrics.
  step = found['model'].step if 'model' in found else 0
  with metric_log.MetricLog(this.directory) as log:
    for mode, session in splits.modes(config).items():
      asked = ask(config, prepared, this, this.users.test, mode, session)
      data = digest(prepared, asked)
      stories.write_stories(
        config, prepared, this, mode, asked.queries, asked.later
      )
      for contender in contenders:
        if stop_requested(step):
          return None
        try:
          trained = found.get(contender.name)
          made_of = _made_of(contender, data, trained)
          lists = _lists_of(
            contender, asked, this, trained, made_of=made_of, anew=anew
          )
        except CannotFit as error:
          skipped.append(Skipped(mode, contender.name, str(error)))
          continue
        k = config.decode.k
        values = evaluate.summarise(lists.hits, lists.truth, k)
        name = f'test_{mode}/{contender.name}'
        log.write(step, {f'{name}/{k}': v for k, v in values.items()})
  hosts.wait_for_all(f'lists of split {this.number}')  # others read them
  return skipped


def _trained(contender: Contender, this: Split) -> checkpoint.Checkpoint:
  """A network's best parameters."""
  config, parts = contender.config, contender.parts
  return split_run.load_params(config, parts, contender.folder(this))


def _lists_of(
  contender: Contender,
  asked: Asked,
  this: Split,
  trained: checkpoint.Checkpoint | None,
  *,
  made_of: str,
  anew: bool,
) -> UserLists:
  """A method's lists in a mode, from their file if that is of the same.

  Raises:
    CannotFit: the method cannot use the data.
  """
  name = contender.name
  path = user_lists.path_of(this.directory, asked.mode, name)
  note = pathlib.Path(this.directory, 'made', asked.mode, f'{name}.json')
  known = {} if anew else _read_note(note)
  same = known.get('of') == made_of
  if not (same and (known['cannot'] or _is_whole(path, known['lists']))):
    known = {}
  # As the first host sees it: folders may show others what was there before.
  known = json.loads(hosts.gather_text(json.dumps(known))[0])
  if known:
    if known['cannot']:
      raise CannotFit(known['cannot'])
    return _read_lists(path, known['lists'])
  label = methods.METHODS[name].label
  logging.debug('%s, %s: fitted and asked', label, asked.mode)
  cannot = None
  try:
    _write(contender, asked, path, trained)
  except CannotFit as error:
    cannot = error
    logging.warning('%s, %s: not run: %s', label, asked.mode, error)
  sha256 = ''
  if hosts.is_writer():
    sha256 = '' if cannot else digests.file_sha256(path)
    line = {'of': made_of, 'cannot': str(cannot or ''), 'lists': sha256}
    whole_files.write_text(note, json.dumps(line))
    if cannot:
      pathlib.Path(path).unlink(missing_ok=True)  # of other data
  if cannot:
    raise cannot
  return _read_lists(path, hosts.gather_text(sha256)[0])


def _read_lists(path: str, sha256: str) -> UserLists:
  """The lists of a file that the first host has written, once they are seen.

  Raises:
    OSError: this host does not see them; names the file.
  """
  until = time.monotonic() + _SEEN_SECS
  while not hosts.is_writer():
    if pathlib.Path(path).is_file() and digests.file_sha256(path) == sha256:
      break
    if time.monotonic() > until:
      raise OSError(f'{path} is not here as host 0 wrote it, after a minute')
    time.sleep(0.1)
  return user_lists.read_lists(path)


def _is_whole(path: str, sha256: str) -> bool:
  """Whether a file of lists is there, and what was written."""
  if not pathlib.Path(path).is_file():
    return False
  if digests.file_sha256(path) == sha256:
    return True
  logging.warning('%s is not what was written: making it again', path)
  return False


def _write(
  contender: Contender,
  asked: Asked,
  path: str,
  trained: checkpoint.Checkpoint | None,
) -> None:
  """Fits a method, asks it and writes what it recommended to whom."""
  config, parts = contender.config, contender.parts
  if contender.cannot:
    raise CannotFit(contender.cannot)
  video_count = asked.seen.video_count
  if video_count < config.decode.k:
    raise CannotFit(
      f'{video_count} videos, fewer than decode.k={config.decode.k}'
    )
  network = None
  if trained is not None:
    network = parts.predictor.recommender(trained.state)
  with hosts.all_or_none(CannotFit):
    recommend = methods.fit(contender.name, config, asked.seen, network)
  scored = split_run.score(
    config,
    recommend,
    asked.questions,
    shared=network is None or parts.cut is None,
  )
  records = parts.prepared.records
  rows = user_lists.as_rows(
    records.user_ids[scored.users],
    records.videos.id,
    scored.lists,
    hits=scored.hits,
    truth=scored.truth,
  )
  if hosts.is_writer():
    user_lists.write_lists(path, rows)


def _made_of(
  contender: Contender, data: str, trained: checkpoint.Checkpoint | None
) -> str:
  """A digest of all that a method's lists follow from."""
  section = methods.section(contender.name)
  chosen = same_config.select(
    contender.config.to_dict(), identity.lists_of(section)
  )
  arrays = []
  if trained is not None:
    arrays = [_content(x) for x in jax.tree.leaves(trained.state)]
  settings = json.dumps([chosen, contender.cannot], sort_keys=True)
  return digests.fingerprint(settings, data, *arrays)


def _content(leaf: Any) -> np.ndarray | str:
  """What tells a parameter from others: itself; its checksum if it is cut."""
  if not cut_leaves.is_cut(leaf):
    return np.asarray(leaf)
  return cut_leaves.checksums({'': leaf})['']


def _read_note(note: pathlib.Path) -> Mapping[str, Any]:
  """What a method's lists were made of; nothing if that is not known."""
  try:
    found = json.loads(note.read_text('utf-8'))
    return {key: str(found[key]) for key in ('of', 'cannot', 'lists')}
  except (OSError, ValueError, KeyError, TypeError):
    return {}
