"""Features and topics by the config: what is read, what is stored."""

import types

import numpy as np
import pytest
import worlds

from dynrec_jax.features import (
  documents,
  text_cnn,
  visual_encoder,
  word_vectors,
)
from dynrec_jax.study import (
  content,
  filtered,
  places,
  prepare,
  text_content,
)
from dynrec_jax.topics import count_blocks


class Calls:
  """What the text CNN was asked for, in place of training one."""

  def __init__(self, monkeypatch):
    self.seen = []
    monkeypatch.setattr(text_cnn, 'encode_texts', self.encode)

  def encode(self, documents, labels, vectors, **settings):
    self.seen.append((documents, labels, vectors, settings))
    features = np.arange(len(documents) * settings['size'], dtype=np.float32)
    has_text = np.array([bool(text) for text in documents])
    return text_cnn.TextFeatures(
      features.reshape(len(documents), -1),
      has_text,
      (),
      0,
      0,
      0,
      1,
      1,
      Letters({}, vectors, 400, 1.0),
    )


class Letters(text_cnn.CnnEncoder):
  """An encoder of other texts: the number of letters, three times."""

  def encode(self, texts):
    rows = np.array([[len(text)] * 3 for text in texts], np.float32)
    return rows.reshape(-1, 3), np.ones(len(texts), bool)


@pytest.fixture
def calls(monkeypatch):
  return Calls(monkeypatch)


@pytest.fixture
def make_config(tmp_path):
  folder = worlds.write_folder(tmp_path / 'folder')

  def make(**changes):
    settings = worlds.tiny_settings(folder, tmp_path)
    settings['data.cache_dir'] = str(tmp_path / 'content')
    settings['text.fields'] = ('title', 'categories')
    return worlds.tiny_config(
      settings, **{'text__encoder': 'kim_cnn'} | changes
    )

  return make


def vectors_file(tmp_path, number=0.5):
  path = tmp_path / 'vectors.txt'
  words = [word for row in worlds.WORDS for word in row]
  lines = [f'{word} {i} {number}' for i, word in enumerate(words)]
  path.write_text('\n'.join(lines) + '\n')
  return str(path)


def test_the_text_cnn_does_not_read_its_labels(make_config, calls):
  config = make_config()
  prepared = prepare.prepare(config)
  ((documents, labels, vectors, settings),) = calls.seen
  videos = prepared.records.videos
  assert documents == [title.strip() for title in videos.title]
  assert labels == list(videos.categories)
  assert settings == {'size': 9, 'seed': 0}
  assert vectors.vectors.shape[1] == 6  # trained here
  no_text = [f'v{v}' for v in worlds.NO_TEXT]
  np.testing.assert_array_equal(
    prepared.features.has_text, ~np.isin(list(videos.id), no_text)
  )


def test_the_label_may_be_tags(make_config, calls):
  config = make_config(text__label='tags')
  records = prepare.prepare(make_config(text__encoder='tfidf_svd')).records
  videos = records.videos
  records = records._replace(videos=videos._replace(tags=videos.categories))
  content.video_features(records, [], (), config)
  ((documents, labels, _, _),) = calls.seen
  assert documents[0] == f'{videos.title[0]}\n{videos.categories[0][0]}'
  assert labels == list(videos.categories)


def test_what_was_computed_is_not_computed_again(make_config, calls, tmp_path):
  first = prepare.prepare(make_config()).features
  again = prepare.prepare(make_config()).features
  assert len(calls.seen) == 1
  np.testing.assert_array_equal(first.text, again.text)
  for count, changes in enumerate(
    (
      {'text__size': 12},
      {'seed': 4},
      {'text__word_size': 5},
      {'text__word_vectors': vectors_file(tmp_path)},
    ),
    2,
  ):
    prepare.prepare(make_config(**changes))
    assert len(calls.seen) == count
  prepare.prepare(make_config(text__word_vectors=vectors_file(tmp_path)))
  assert len(calls.seen) == 5
  # The same name with other numbers is another input.
  path = vectors_file(tmp_path, number=0.25)
  prepare.prepare(make_config(text__word_vectors=path))
  assert len(calls.seen) == 6
  assert calls.seen[-1][2].vectors[3].tolist() == [3, 0.25]


