"""The declarations of the config's keys, against what the config is."""

import math
import pathlib

import pytest
from config_lines import ROOT
from config_lines import keys as types_of

from configs import default
from dynrec_jax.study import config_page, keys
from dynrec_jax.study.keys import declared

# SPEC's decisions that are config keys: every value that must be there, the
# default first.
DECISIONS = {
  1: {'filter.mode': ('single_pass', 'fixpoint')},
  3: {
    'train.val_frac': (0.1,),
    'train.stop_by': ('f_score', 'likelihood'),
    'train.refit': (False, True),
    'cv.grid': ('full', 'coarse'),
  },
  4: {'sessions.L': (12, 52, 365)},
  5: {
    'seq.horizon': ('all_after', 'next_session', 'next_k'),
    'seq.max_target_len': (50,),
    'seq.max_bag': (2000,),
  },
  7: {'sem.negative': ('uniform', 'in_batch'), 'sem.n_neg': (1, 5)},
  8: {'interest.norm': ('sum_weights', 'count', 'l2')},
  9: {'interest.time_unit': ('session', 'month', 'week', 'day')},
  10: {
    'model.history_mode': ('topic_only', 'topic_then_history', 'session_chain')
  },
  12: {
    'rel.positive': ('topk10', 'threshold', 'all_pairs'),
    'rel.negative': ('zero_overlap', 'less_than_pos'),
    'rel.partners': ('drawn', 'in_batch'),
  },
  17: {
    'opt.preset': ('paper', 'practical'),
    'opt.name': ('preset', 'sgd', 'adam', 'adamw'),
    'opt.average': (0.0, 0.99),
  },
  18: {'loss.reduction': ('preset', 'sum', 'mean', 'full_sum')},
  20: {'features.l2': (True, False)},
  23: {'eval.mask_history': (True, False)},
  24: {'decode.method': ('greedy_seq', 'topk_first')},
  26: {'pop.source': ('train', 'view_count')},
  27: {'variants.cross_first': ('tweet_text', 'bos')},
  28: {
    'static.loss': ('softmax', 'logistic', 'bpr'),
    'static.n_neg': (5, 1),
  },
  29: {'static.keep_aux': (True, False)},
  30: {'model.embed_norm': ('everywhere', 'loss_only')},
  31: {'model.D_h': (300,)},
  32: {
    'model.gru_bias': (False, True),
    'model.softmax_bias': (False, True),
  },
  33: {
    'text.encoder': ('kim_cnn', 'tfidf_svd', 'given'),
    'text.fields': (('title', 'description', 'tags'), ('title',)),
    'text.label': ('categories', 'tags'),
  },
  34: {'visual.after_relu': (True, False)},
  35: {'topics.yt': ('mm_lda', 'corr_lda', 'text_lda')},
  37: {'sca.variant': ('joint_mf', 'topic_ridge')},
  38: {'split.seeds': (5,)},
  41: {
    'split.by': ('users', 'time'),
    'split.cut': (9,),
    'split.new_videos': (('description',), ('title', 'visual')),
    'split.valid_sessions': (0,),
  },
  42: {
    'seq.weight': ('watch', 'measure'),
    'loss.mask_known': (False, True),
    'plus.members': (4, 1),
    'plus.hidden': (32, 64),
    'plus.content': ('half', 'all', 'none'),
    'plus.calendar': ('counts', 'rates'),
    'plus.mean': ('all', 'border'),
    'plus.interest': (False, True),
    'plus.input_dropout': (0.3, 0.0),
    'plus.dropout': (0.3, 0.0),
    'plus.row_dropout': (0.5, 0.0),
    'plus.ahead': (2, 1),
  },
  43: {'topics.starts': (1, 0), 'topics.start_rounds': (3, 0)},
  45: {
    'data.columns': ('', 'user=uid,video=item_id,time=ts:ms'),
    'data.watched': ('', 'all', 'rating>=4'),
    'data.topics_date': ('', '2013-06-01'),
  },
  46: {'parallel.catalogue': ('replicated', 'sharded')},
  47: {
    'loss.coherence': ('softmax', 'sampled_softmax'),
    'loss.shared': (8192, 1),
    'loss.proposal': ('unigram', 'log_uniform', 'uniform'),
    'loss.in_batch': (True, False),
    'train.streamed': (False, True),
  },
  48: {
    'data.prepared_dir': ('', 'set'),
    'data.beam_options': ('', '--runner=FlinkRunner'),
    'data.range_rows': (1_000_000, 1),
  },
  49: {'serve.new_videos': (True, False)},
  50: {
    'updates.until': ('', '2014-06-02'),
    'updates.epochs': (2, 1),
    'updates.replay': (0.0, 1.0),
    'updates.rate': (0.3, 1.0),
  },
}
DECIDED = [
  (decision, name, values)
  for decision, found in DECISIONS.items()
  for name, values in found.items()
]


def test_the_config_is_what_is_declared():
  config = default.get_config()
  assert set(types_of(config)) == set(keys.KEYS)
  for name, key in keys.KEYS.items():
    assert keys.value(config, name) == key.default
    assert type(keys.value(config, name)) is type(key.default)


def test_every_section_has_a_title_and_a_key():
  assert list(keys.SECTIONS) == list(
    dict.fromkeys(map(keys.section, keys.KEYS))
  )


