"""A prepared study on all hosts of a run: made by one, read by the others.

The first host prepares, and so stores what is cached (`data.data_dir`,
`data.cache_dir`); the others then read it there. Where they see no such folder,
or nothing is stored, each makes the same of its own, and must have come to the
same numbers.
"""

import ml_collections

from dynrec_jax.data import summary
from dynrec_jax.parallel import hosts
from dynrec_jax.storage import digests
from dynrec_jax.study import prepare as prepare_lib
from dynrec_jax.study.prepare import Prepared


def prepare(config: ml_collections.ConfigDict) -> Prepared:
  """See `study.prepare.prepare`; the same on all hosts.

  Raises:
    ValueError: see there; or hosts have come to different studies.
  """
  with hosts.first_alone('prepare'):
    prepared = prepare_lib.prepare(config)
  _refuse_different(_digests(prepared))
  return prepared


def _digests(prepared: Prepared) -> dict[str, str]:
  """What a study is of, by what is told of it."""
  tables = summary.table_digests(prepared.summary)
  told = {'features and topics': prepared.fingerprint} | tables
  known = ''.join('01'[int(of)] for of in prepared.known_videos)
  return told | {'known videos': digests.fingerprint(known)}


def _refuse_different(own: dict[str, str]) -> None:
  """Raises if another host has something else than the first one.

  Raises:
    ValueError: names the first such host, and what differs.
  """
  each = [
    text.split('\n') for text in hosts.gather_text('\n'.join(own.values()))
  ]
  for number, found in enumerate(each):
    differ = [
      name
      for name, one, other in zip(own, each[0], found, strict=True)
      if one != other
    ]
    if differ:
      raise ValueError(
        f'host {number} of {len(each)} prepared other {", ".join(differ)} than '
        'host 0; right: the same data.manual_dir on all hosts, and '
        'data.data_dir in a folder that they share'
      )
