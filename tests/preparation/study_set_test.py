"""A shard may go where its format alone cannot write."""

import beam_there
import pytest
from array_record.python import array_record_module

from dynrec_jax.preparation import study_set

pytestmark = beam_there.needs_beam


@pytest.mark.parametrize('start', ['shelf://', '{tmp_path}/'])
def test_a_shard_is_written_anywhere(start, tmp_path, monkeypatch):
  import shelf

  monkeypatch.setattr(shelf, 'ROOT', tmp_path)
  part = study_set.StudyPart(data_dir=tmp_path / 'data', config='users')
  (tmp_path / 'set').mkdir()
  path = start.format(tmp_path=tmp_path) + 'set/shard'
  examples = [(key, f'example {key}'.encode()) for key in range(5)]
  part._example_writer().write(path, iter(examples))
  reader = array_record_module.ArrayRecordReader(
    str(tmp_path / 'set' / 'shard')
  )
  assert reader.read_all() == [example for _, example in examples]
  assert [file.name for file in (tmp_path / 'set').iterdir()] == ['shard']


def test_no_set_is_told_by_the_folder(tmp_path):
  with pytest.raises(ValueError, match=r'prepared_dir is .* no set\.json'):
    study_set.facts_of(str(tmp_path))
  (tmp_path / 'set.json').write_text('{')
  with pytest.raises(ValueError, match=r'set\.json: damaged'):
    study_set.facts_of(str(tmp_path))
