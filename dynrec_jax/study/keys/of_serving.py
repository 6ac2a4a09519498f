"""Keys of what was trained in others' hands: an export, and a server."""

from dynrec_jax.study.keys.declared import (
  Key,
  Of,
  Path,
  Real,
  Switch,
  Text,
  Whole,
)

SECTIONS = {
  'export': '`mode=export`: a folder that needs neither package nor data',
  'serve': '`mode=serve`: lists by HTTP',
}

KEYS = {
  'export.folder': Key(
    '',
    Path('a folder', made='folder'),
    Of.NOTHING,
    "`''` is export in the workdir; an older export there is replaced",
  ),
  'serve.folder': Key(
    '',
    Path('a folder of `mode=export`'),
    Of.NOTHING,
    'what is served, to new users alone, without data or checkpoint; '
    "`''` is the checkpoint of the workdir",
  ),
  'serve.host': Key(
    '127.0.0.1',
    Text('an address or a name of this machine', may_be_empty=False),
    Of.NOTHING,
    'where requests are taken; the default takes none from outside; the server '
    'knows no passwords, so put a proxy that does before another one',
  ),
  'serve.port': Key(
    8080, Whole(0, 65_535), Of.NOTHING, '0 is any free one, which is told'
  ),
  'serve.wait_ms': Key(
    2.0,
    Real(0, 1000),
    Of.NOTHING,
    'how long a request waits for others, whose lists are made with its own',
    unit='milliseconds',
  ),
  'serve.timeout_secs': Key(
    10.0,
    Real(0.01, 3600),
    Of.NOTHING,
    'longest that reading a request, or answering it, may take',
    unit='seconds',
  ),
  'serve.drain_secs': Key(
    30,
    Whole(1, 3600),
    Of.NOTHING,
    'longest that a stop waits for requests that are being answered',
    unit='seconds',
  ),
  'serve.max_body_bytes': Key(
    1 << 20, Whole(1024, 1 << 30), Of.NOTHING, 'of a request', unit='bytes'
  ),
  'serve.max_events': Key(
    10_000,
    Whole(1, 10_000_000),
    Of.NOTHING,
    'of a history in a request',
    unit='watches or tweets',
  ),
  'serve.max_waiting': Key(
    1024,
    Whole(1, 1_000_000),
    Of.NOTHING,
    'being answered at once; more are sent away with 503',
    unit='requests',
  ),
  'serve.new_videos': Key(
    True,
    Switch(),
    Of.NOTHING,
    'of `plus`: videos may be added while it serves; the start takes the time '
    'of a forecast',
    decision=49,
  ),
}
