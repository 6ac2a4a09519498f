"""Content of new videos by what was fitted, and of old ones as it was."""

import numpy as np
import pytest
import worlds

from dynrec_jax.data import filters, video_facts
from dynrec_jax.study import content, grown_content, prepare, text_content
from dynrec_jax.study.kept import Growth, Kept

pytestmark = pytest.mark.usefixtures('quick_compile')


def part_of(study, gone):
  """The tiny study without some videos, and its texts."""
  records = study.prepared.records
  watches = records.watches
  rows = ~np.isin(watches.video, gone)
  left = type(watches)(*(column[rows] for column in watches))
  keep = np.setdiff1d(np.arange(worlds.VIDEOS), gone)
  texts = [study.prepared.video_texts[row] for row in keep]
  return filters.compact(records, left, keep), texts, keep


@pytest.mark.parametrize(
  'settings',
  [
    {},
    pytest.param({'model.network': 'plus'}, marks=pytest.mark.slow),
    pytest.param({'topics.yt': 'mm_lda'}, marks=pytest.mark.slow),
    pytest.param(
      {'text.encoder': 'kim_cnn', 'text.fields': ('title', 'categories')},
      marks=pytest.mark.slow,
    ),
  ],
)
def test_old_ones_are_as_they_were_and_new_ones_alike(
  settings, study, tiny_settings
):
  config = worlds.tiny_config(tiny_settings | settings)
  records, texts, known = part_of(study, [4, 22])
  features = content.video_features(records, texts, (), config)
  topics = content.video_topics(records, texts, features, config)
  videos = grown_content.keep(records, texts, features, config, topics.topics)
  videos = videos._replace(top_words=topics.top_words)
  before = prepare.summarise(records, features, config)
  kept = Kept(0, 0, '', before, videos, None)
  growth = Growth(kept, 0, True)
  whole = study.prepared.records
  of_all = study.prepared.video_texts
  fitted = []
  with pytest.MonkeyPatch.context() as patch:
    for module, name in (
      (text_content, 'tfidf_svd'),
      (text_content.text_cnn, 'encode_texts'),
      (content, 'text_lda'),
      (content, 'multimodal_lda'),
    ):
      patch.setattr(module, name, lambda *of, **more: fitted.append(of))
    found = grown_content.video_features(whole, of_all, (), config, growth)
    own = grown_content.video_topics(whole, of_all, found, config, growth)
  assert not fitted
  for now, then in zip(found, features, strict=True):
    np.testing.assert_array_equal(now[known], then)
  np.testing.assert_array_equal(own.topics[known], topics.topics)
  np.testing.assert_array_equal(own.top_words, topics.top_words)
  # The new ones have words of their taste: so they lie near to others of it.
  near = found.text @ found.text[4]
  taste = np.arange(worlds.VIDEOS) // 10
  assert near[(taste == 0) & (np.arange(40) != 4)].max() > 0.7
  np.testing.assert_allclose(own.topics[[4, 22]].sum(axis=1), 1, rtol=1e-5)
  # A text that is one of the old videos' has its feature.
  read = text_content.read_texts(records, texts, config)
  again, has_text = text_content.encode_by(videos.text_model, read, config)
  np.testing.assert_allclose(again, features.text, atol=1e-5)
  np.testing.assert_array_equal(has_text, features.has_text)
  if 'model.network' in settings:
    names = grown_content.categories_of(growth)
    assert names == video_facts.category_names(
      records.videos.categories, np.ones(38, bool)
    )
    text, visual = grown_content.components_of(growth)
    assert text.maps.shape[0] == 9
    assert visual.maps.shape[0] == 12


def test_without_words_nothing_is_known_of_a_text(study, tiny_settings):
  config = worlds.tiny_config(tiny_settings)
  text, has_text = text_content.encode_by({}, ['apple', ''], config)
  assert text.shape == (2, 9)
  assert not has_text.any()
  assert not text.any()
