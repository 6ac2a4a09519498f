"""Keys of how a run is spread over devices; no score depends on them."""

from dynrec_jax.study.keys.declared import Key, Of, OneOf

SECTIONS = {'parallel': 'Devices'}

# Networks whose arrays with a row per video are those of `network.OF_VIDEOS`.
CUT_NETWORKS = ('dynamic', 'rnn', 'rnn_sem', 'static_dnn')

KEYS = {
  'parallel.catalogue': Key(
    'replicated',
    OneOf(('replicated', 'sharded')),
    Of.NOTHING,
    'where the softmax weights, what the optimiser keeps of them, the features '
    'and the tables of lists lie: all on every device, or cut over them by '
    'videos, for a catalogue that does not fit on one; of the networks '
    f'{", ".join(f"`{name}`" for name in CUT_NETWORKS)}',
    decision=46,
  ),
}
