"""Notes of a copy, and what a join says of itself."""

from dynrec_jax.data import joins
from dynrec_jax.sources import notes


def test_joins_are_told_and_those_of_hardly_any_id_are_warned_of():
  found = notes.no_notes()
  found.add_join(joins.join('users', 'a', ['x', 'y'], 'b', ['x']))
  found.add_join(joins.join('users', 'a', ['11'], 'b', ['11.0']))
  assert found.told == ['a and b: 1 users in both, 1 only in a, 0 only in b']
  (line,) = found.warned
  assert line.endswith(
    ": hardly any. a has '11', b '11.0'; right: the same ids, spelled alike"
  )


def test_stored_notes_are_logged_as_new_ones_are(caplog):
  caplog.set_level('INFO')
  found = notes.Notes(['told'], ['warned'])
  for of in (found, found._asdict(), {}):
    notes.log(of)
  lines = [(r.levelname, r.getMessage()) for r in caplog.records]
  assert lines == [('INFO', 'told'), ('WARNING', 'warned')] * 2