def test_tweets_are_encoded_by_what_the_videos_were(make_config, calls):
  """Fitted to the videos' texts alone, scaled alike, and stored."""
  config = make_config(features__l2=False)
  prepared = prepare.prepare(config)

  def encode(tweets, config=config):
    return text_content.encode_tweets(
      prepared.records, prepared.video_texts, tweets, config
    )

  found = encode(['four', 'seventy'])
  assert found.tolist() == [[4, 4, 4], [7, 7, 7]]
  assert calls.seen[0][:2] == calls.seen[1][:2]  # no tweet among them
  assert len(calls.seen) == 2
  np.testing.assert_array_equal(encode(['four', 'seventy']), found)
  assert len(calls.seen) == 2  # from the disk
  encode(['other'])
  assert len(calls.seen) == 3
  scaled = encode(['four', 'seventy'], make_config(features__l2=True))
  np.testing.assert_allclose(scaled, 3**-0.5, rtol=1e-6)


def test_a_tweet_of_a_video_s_words_has_the_video_s_feature(make_config):
  config = make_config(text__encoder='tfidf_svd')
  prepared = prepare.prepare(config)
  found = text_content.encode_tweets(
    prepared.records,
    prepared.video_texts,
    [prepared.video_texts[5], 'unheard'],
    config,
  )
  want = prepared.features.text[5]
  np.testing.assert_allclose(found[0], want, atol=1e-5)
  np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 0], rtol=1e-5)


@pytest.mark.parametrize('early', [True, False])
def test_video_files_are_encoded_and_scaled_by_block(
  make_config, tmp_path, monkeypatch, early
):
  """The features replace the source's; unreadable files have none."""
  seen = {}

  def load_encoder(name, **settings):
    seen.update(settings, name=name)
    net = types.SimpleNamespace
    parts = [net(net=net(feature_size=size)) for size in (2, 1)]
    return visual_encoder.Encoder(name, tuple(parts))

  def encode(paths, encoder, **settings):
    seen.update(settings, paths=paths)
    has = np.array([path is not None for path in paths])
    rows = np.outer(has, [3, 4, 5]).astype(np.float32)
    return visual_encoder.Encoded(rows, has, [])

  monkeypatch.setattr(visual_encoder, 'load_encoder', load_encoder)
  monkeypatch.setattr(visual_encoder, 'encode_videos', encode)
  videos = tmp_path / 'videos'
  videos.mkdir()
  unread = (5, 6, 20)
  for video in set(range(worlds.VIDEOS)) - set(unread):
    (videos / f'v{video}.mp4').write_bytes(b'film')
  config = make_config(
    text__encoder='tfidf_svd',
    visual__encoder='vgg19_c3d',
    visual__folder=str(videos),
    visual__c3d_weights='c3d.pickle',
    data__require_visual=early,
    filter__min_videos_per_user=1,
    filter__min_users_per_video=1,
  )
  prepared = prepare.prepare(config)
  assert seen['name'] == 'vgg19_c3d'
  assert (seen['c3d_weights'], seen['vgg19_weights']) == ('c3d.pickle', None)
  has = prepared.features.has_visual
  names = prepared.records.videos.id
  if early:
    assert len(names) == worlds.VIDEOS - 3
    assert has.all()
  else:
    assert set(names[~has]) == {f'v{v}' for v in unread}
  rows = prepared.features.visual[has]
  np.testing.assert_allclose(
    rows, np.tile([0.6, 0.8, 1], (len(rows), 1)), rtol=1e-6
  )


def test_word_vectors_of_a_file_are_not_trained(
  make_config, calls, tmp_path, monkeypatch
):
  monkeypatch.setattr(word_vectors, 'train_word_vectors', None)
  prepare.prepare(make_config(text__word_vectors=vectors_file(tmp_path)))
  ((_, _, vectors, _),) = calls.seen
  assert vectors.vectors.shape == (20, 2)


