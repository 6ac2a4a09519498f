"""The metrics by hand, by loop, and against the paper's printed tables."""

import math

import jax
import numpy as np
from absl.testing import absltest, parameterized

from dynrec_jax import metrics

# The paper's Tables 1 and 2: precision, recall and F at 5.
PRINTED = {
  'long/Random': (0.0007, 0.0005, 0.0006),
  'long/Popularity': (0.0015, 0.0035, 0.0021),
  'long/LFM': (0.0039, 0.0053, 0.0045),
  'long/KNN': (0.0174, 0.0271, 0.0212),
  'long/FPMC': (0.0216, 0.0357, 0.0269),
  'long/Ours': (0.0296, 0.0399, 0.0340),
  'short/Random': (0.0019, 0.0009, 0.0012),
  'short/Popularity': (0.0046, 0.0019, 0.0027),
  'short/LFM': (0.0028, 0.0023, 0.0025),
  'short/KNN': (0.0169, 0.0133, 0.0149),
  'short/FPMC': (0.0235, 0.0134, 0.0170),
  'short/Ours': (0.0350, 0.0259, 0.0298),
  'cross/Popularity': (0.0015, 0.0021, 0.0018),
  'cross/MKNN': (0.0050, 0.0039, 0.0043),
  'cross/CB': (0.0132, 0.0111, 0.0120),
  'cross/SCA': (0.0174, 0.0128, 0.0147),
  'cross/Ours': (0.0261, 0.0189, 0.0219),
}
ONE_UNIT_LOW = {'short/FPMC', 'cross/MKNN', 'cross/CB'}

# Row by row: two hits out of three watched; an id in the padding; a repeated
# recommendation and a repeated watch; nothing watched; no recommendation.
RECOMMENDED = np.array(
  [[3, 7, 1, 9], [0, 5, 6, 2], [4, 4, 4, 8], [1, 2, 3, 4], [-1, -1, 2, -1]]
)
RELEVANT = np.array([[9, 3, 2], [1, 0, 0], [4, 4, 7], [1, 2, 3], [-1, 2, 5]])
WHERE = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1]], bool)


def precision_of(recommended, relevant, where=None):
  """Of lists, by way of their hits."""
  hits = metrics.hit_count(recommended, relevant, where=where)
  return metrics.precision_at_k(hits, k=recommended.shape[1])


def recall_of(recommended, relevant, where=None):
  """Of lists, by way of their hits and the truth's size."""
  hits = metrics.hit_count(recommended, relevant, where=where)
  return metrics.recall_at_k(
    hits, metrics.relevant_count(relevant, where=where)
  )


class ByHandTest(parameterized.TestCase):
  def test_precision(self):
    got = precision_of(RECOMMENDED, RELEVANT, where=WHERE)
    np.testing.assert_allclose(got, [2 / 4, 0, 1 / 4, 0, 1 / 4], rtol=1e-6)

  def test_recall(self):
    got = recall_of(RECOMMENDED, RELEVANT, where=WHERE)
    # The last ground truth names -1 as a video: it counts, and is not hit.
    np.testing.assert_allclose(got, [2 / 3, 0, 1 / 2, 0, 1 / 3], rtol=1e-6)

  def test_no_mask_counts_all(self):
    every = np.ones_like(WHERE)
    for score in (precision_of, recall_of):
      np.testing.assert_array_equal(
        score(RECOMMENDED, RELEVANT),
        score(RECOMMENDED, RELEVANT, where=every),
      )
    got = precision_of(RECOMMENDED, RELEVANT)
    np.testing.assert_allclose(got, [2 / 4, 1 / 4, 1 / 4, 3 / 4, 1 / 4])

  def test_no_slots_at_all(self):
    none = np.zeros((5, 0), int)
    np.testing.assert_array_equal(precision_of(RECOMMENDED, none), 0)
    np.testing.assert_array_equal(recall_of(RECOMMENDED, none), 0)

  @parameterized.parameters(
    (0.5, 0.25, 1 / 3), (0.0, 0.0, 0.0), (1, 1, 1.0), (0.3, 0.0, 0.0)
  )
  def test_f_score(self, precision, recall, want):
    got = metrics.f_score(precision, recall)
    np.testing.assert_allclose(got, want, rtol=1e-6)

  def test_f_score_of_arrays(self):
    got = metrics.f_score(np.array([0.5, 0.0]), np.array([0.25, 0.0]))
    np.testing.assert_allclose(got, [1 / 3, 0], rtol=1e-6)

  def test_mean_f_is_not_the_f_of_means(self):
    precision, recall = np.array([0.5, 0.0, 0.9]), np.array([0.25, 0.0, 0.9])
    where = np.array([True, True, False])
    got = metrics.mean_f(precision, recall, where=where)
    np.testing.assert_allclose(got, 1 / 6, rtol=1e-6)
    precision, recall = np.array([0.2, 0.4]), np.array([1.0, 0.1])
    got = metrics.mean_f(precision, recall)
    np.testing.assert_allclose(got, (0.4 / 1.2 + 0.08 / 0.5) / 2, rtol=1e-6)
    self.assertLess(got, metrics.f_score(0.3, 0.55))

  def test_mean_f_of_nobody_is_zero(self):
    got = metrics.mean_f(np.ones(2), np.ones(2), where=np.zeros(2, bool))
    self.assertEqual(got, 0)


class AgainstLoopTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    rng = np.random.default_rng(0)
    self.recommended = rng.integers(-1, 12, size=(40, 5))
    self.relevant = rng.integers(0, 12, size=(40, 7))
    self.where = rng.random((40, 7)) < 0.5
    self.where[3] = False

  def sets(self):
    for row, truth, where in zip(
      self.recommended, self.relevant, self.where, strict=True
    ):
      truth = {int(v) for v, w in zip(truth, where, strict=True) if w}
      yield {int(v) for v in row if v >= 0} & truth, truth

  def test_equals_sets(self):
    hits = [len(hit) for hit, _ in self.sets()]
    sizes = [len(truth) for _, truth in self.sets()]
    self.assertGreater(max(hits), 1)
    self.assertIn(0, sizes)
    args = (self.recommended, self.relevant)
    np.testing.assert_array_equal(
      metrics.hit_count(*args, where=self.where), hits
    )
    np.testing.assert_array_equal(
      metrics.relevant_count(self.relevant, where=self.where), sizes
    )
    np.testing.assert_allclose(
      precision_of(*args, where=self.where),
      np.array(hits) / 5,
      rtol=1e-6,
    )
    np.testing.assert_allclose(
      recall_of(*args, where=self.where),
      [h / s if s else 0 for h, s in zip(hits, sizes, strict=True)],
      rtol=1e-6,
    )

  @parameterized.parameters(precision_of, recall_of)
  def test_jit_equals_eager(self, score):
    np.testing.assert_allclose(
      jax.jit(score)(self.recommended, self.relevant, where=self.where),
      score(self.recommended, self.relevant, where=self.where),
      rtol=1e-6,
    )

  @parameterized.parameters(precision_of, recall_of)
  def test_order_and_padding_do_not_matter(self, score):
    want = score(self.recommended, self.relevant, where=self.where)
    got = score(
      self.recommended[:, ::-1].copy(),
      np.where(self.where, self.relevant, 0)[:, ::-1].copy(),
      where=self.where[:, ::-1].copy(),
    )
    np.testing.assert_array_equal(got, want)


class ChanceTest(parameterized.TestCase):
  def test_random_lists(self):
    # k of V videos at random: E[precision] = |G| / V, E[recall] = k / V.
    user_count, video_count, k = 20_000, 50, 5
    rng = np.random.default_rng(7)
    lists = rng.random((user_count, video_count)).argsort(axis=1)[:, :k]
    truth = rng.random((user_count, video_count)).argsort(axis=1)[:, :8]
    size = rng.integers(1, 9, size=user_count)
    where = np.arange(8) < size[:, None]
    precision = precision_of(lists, truth, where=where)
    recall = recall_of(lists, truth, where=where)
    for got, want in (
      (precision, size.mean() / video_count),
      (recall, k / video_count),
    ):
      error = float(np.std(got)) / math.sqrt(user_count)
      self.assertLess(abs(float(np.mean(got)) - want), 3 * error)
      self.assertLess(error, 0.03 * want)


class PrintedTableTest(parameterized.TestCase):
  @parameterized.named_parameters(
    (name, name, *cells) for name, cells in PRINTED.items()
  )
  def test_f_rule(self, name, precision, recall, printed):
    got = float(metrics.f_score(precision, recall))
    low = float(metrics.f_score(precision - 5e-5, recall - 5e-5))
    high = float(metrics.f_score(precision + 5e-5, recall + 5e-5))
    # Some P and R that print as these give an F that prints as that.
    self.assertLess(low, printed + 5e-5)
    self.assertGreater(high, printed - 5e-5)
    unit = 1e-4 if name in ONE_UNIT_LOW else 0
    # P = .0015, R = .0021 gives .00175, a tie that was rounded up.
    self.assertAlmostEqual(got, printed + unit, delta=5e-5 + 1e-9)


if __name__ == '__main__':
  absltest.main()
