"""Errors of lower layers, told with the config's keys."""

import json
import re

import pytest
import worlds

from dynrec_jax.study import cross_validate, prepare
from dynrec_jax.study.naming import naming


@pytest.mark.parametrize(
  ('text', 'told'),
  [
    ('width is (3,); right: 4', 'features.blocks is (3,); right: 4'),
    ('Lower width or height=2', 'Lower features.blocks or topics.high=2'),
    # Not an argument: part of a name, a path, a key, or quoted.
    ('line_width of /width/a, x.width', 'line_width of /width/a, x.width'),
    ("found 'width'", "found 'width'"),
  ],
)
def test_an_argument_is_told_as_its_key(text, told):
  with (
    pytest.raises(ValueError, match=f'^{re.escape(told)}$'),
    naming(width='features.blocks', height='topics.high'),
  ):
    raise ValueError(text)


def test_the_error_keeps_its_type_and_others_pass():
  with (
    pytest.raises(json.JSONDecodeError, match='Expecting value'),
    naming(width='features.blocks'),
  ):
    json.loads('')
  with pytest.raises(KeyError, match='width'), naming(width='features.blocks'):
    raise KeyError('width')


def test_it_is_a_decorator_too():
  @naming(width='features.blocks')
  def double(width):
    if width < 0:
      raise ValueError(f'width is {width}')
    return 2 * width

  for _ in range(2):
    assert double(2) == 4
    with pytest.raises(ValueError, match=r'^features\.blocks is -1$'):
      double(-1)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    (
      {'features.visual_blocks': (3,)},
      r'^features\.visual_blocks is \(3,\), 3 in all; the features have \d+ ',
    ),
    (
      {'filter.min_videos_per_user': 99},
      r'\. Lower filter\.min_videos_per_user or filter\.min_users_per_video$',
    ),
    (
      {'data.manual_dir': '/no/such'},
      r"^data\.manual_dir: found '/no/such'; right: the folder that holds ",
    ),
    (
      worlds.CROSS | {'topics.least_tweets': 10_000},
      r'lower topics\.least_tweets or bring more tweets$',
    ),
  ],
)
def test_what_the_data_cannot_bear_is_told_with_its_key(
  changes, message, tiny_settings, tmp_path
):
  folder = worlds.write_tweets(worlds.write_folder(tmp_path / 'folder'))
  settings = tiny_settings | {'data.manual_dir': str(folder)} | changes
  with pytest.raises(ValueError, match=message):
    prepare.prepare(worlds.tiny_config(settings))


def test_texts_that_teach_nothing_are_told_with_the_encoder(
  tiny_settings, tmp_path
):
  """Of kim_cnn, whose videos here share no label."""
  settings = tiny_settings | {'text.encoder': 'kim_cnn', 'text.label': 'tags'}
  with pytest.raises(
    ValueError, match=r'right: .* or another text\.encoder, as tfidf'
  ):
    prepare.prepare(worlds.tiny_config(settings))


def test_folds_without_anyone_to_stop_the_training(tiny_settings, study):
  """Enough of all train users for one, and of a fold's for none."""
  config = worlds.tiny_config(tiny_settings, seed=1, train__val_frac=0.02)
  message = r'^train\.val_frac of 36 users is nobody; raise it$'
  with pytest.raises(ValueError, match=message):
    cross_validate.make_folds(config, study.prepared)
