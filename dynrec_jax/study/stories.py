"""The tested users' stories: what was known of each, and what came after.

Everything that is known comes from the queries, which hold nothing of later;
the truth is written for display and read by no method.
"""

import ml_collections
import numpy as np

from dynrec_jax.data import interests
from dynrec_jax.data.histories import Histories
from dynrec_jax.parallel import hosts
from dynrec_jax.recommender import Queries
from dynrec_jax.report import stories, topic_report
from dynrec_jax.report.stories import Story
from dynrec_jax.study import settings
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split


def write_stories(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  mode: str,
  queries: Queries,
  later: Histories,
) -> None:
  """Writes a mode's stories if the split is the first one.

  Args:
    config: of the run.
    prepared: the study.
    this: the split; others than the first leave no stories.
    mode: 'long', 'short' or 'cross'.
    queries: the tested users.
    later: what each query's user watched afterwards, a row each.
  """
  if this.number or not hosts.is_writer():
    return
  videos = prepared.records.videos
  stories.write_names(
    this.directory,
    dict(zip(videos.id.tolist(), videos.title.tolist(), strict=True)),
    prepared.topic_words,
  )
  found = make_stories(config, prepared, queries, later)
  stories.write_stories(this.directory, mode, found)


def make_stories(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  queries: Queries,
  later: Histories,
) -> list[Story]:
  """The story of every query whose user has a ground truth, in their order."""
  ids, user_ids = prepared.records.videos.id, prepared.records.user_ids
  truth = _truth(queries, later)
  known = queries.watches
  session = _session(queries, known)
  out = []
  for row in np.flatnonzero([len(videos) for videos in truth]):
    watched = slice(known.offsets[row], known.offsets[row + 1])
    count, topics, interest = _topics_of(config, prepared, queries, int(row))
    out.append(
      Story(
        user=user_ids[queries.users[row]],
        history=list(
          zip(
            session[watched].tolist(),
            ids[known.item[watched]].tolist(),
            strict=True,
          )
        ),
        behaviours=count.tolist(),
        topics=stories.shares(topics),
        interest=stories.shares(interest),
        truth=ids[truth[row]].tolist(),
      )
    )
  return out


def _topics_of(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  queries: Queries,
  row: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """A query's behaviours, their topics and u, in or after each session.

  Paper: Eq (2) for u, at the end of every session up to n_f; Fig. 4 shows
    topics over time.

  Returns:
    [n_f] counts, [n_f, K] shares and [n_f, K] interests.
  """
  asked = queries.take(np.array([row]))
  done, behaviours = int(asked.session[0]), asked.behaviours
  session = _session(asked, behaviours) - 1
  topics = topic_report.session_shares(
    asked.topics[behaviours.item], session, session_count=done
  )
  interest = interests.user_interests(
    behaviours,
    asked.topics,
    np.zeros(done, np.int64),
    asked.clock.borders[1 : done + 1],
    norm=config.interest.norm,
    **settings.decay(config, prepared),
  )
  return np.bincount(session, minlength=done), topics, interest


def _session(queries: Queries, events: Histories) -> np.ndarray:
  """[n] the session of each known event; before the first one counts as it."""
  return np.maximum(queries.clock.of(events.time), 1)


def _truth(queries: Queries, later: Histories) -> list[np.ndarray]:
  """Each query's different videos of later, less what may be in no list."""
  forbidden, where = queries.forbidden_videos()
  truth = []
  for row in range(queries.count):
    videos = list(dict.fromkeys(later.items_of(row).tolist()))
    known = set(forbidden[row, where[row]].tolist())
    truth.append(np.array([v for v in videos if v not in known], np.int64))
  return truth
