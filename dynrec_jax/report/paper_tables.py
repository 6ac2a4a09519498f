"""The paper's printed cells, and the rows in which ours stand beside them.

Everything that shows results is made from these rows: `measured` makes them of
a run, `method_grids`, `claims` and the figures read them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

K = 5  # length of the lists that the printed cells are of


class Cell(NamedTuple):
  """A number and its 95 % interval, of a bootstrap over users."""

  value: float
  low: float
  high: float


class Printed(NamedTuple):
  """The paper's cells of a method in a mode; None is not printed."""

  precision: float | None
  recall: float | None
  f: float


class MethodRow(NamedTuple):
  """A method in a mode, over all users of all splits that have a truth.

  Attributes:
    method: as results name it.
    label: as a reader calls it.
    precision: mean of the users' precision at k; None of one that did not run.
    recall: mean of the users' recall at k.
    f: F at k of these two means.
    printed: the paper's cells, None where there are none to stand beside.
    mark: `ABOVE`, `BELOW` or ''. Of the difference between this F and the
      highest F of all other rows of its table: whether its paired interval
      lies above 0, below 0, or neither.
    splits_sd: sample standard deviation over splits of precision, recall and
      F; None of a single split.
    why_skipped: what the data lack for the method; '' of one that ran.
  """

  method: str
  label: str
  precision: Cell | None
  recall: Cell | None
  f: Cell | None
  printed: Printed | None = None
  mark: str = ''
  splits_sd: tuple[float, float, float] | None = None
  why_skipped: str = ''


ABOVE, BELOW = 'above', 'below'


class ModeTable(NamedTuple):
  """All methods of a run in a mode.

  Attributes:
    mode: 'long', 'short' or 'cross'.
    k: length of the lists.
    rows: in the tables' order, those that did not run too.
    splits: how many.
    users: different users that have a truth in some split.
    cases: users with a truth, counted in every split they are tested in.
    without_truth: users without one, counted so; they are in no mean (A25).
    truth_mean: different videos that a case's user watched later.
    truth_median: of the same.
    truth_total: of the same.
    drawn_f: method -> [resamples] F in the bootstrap's draws of users, which
      are the same for all methods: differences of them are paired.
  """

  mode: str
  k: int
  rows: Sequence[MethodRow]
  splits: int
  users: int
  cases: int
  without_truth: int
  truth_mean: float
  truth_median: float
  truth_total: int
  drawn_f: Mapping[str, np.ndarray]

  def row(self, method: str) -> MethodRow | None:
    """A method's row; None if the run knows no such method."""
    return next((row for row in self.rows if row.method == method), None)


SEEN, NOT_SEEN = 'seen', 'not seen'
NOT_DECIDED, NOT_RUN = 'not decided', 'not run'


class Claim(NamedTuple):
  """What the paper says, and what we find.

  Attributes:
    text: the claim.
    printed: the difference as printed, from the paper's own cells; positive
      where they agree with the claim.
    difference: ours, positive as claimed; None if it was not run.
    verdict: `SEEN` if the interval lies above 0, `NOT_SEEN` if below,
      `NOT_DECIDED` if 0 is in it, `NOT_RUN` if a method is absent.
    source: where the paper says so.
    why: of one that was not run.
  """

  text: str
  printed: float
  difference: Cell | None
  verdict: str
  source: str
  why: str = ''


# Method -> what the paper's tables and Figure 3 call it.
ROW_NAMES: Mapping[str, str] = {
  'random': 'Random',
  'popularity': 'Popularity',
  'lfm': 'LFM',
  'item_knn': 'KNN',
  'fpmc': 'FPMC',
  'mknn': 'MKNN',
  'content_based': 'CB',
  'sca': 'SCA',
  'rnn': 'RNN',
  'rnn_sem': 'RNN-Sem',
  'rnn_norel': 'RNN-noRel',
  'static_dnn': 'Static-DNN',
  'model': 'Ours',
}

# Mode -> method -> cells, in the printed order.
TABLE_1: Mapping[str, Mapping[str, Printed]] = {
  'long': {
    'random': Printed(0.0007, 0.0005, 0.0006),
    'popularity': Printed(0.0015, 0.0035, 0.0021),
    'lfm': Printed(0.0039, 0.0053, 0.0045),
    'item_knn': Printed(0.0174, 0.0271, 0.0212),
    'fpmc': Printed(0.0216, 0.0357, 0.0269),
    'model': Printed(0.0296, 0.0399, 0.0340),
  },
  'short': {
    'random': Printed(0.0019, 0.0009, 0.0012),
    'popularity': Printed(0.0046, 0.0019, 0.0027),
    'lfm': Printed(0.0028, 0.0023, 0.0025),
    'item_knn': Printed(0.0169, 0.0133, 0.0149),
    'fpmc': Printed(0.0235, 0.0134, 0.0170),
    'model': Printed(0.0350, 0.0259, 0.0298),
  },
}
TABLE_2: Mapping[str, Mapping[str, Printed]] = {
  'cross': {
    'popularity': Printed(0.0015, 0.0021, 0.0018),
    'mknn': Printed(0.0050, 0.0039, 0.0043),
    'content_based': Printed(0.0132, 0.0111, 0.0120),
    'sca': Printed(0.0174, 0.0128, 0.0147),
    'model': Printed(0.0261, 0.0189, 0.0219),
  },
}
# F alone, and the long bars alone: the others exist only in the picture. That
# of RNN-noRel follows from the text, 23.6 % above RNN-Sem.
FIGURE_3: Mapping[str, Mapping[str, Printed]] = {
  'long': {
    'rnn': Printed(None, None, 0.0199),
    'rnn_sem': Printed(None, None, 0.0259),
    'rnn_norel': Printed(None, None, 0.0320),
    'static_dnn': Printed(None, None, 0.0242),
    'model': Printed(None, None, 0.0340),
  },
}


def printed_cells(mode: str, method: str) -> Printed | None:
  """What the paper prints of a method in a mode; None if nothing."""
  for table in (TABLE_1, TABLE_2, FIGURE_3):
    if method in table.get(mode, {}):
      return table[mode][method]
  return None
