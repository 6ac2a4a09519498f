"""Random lists: the floor every method must clear."""

import numpy as np

from dynrec_jax.recommender import Lists, Queries, Recommender, Seen


def fit(seen: Seen) -> Recommender:
  """Recommends k videos uniformly, none twice.

  Paper: Table 1, row Random.

  Args:
    seen: its size of the catalogue and its seed, which with a query's user and
      session fixes the query's list.

  Returns:
    The recommender; it has no scores.
  """
  video_count, seed = seen.video_count, seen.seed

  def recommend(queries: Queries, k: int) -> Lists:
    ids = np.full((queries.count, k), -1, np.int32)
    known, where = queries.forbidden_videos()
    asked = zip(queries.users, queries.session, strict=True)
    for place, (user, session) in enumerate(asked):
      rng = np.random.default_rng((seed, user, session))
      allowed = np.setdiff1d(np.arange(video_count), known[place, where[place]])
      count = min(k, len(allowed))
      ids[place, :count] = rng.choice(allowed, size=count, replace=False)
    return Lists(ids, None)

  return recommend