def test_the_parts_declare_nothing_twice():
  parts = (
    keys.of_data,
    keys.of_content,
    keys.of_model,
    keys.of_plus,
    keys.of_parallel,
    keys.of_use,
    keys.of_serving,
    keys.of_baselines,
  )
  assert sum(len(part.KEYS) for part in parts) == len(keys.KEYS)
  assert sum(len(part.SECTIONS) for part in parts) == len(keys.SECTIONS)


@pytest.mark.parametrize('name', keys.KEYS)
def test_every_default_is_valid(name):
  key = keys.KEYS[name]
  wrong = keys.fault(name, key, key.default)
  if name == 'data.name':  # a config file's to say
    assert wrong.startswith("data.name is ''; valid are simulated_year, ")
  else:
    assert wrong == ''


@pytest.mark.parametrize('name', keys.KEYS)
def test_values_are_of_the_default_s_type(name):
  """A whole number is declared as such, a switch as a switch."""
  key = keys.KEYS[name]
  kinds = {
    bool: declared.Switch,
    int: declared.Whole,
    float: declared.Real,
    str: declared.OneOf | declared.Text | declared.Path,
    tuple: (
      declared.SomeOf
      | declared.AnyOf
      | declared.WholeNumbers
      | declared.DifferentNumbers
      | declared.Texts
      | declared.Paths
    ),
  }
  assert isinstance(key.values, kinds[type(key.default)])


@pytest.mark.parametrize(('decision', 'name', 'values'), DECIDED)
def test_a_decision_is_a_key_with_its_readings(decision, name, values):
  key = keys.KEYS[name]
  assert key.decision == decision
  assert key.default == values[0]
  for value in values:
    assert keys.fault(name, key, value) == ''
  if isinstance(key.values, declared.OneOf):
    assert set(key.values.valid) == set(values)
    right = f'valid are {", ".join(key.values.valid)}'
    assert keys.fault(name, key, 'other') == f"{name} is 'other'; {right}"


def test_no_other_key_is_a_decision():
  decided = {n for n, key in keys.KEYS.items() if key.decision is not None}
  assert decided == {name for _, name, _ in DECIDED}


def test_what_is_tried_lies_in_the_other_key_s_range():
  tried = {n: key for n, key in keys.KEYS.items() if key.tries}
  assert set(tried) == {
    f'cv.{x}_weight' for x in ('semantic', 'interest', 'relevance')
  }
  for name, key in tried.items():
    assert key.tries == name.replace('cv.', 'loss.')
    assert key.values.each is keys.KEYS[key.tries].values


@pytest.mark.parametrize(
  ('values', 'default', 'value', 'message'),
  [
    (declared.Whole(2, 9), 3, 1, 'k is 1; it must lie in [2, 9]'),
    (declared.Whole(2), 3, 1, 'k is 1; it must lie in [2, inf]'),
    (
      declared.Whole(2, 9),
      3,
      math.nan,
      'k is nan; it must be a whole number in [2, 9]',
    ),
    (
      declared.Whole(0, 9),
      3,
      True,
      'k is True; it must be a whole number in [0, 9]',
    ),
    (declared.Real(0, 2), 0.5, math.nan, 'k is nan; it must lie in [0, 2]'),
    (declared.Real(0, 2), 0.5, True, 'k is True; it must lie in [0, 2]'),
    (declared.Real(0, 2), 0.5, '1', "k is '1'; it must lie in [0, 2]"),
    (declared.Switch(), True, 1, 'k is 1; valid are True, False'),
    (declared.Text('a file'), '', 1, 'k is 1; it must be text: a file'),
    (
      declared.Text('a file', may_be_empty=False),
      'x',
      '',
      "k is ''; it must be a file",
    ),
    (
      declared.SomeOf(('a', 'b')),
      ('a',),
      ('c', 'a'),
      "k is ('c', 'a'); valid are some of a, b",
    ),
    (
      declared.SomeOf(('a', 'b')),
      ('a',),
      'ab',
      "k is 'ab'; it must be a tuple",
    ),
    (
      declared.WholeNumbers(2),
      (2,),
      (),
      'k is (); it must be one or more whole numbers of 2 or more',
    ),
    (
      declared.WholeNumbers(1, may_be_empty=True),
      (),
      (4, -1),
      'k is (4, -1); it must be whole numbers of 1 or more',
    ),
    (
      declared.DifferentNumbers(declared.Real(0, 1)),
      (1,),
      (0.5, 0.5),
      'k is (0.5, 0.5); it must be one or more different numbers in [0, 1]',
    ),
  ],
)
def test_a_fault_tells_key_value_and_what_is_right(
  values, default, value, message
):
  key = keys.Key(default, values, keys.Of.NOTHING, 'for this test')
  assert keys.fault('k', key, value) == message
  assert keys.fault('k', key, default) == ''


def test_the_page_is_fresh():
  committed = (pathlib.Path(ROOT) / 'docs' / 'config.md').read_text()
  assert committed == config_page.page(), (
    'python -m dynrec_jax.study.config_page > docs/config.md'
  )


@pytest.mark.parametrize('name', keys.KEYS)
def test_the_page_has_a_row_per_key(name):
  (row,) = [x for x in config_page.page().splitlines() if f'| `{name}` |' in x]
  assert len(row.split(' | ')) == 6  # no cell breaks the table
