"""Keys of the network `plus`, beyond the paper."""

from dynrec_jax.data import video_facts
from dynrec_jax.models import plus, watch_bag
from dynrec_jax.study.keys.declared import Key, Of, OneOf, Real, Switch, Whole

SECTIONS = {'plus': 'The network `plus`'}

KEYS = {
  'plus.members': Key(
    4,
    Whole(1, 64),
    Of.MODEL,
    'trained side by side and folded into one to serve',
    unit='networks',
    decision=42,
    young=True,
  ),
  'plus.hidden': Key(
    32,
    Whole(1, 10_000),
    Of.MODEL,
    'of each member',
    unit='units',
    young=True,
    decision=42,
  ),
  'plus.content': Key(
    'half',
    OneOf(plus.CONTENT),
    Of.MODEL,
    "which members read and write videos' content beside their ids",
    decision=42,
    young=True,
  ),
  'plus.calendar': Key(
    'counts',
    OneOf(video_facts.CALENDARS),
    Of.MODEL,
    'how often videos are watched after a border: by all train users, or by '
    'those to whom they are still new (where one date cuts the log or watches '
    'are hidden, always by all)',
    decision=42,
    young=True,
  ),
  'plus.mean': Key(
    'all',
    OneOf(watch_bag.MEANS),
    Of.MODEL,
    "which train samples' mean is taken off a history: of all, or of those at "
    'the same border (where one date cuts the log, always of all)',
    decision=42,
    young=True,
  ),
  'plus.interest': Key(
    False,
    Switch(),
    Of.MODEL,
    'the interest u is read beside the watches; where these are hidden it '
    'always is',
    decision=42,
    young=True,
  ),
  'plus.input_dropout': Key(
    0.3,
    Real(0, 0.99),
    Of.TRAINING,
    'that a step leaves out',
    unit='of the watches',
    decision=42,
    young=True,
  ),
  'plus.dropout': Key(
    0.3,
    Real(0, 0.99),
    Of.TRAINING,
    'that a step leaves out',
    unit='of the hidden units',
    decision=42,
    young=True,
  ),
  'plus.row_dropout': Key(
    0.5,
    Real(0, 0.99),
    Of.TRAINING,
    "of videos' free parts, beside which their content must make sense",
    unit='of the videos',
    decision=42,
    young=True,
  ),
  'plus.ahead': Key(
    2,
    Whole(1, 999),
    Of.MODEL,
    'that lists made at the end of the span are for',
    unit='sessions',
    decision=42,
    young=True,
  ),
}
