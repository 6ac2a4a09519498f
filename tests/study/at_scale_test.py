"""What of a config decides the records, and what it must say."""

import sys

import pytest
import worlds

from dynrec_jax.study import at_scale, check

SETTINGS = {
  'data.name': 'files',
  'data.manual_dir': 'in',
  'data.prepared_dir': 'set',
  'mode': 'prepare_at_scale',
  'sessions.start': '2023-01-01',
  'sessions.end': '2024-01-01',
}


def rules(**changes):
  return at_scale.rules_of(worlds.tiny_config(SETTINGS, **changes))


def test_rules_hold_what_the_filters_read():
  found = rules()
  assert (found.start, found.end) == (worlds.START, worlds.START + 365 * 86_400)
  assert len(found.borders) == 13
  assert found[1:] == (None, 0, 11, 3, 'single_pass', False, (), ())
  by_time = rules(split__by='time', split__cut=6)
  assert by_time.cut == worlds.CUT
  assert by_time.new_videos == ('description',)
  visual = rules(data__require_visual=True, text__fields=('title', 'tags'))
  assert visual.text_fields == ('tags', 'title')


@pytest.mark.parametrize(
  'changes',
  [
    {'filter__min_videos_per_user': 5},
    {'filter__min_users_per_video': 5},
    {'filter__min_tweets_per_user': 5},
    {'filter__mode': 'fixpoint'},
    {'sessions__L': 6},
    {'sessions__end': '2023-12-01'},
    {'split__by': 'time'},
    {'data__require_visual': True},
  ],
)
def test_whatever_changes_the_records_changes_the_rules(changes):
  assert rules(**changes) != rules()


def test_nothing_else_does():
  others = {
    'seed': 5,
    'model__D_h': 9,
    'split__cut': 4,
    'text__fields': ('title',),
    'scenario': 'cross',
    'data__range_rows': 5,
  }
  assert rules(**others) == rules()


@pytest.mark.parametrize(
  ('changes', 'told'),
  [
    ({'data__prepared_dir': ''}, "data.prepared_dir is ''; mode=prepare_at"),
    ({'data__columns': 'user=uid'}, "data.columns is 'user=uid' and data.prep"),
    ({'data__manual_dir': ''}, "data.manual_dir is ''; mode=prepare_at_scale"),
    ({'data__name': 'movietweetings'}, 'data.name movietweetings; right there'),
    (
      {
        'visual__encoder': 'efficientnet_lite0',
        'visual__folder': '.',
        'data__require_visual': True,
      },
      'visual.encoder is efficientnet_lite0, and what it finds',
    ),
    ({'data__range_rows': 0}, 'data.range_rows is 0'),
  ],
)
def test_a_config_that_cannot_be_is_refused(changes, told):
  with pytest.raises(ValueError, match=told):
    check.check_config(worlds.tiny_config(SETTINGS, **changes))


def test_without_beam_the_extra_is_named(monkeypatch):
  monkeypatch.setitem(sys.modules, 'apache_beam', None)
  monkeypatch.setattr(at_scale.importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(ImportError, match=r'pip install .dynrec_jax\[beam\]'):
    at_scale.prepare_at_scale(worlds.tiny_config(SETTINGS))


def test_without_a_span_the_key_is_named():
  with pytest.raises(ValueError, match=r"sessions.start is ''"):
    rules(sessions__start='')
