import numpy as np
import pytest

from dynrec_jax.sources import text_tables
from dynrec_jax.sources.text_tables import Form


def read(path, form, wanted):
  """(first row, values by column) of each piece."""
  return [
    (piece.first_row, {n: c.to_pylist() for n, c in piece.columns.items()})
    for piece in text_tables.pieces(path, form, wanted)
  ]


@pytest.mark.parametrize('size', [7, 8, 9, 64, 1 << 20])
def test_long_delimiters_are_found_wherever_a_read_ends(
  tmp_path, monkeypatch, size
):
  """Single letters of them are values; the border may cut one."""
  rng = np.random.default_rng(3)
  rows = [
    [f'{x}:' * (x % 3) + 'a' for x in rng.integers(9, size=3)]
    for _ in range(40)
  ]
  path = tmp_path / 'a.dat'
  path.write_text(''.join('::'.join(row) + '\n' for row in rows))
  rows = [line.split('::') for line in path.read_text().splitlines()]
  monkeypatch.setattr(text_tables, 'BLOCK_BYTES', max(size, 40))
  form = Form('::', names=('x', 'y', 'z'), is_quoted=False)
  found = read(path, form, ['z', 'x'])
  assert [v for _, c in found for v in c['x']] == [row[0] for row in rows]
  assert [v for _, c in found for v in c['z']] == [row[2] for row in rows]
  counts = [len(c['x']) for _, c in found]
  assert [first for first, _ in found] == (
    np.cumsum([1, *counts[:-1]]).tolist()
  )


@pytest.mark.parametrize('count', [1, 2, 3, 5, 8, 100])
def test_delimiters_survive_reads_of_a_few_bytes(tmp_path, count):
  """Runs of their letter, too, and one at the very end."""
  path = tmp_path / 'a.dat'
  path.write_bytes(b'a::b:c:::d::::\n' * 3 + b'e:')
  with text_tables.pa.OSFile(str(path)) as file:
    stream = text_tables._single_letters(file, '::')
    found = b''
    while len(found) < 3 * 11 + 2:
      found += stream.read(count)
    assert not stream.read(count)
  assert found == b'a\x1fb:c\x1f:d\x1f\x1f\n' * 3 + b'e:'


def test_only_what_is_wanted_is_read(tmp_path):
  path = tmp_path / 'a.csv'
  path.write_text('\ufeffa,b,"c ""x"""\r\n1,,"2, 3"\r\n\r\n4,y,""')
  assert text_tables.heading(path, Form()) == ['a', 'b', 'c "x"']
  found = read(path, Form(), ['c "x"', 'a', 'a'])
  assert found == [(1, {'c "x"': ['2, 3', ''], 'a': ['1', '4']})]


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    (b'', 'a.csv: found no heading'),
    (b'a,a,b\n', "found 2 columns 'a'; right: one"),
    (b'a,c\n1,2\n', r"no column 'b' \(columns: a, c\); right: a, b"),
    (b'a,b\n1,2\n1\n', "row 2: found 1 values in '1'; right: 2, with ','"),
    (b'a,b\n1,2\n1,2,3\n', 'row 2: found 3 values'),
    (b'a,b\n1,\xff\n', r"line 2: found the bytes b'\\xff'; right: UTF-8"),
    ('a,b\n1,2\n'.encode('utf-16'), 'a.csv'),
  ],
)
def test_damages_are_named(tmp_path, content, message):
  path = tmp_path / 'a.csv'
  path.write_bytes(content)
  with pytest.raises(ValueError, match=message):
    read(path, Form(), ['a', 'b'])
