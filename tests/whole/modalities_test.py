"""Catalogues of ids alone, with images, with texts; and very small ones."""

import numpy as np
import pytest
import worlds

from dynrec_jax.study import methods, prepare, topics
from dynrec_jax.study.train_and_evaluate import train_and_evaluate

IDS = 'id\n' + ''.join(f'v{video}\n' for video in range(worlds.VIDEOS))
KINDS = ('ids', 'images', 'texts')


def settings_of(root, kind):
  """A study of the tiny folder, less a modality or both."""
  folder = worlds.write_folder(root / 'in')
  if kind != 'texts':
    (folder / 'videos.csv').write_text(IDS)
  if kind != 'images':
    (folder / 'visual.npz').unlink()
  return worlds.tiny_settings(folder, root)


def warnings_of(caplog):
  return [r.getMessage() for r in caplog.records if r.levelname == 'WARNING']


@pytest.mark.parametrize('encoder', ['tfidf_svd', 'kim_cnn'])
def test_a_catalogue_of_ids_has_zero_halves_and_no_topics(
  tmp_path, caplog, encoder
):
  settings = settings_of(tmp_path, 'ids')
  config = worlds.tiny_config(settings, text__encoder=encoder)
  found = prepare.prepare(config)
  assert found.features.text.shape == (worlds.VIDEOS, 9)
  for half in found.features:
    assert not half.any()
  assert found.behaviours.topics.shape == (worlds.VIDEOS, 4)
  assert not found.behaviours.topics.any()
  of_text, of_topics = warnings_of(caplog)
  assert of_text.startswith('features: none of the 40 ')
  assert of_text.endswith(
    'read are text.fields=title,description,tags; the text half is zero'
  )
  assert of_topics.startswith('topics: none of the 40 documents has a word')
  assert 'topics.yt=text_lda' in of_topics


@pytest.mark.slow
def test_images_alone_make_topics(tmp_path, caplog):
  found = prepare.prepare(worlds.tiny_config(settings_of(tmp_path, 'images')))
  has = found.features.has_visual
  np.testing.assert_array_equal(found.behaviours.topics.any(axis=1), has)
  assert not found.features.text.any()
  assert 'topics: of visual words' in warnings_of(caplog)[-1]


def test_no_number_of_topics_is_chosen_without_words(tmp_path):
  config = worlds.tiny_config(
    settings_of(tmp_path, 'ids'), mode='choose_topics', topics__counts=(2, 3)
  )
  message = r'none of the 40 .*; read are text\.fields=title,description,tags$'
  with pytest.raises(ValueError, match=message):
    topics.choose_topics(config)


SMALL = {
  'filter.min_videos_per_user': 1,
  'filter.min_users_per_video': 1,
}


def small_settings(root, count):
  """Thirty users who watch every one of a few videos."""
  settings = settings_of(root, 'texts') | SMALL
  folder = root / 'in'
  titles = ''.join(f'v{video},word{video}\n' for video in range(count))
  (folder / 'videos.csv').write_text(f'id,title\n{titles}')
  rows = [
    (user, video, worlds.START + worlds.DAY * (5 + 300 * video // count + user))
    for user in range(30)
    for video in range(count)
  ]
  worlds_rows = ''.join(f'u{user},v{video},{t}\n' for user, video, t in rows)
  (folder / 'watches.csv').write_text(f'user,video,time\n{worlds_rows}')
  return settings


def test_one_video_is_told_to_be_too_few(tmp_path):
  message = (
    r'users with >= 2 watches left: 0 users.*\. Right: users with 2 watches or '
    r'more of different videos'
  )
  with pytest.raises(ValueError, match=message):
    prepare.prepare(worlds.tiny_config(small_settings(tmp_path, 1)))


@pytest.mark.parametrize('form', ['text_lda', 'mm_lda'])
def test_two_videos_are_prepared(tmp_path, caplog, form):
  settings = small_settings(tmp_path, 2) | {'mode': 'prepare'}
  config = worlds.tiny_config(settings, topics__yt=form)
  found = prepare.prepare(config)
  assert len(found.records.videos.id) == 2
  assert all('\n' not in line for line in warnings_of(caplog))
  assert not any('max_df' in line for line in warnings_of(caplog))


@pytest.mark.slow
@pytest.mark.parametrize('network', ['dynamic', 'plus'])
@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_of_catalogue_works_to_the_end(tmp_path, kind, network):
  settings = settings_of(tmp_path, kind) | {'train.max_epochs': 2}
  if network == 'plus':
    settings |= dict(methods.PLUS) | {'train.max_epochs': 2}
  config = worlds.tiny_config(settings)
  prepared = prepare.prepare(config)
  text = train_and_evaluate(config, prepared, lambda step: False)
  rows = [line for line in text.splitlines() if 'dynrec (' in line]
  assert len(rows) >= 2
  assert 'nan' not in text
  assert 'not run' not in text
