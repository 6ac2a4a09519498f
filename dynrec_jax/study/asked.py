"""What users are asked at a border: what may be seen, queries, the truth."""

from typing import NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data.histories import Histories
from dynrec_jax.recommender import Queries, Seen
from dynrec_jax.storage import digests
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split
from dynrec_jax.study.training_data import make_questions, make_seen


class Asked(NamedTuple):
  """One mode of a split.

  Attributes:
    mode: its name.
    seen: what methods are fitted on.
    queries: of those who are asked.
    later: the ground truth.
  """

  mode: str
  seen: Seen
  queries: Queries
  later: Histories

  @property
  def questions(self) -> tuple[Queries, Histories]:
    """The queries and the truth."""
    return self.queries, self.later


def ask(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  users: np.ndarray,
  mode: str,
  session: int,
) -> Asked:
  """Some users of a split at the end of a session."""
  seen = make_seen(config, prepared, this, session)
  questions = make_questions(config, prepared, this, users, session)
  return Asked(mode, seen, *questions)


def digest(prepared: Prepared, of: Asked) -> str:
  """A short name of all that lists and scores follow from.

  Features and topics stand in it by the study's fingerprint.
  """
  seen, queries = of.seen, of.queries
  arrays = [
    seen.train_users,
    seen.videos.view_count,
    seen.known_videos,
    queries.users,
    queries.time,
    queries.topics,
  ]
  if seen.video_topics is not None:
    arrays.append(seen.video_topics)
  for events in (
    seen.watches,
    seen.behaviours,
    queries.watches,
    queries.behaviours,
    of.later,
  ):
    arrays += list(events)
  texts = [seen.video_texts, seen.profiles, queries.profiles]
  texts += [x for x in (seen.texts, queries.texts) if x is not None]
  words = ['\0'.join(text) for text in texts]
  return digests.fingerprint(prepared.fingerprint, *words, *arrays)
