"""Lists for many users, made by all hosts: each makes those of its share."""

import numpy as np

from dynrec_jax.parallel import hosts
from dynrec_jax.recommender import CannotFit, Lists, Queries, Recommender


def by_all_hosts(recommend: Recommender) -> Recommender:
  """The same lists, of which every host makes a part and gets all.

  Args:
    recommend: gives a query the list that it gets alone, and is the same on all
      hosts.

  Returns:
    The recommender, which all hosts must ask the same.

  Raises:
    CannotFit: when it is asked, on all hosts if on any.
  """

  def ask(queries: Queries, k: int) -> Lists:
    own = np.array_split(np.arange(queries.count), hosts.count())[hosts.index()]
    with hosts.all_or_none(CannotFit):
      lists = recommend(queries.take(own), k)
    scores = lists.scores
    return Lists(
      hosts.gather_rows(lists.ids),
      None if scores is None else hosts.gather_rows(scores),
    )

  return recommend if hosts.count() == 1 else ask