@pytest.mark.parametrize('early', [True, False])
def test_without_visual_features_the_same_videos_are_studied(
  make_config, early
):
  changes = {'text__encoder': 'tfidf_svd', 'data__require_visual': early}
  given = prepare.prepare(make_config(**changes))
  blind = prepare.prepare(make_config(visual__encoder='none', **changes))
  assert given.features.has_visual.any()
  assert list(blind.records.videos.id) == list(given.records.videos.id)
  assert not blind.features.has_visual.any()
  assert not blind.features.visual.any()
  np.testing.assert_array_equal(blind.features.text, given.features.text)


def test_without_visual_features_topics_are_of_the_text(make_config):
  """mm-LDA without visual words is LDA: it learns nothing of the images."""
  changes = {'text__encoder': 'tfidf_svd', 'topics__yt': 'mm_lda'}
  config = make_config(visual__encoder='none', **changes)
  blind = prepare.prepare(config)
  assert (
    content.visual_words(blind.records.videos.id, blind.features, config).shape[
      1
    ]
    == 0
  )
  given = prepare.prepare(make_config(**changes))
  assert np.abs(blind.behaviours.topics - given.behaviours.topics).max() > 0.01
  # Other images change nothing.
  videos = blind.records.videos
  other = videos._replace(visual=videos.visual[::-1])
  records = blind.records._replace(videos=other)
  texts = documents.video_documents(videos, config.text.fields)
  features = content.video_features(records, texts, (), config)
  again = content.video_topics(records, texts, features, config)
  np.testing.assert_array_equal(again.topics, blind.behaviours.topics)


def test_text_features_of_a_file(make_config, tmp_path):
  """By id; the file may hold videos that the filters removed."""
  path = tmp_path / 'text.npz'
  ids = ['elsewhere', 'v5', 'v0']
  np.savez(path, id=ids, feature=np.array([[9, 9], [3, 4], [0, 2]], np.float32))
  config = make_config(text__encoder='given', text__features=str(path))
  prepared = prepare.prepare(config)
  names = list(prepared.records.videos.id)
  features = prepared.features
  assert np.array(names)[features.has_text].tolist() == ['v0', 'v5']
  np.testing.assert_allclose(features.text[names.index('v5')], [0.6, 0.8])
  np.testing.assert_allclose(features.text[names.index('v0')], [0, 1])
  assert not features.text[names.index('v1')].any()


def test_google_news_vectors_are_used_where_they_are(
  make_config, tmp_path, monkeypatch
):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'user'))
  config = make_config(text__word_vectors='googlenews')
  assert text_content.word_vectors_file(config) == ''
  name = 'GoogleNews-vectors-negative300.bin'
  in_cache = places.word_vectors_dir(config) / f'{name}.gz'
  in_cache.parent.mkdir(parents=True)
  in_cache.write_bytes(b'')
  assert text_content.word_vectors_file(config) == str(in_cache)
  beside = tmp_path / 'folder' / name
  beside.write_bytes(b'')
  assert text_content.word_vectors_file(config) == str(beside)
  # Of several the whole is taken, not a cut.
  (tmp_path / 'folder' / 'GoogleNews-vectors-negative300-SLIM.bin').touch()
  assert text_content.word_vectors_file(config) == str(beside)
  beside.rename(f'{beside}.gz')
  assert text_content.word_vectors_file(config) == f'{beside}.gz'
  config.text.word_vectors = '/my/vectors.txt'
  assert text_content.word_vectors_file(config) == '/my/vectors.txt'


