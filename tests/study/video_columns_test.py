"""Columns of what videos are about, of a tiny study."""

import numpy as np
import plus_worlds
import pytest
import worlds
from numpy.testing import assert_allclose, assert_array_equal

from dynrec_jax.data.records import MISSING_TIME
from dynrec_jax.study import video_columns

pytestmark = pytest.mark.usefixtures('quick_compile')
V = worlds.VIDEOS


def test_contents_are_kinds_ages_and_components(tiny_settings):
  users = plus_worlds.plus_study(tiny_settings)
  prepared = users.prepared
  found = video_columns.content_columns(prepared)
  assert_array_equal(found[:, :4], np.repeat(np.eye(4), 10, axis=0))
  upload = prepared.records.videos.upload_time
  unknown = upload == MISSING_TIME
  assert not found[unknown, 4:13].any()
  assert_allclose(found[~unknown, 4:13].sum(axis=1), 1, rtol=1e-6)
  # Sessions at the year's end since a video came out on the year's first day.
  prepared = prepared._replace(
    records=prepared.records._replace(
      videos=prepared.records.videos._replace(
        upload_time=np.full(V, worlds.START)
      )
    )
  )
  ages = video_columns.content_columns(prepared)[:, 4:13]
  assert_allclose(ages[:, 3], 1, atol=0.05)  # 12 sessions
  # Texts have nine numbers and images twelve; no text is alike.
  components = found[:, 13:]
  assert components.shape[1] == 2 * 16
  for columns, has, least, most in (
    (components[:, :16], prepared.features.has_text, 1, 9),
    (components[:, 16:], prepared.features.has_visual, 12, 12),
  ):
    count = int(columns.any(axis=0).sum())
    assert least <= count <= most
    assert_allclose(columns[has, :count].std(axis=0), 0.3, rtol=1e-4)
    assert not columns[:, count:].any()
    assert not columns[~has].any()


def test_components_are_learned_of_known_videos(tmp_path):
  """A video that nobody watched before the cut moves no other's columns."""
  folder = worlds.write_folder(tmp_path / 'folder', worlds.cut_watches())
  settings = worlds.tiny_settings(folder, tmp_path) | worlds.BY_TIME
  prepared = plus_worlds.plus_study(settings).prepared
  known, features = prepared.known_videos, prepared.features
  new = np.flatnonzero(~known & features.has_visual & features.has_text)
  assert len(new)
  visual, text = features.visual.copy(), features.text.copy()
  visual[new], text[new] = -3 * visual[new] + 1, 5 * text[new] - 2
  edited = prepared._replace(
    features=features._replace(visual=visual, text=text)
  )
  one, two = (video_columns.content_columns(x) for x in (prepared, edited))
  assert_array_equal(one[known], two[known])
  assert not np.array_equal(one[new], two[new])


def test_the_size_is_told_without_the_columns(tiny_settings):
  study = plus_worlds.plus_study(tiny_settings)
  found = video_columns.content_columns(study.prepared)
  assert found.shape == (V, video_columns.content_size(study.prepared))