@pytest.mark.slow
@pytest.mark.parametrize('frames_each', [1, 3])
def test_topics_read_the_frames_of_video_files(
  make_config, tmp_path, monkeypatch, frames_each
):
  """A word per frame; stills have one vector each, which is cut in slices."""
  seen = {}
  net = types.SimpleNamespace

  def load_encoder(name, **settings):
    return visual_encoder.Encoder(name, (net(net=net(feature_size=8)),))

  def rows_of(paths):
    return np.array([int(path.stem[1:]) for path in paths if path])

  def encode(paths, encoder, *, cache_dir, keep_frames):
    seen['kept'] = keep_frames
    rows = np.tile(np.cos(rows_of(paths))[:, None], 8) + np.arange(8)
    has = np.ones(len(paths), bool)
    return visual_encoder.Encoded(rows.astype(np.float32), has, [])

  def frame_features(paths, encoder, *, cache_dir):
    seen['asked'] = seen.get('asked', 0) + 1
    video = np.repeat(np.arange(len(paths)), frames_each)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(len(video), 8)).astype(np.float16)
    return visual_encoder.FrameFeatures(rows, video.astype(np.int32))

  monkeypatch.setattr(visual_encoder, 'load_encoder', load_encoder)
  monkeypatch.setattr(visual_encoder, 'encode_videos', encode)
  monkeypatch.setattr(visual_encoder, 'frame_features', frame_features)
  videos = tmp_path / 'videos'
  videos.mkdir()
  for video in range(worlds.VIDEOS):
    (videos / f'v{video}.mp4').write_bytes(b'film')
  changes = {
    'text__encoder': 'tfidf_svd',
    'visual__encoder': 'efficientnet_lite0',
    'visual__folder': str(videos),
    'topics__visual_slices': 2,
  }
  config = make_config(topics__yt='mm_lda', **changes)
  prepared = prepare.prepare(config)
  assert seen == {'kept': True, 'asked': 1}
  ids = prepared.records.videos.id
  words = content.visual_words(ids, prepared.features, config)
  each = np.asarray(words.sum(axis=1)).ravel()
  np.testing.assert_array_equal(each, 2 if frames_each == 1 else frames_each)
  prepare.prepare(config)
  assert seen['asked'] == 2  # topics are stored
  prepare.prepare(make_config(topics__yt='text_lda', **changes))
  assert seen == {'kept': False, 'asked': 2}


FITTED = [
  ('tfidf_svd', 'text_lda'),
  ('tfidf_svd', 'corr_lda'),
  ('kim_cnn', 'mm_lda'),
]


@pytest.fixture(params=FITTED, ids='-'.join)
def fitted(request, make_config, monkeypatch):
  """(features, topics) of other texts, labels and images of some videos."""
  monkeypatch.setattr(count_blocks, '_CLASS_ENDS', (1.0,))
  encoder, form = request.param
  config = make_config(text__encoder=encoder, topics__yt=form)
  plain = make_config(text__encoder='tfidf_svd', topics__yt='text_lda')
  records = filtered.study_records(plain).records

  def content_of(known_videos, change=()):
    videos = records.videos
    title, kinds = videos.title.copy(), videos.categories.copy()
    visual, words = videos.visual.copy(), worlds.WORDS[2]
    for row in change:
      title[row] = f'{words[row % 5]} {words[(row + 1) % 5]} unheard'
      kinds[row], visual[row] = ('maths', 'new'), visual[row] + 3
    videos = videos._replace(title=title, categories=kinds, visual=visual)
    changed = records._replace(videos=videos)
    texts = documents.video_documents(videos, config.text.fields)
    features = content.video_features(changed, texts, (), config, known_videos)
    found = content.video_topics(changed, texts, features, config, known_videos)
    return features, found

  return content_of


@pytest.mark.usefixtures('quick_compile')
def test_nothing_is_learned_from_videos_that_are_not_known(fitted):
  """Their own rows say what they are; nobody else's row is another."""
  known = np.arange(worlds.VIDEOS) % 10 < 7
  change = np.flatnonzero(~known)
  (one, one_topics), (two, two_topics) = (
    fitted(known, rows) for rows in ((), change)
  )
  for a, b in (
    (one.text, two.text),
    (one.visual, two.visual),
    (one_topics.topics, two_topics.topics),
  ):
    np.testing.assert_array_equal(a[known], b[known])
    assert np.abs(a[~known] - b[~known]).max() > 0.01
    assert np.all(np.abs(b[change[0]]).sum() > 0)
  np.testing.assert_array_equal(one_topics.top_words, two_topics.top_words)
  # What was stored is of these known videos, not of others.
  everything, all_topics = fitted(None)
  again, again_topics = fitted(np.ones(worlds.VIDEOS, bool))
  np.testing.assert_array_equal(everything.text, again.text)
  np.testing.assert_array_equal(all_topics.topics, again_topics.topics)
  assert np.abs(everything.text - one.text)[known].max() > 1e-4
  assert np.abs(all_topics.topics - one_topics.topics)[known].max() > 1e-4
