"""KuaiRec (Gao et al. 2022), versions 1 and 2, by its documented columns.

big_matrix.csv               user_id, video_id, timestamp in seconds,
                             watch_ratio; a video played to its end counts as
                             a watch. small_matrix.csv where it lies alone
item_categories.csv          optional: video_id, feat (`[27, 9]`)
kuairec_caption_category.csv optional: captions, topic tags, names of
                             categories
item_daily_features.csv      optional: upload_dt
user_features.csv            optional: degrees and ranges, as the profile

Rows without a time are left out. So are rows of the captions that line breaks
within a caption have torn; both are counted and told.
"""

import csv
import io
import pathlib
from collections.abc import Iterator, Mapping

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import text_tables, text_values, watched
from dynrec_jax.sources.asked import Asked
from dynrec_jax.sources.layouts import catalogue, kuai_users, layout_files, log
from dynrec_jax.sources.layouts.layout import Layout, Paths
from dynrec_jax.sources.notes import Notes
from dynrec_jax.sources.text_tables import Form

WATCHED = 'watch_ratio>=1'
_COLUMNS = log.LogColumns(
  'user_id', 'video_id', 'timestamp', may_lack_time=True
)
_TABLES = {
  'videos': 'item_categories.csv',
  'captions': 'kuairec_caption_category.csv',
  'days': 'item_daily_features.csv',
  'profiles': 'user_features.csv',
}
_LEVELS = ('first', 'second', 'third')
_CAPTIONS = (
  *('video_id', 'manual_cover_text', 'caption', 'topic_tag'),
  *(f'{level}_level_category_name' for level in _LEVELS),
)
_UNKNOWN = ('', 'UNKNOWN')


def _folder_paths(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  folder = layout_files.home(folder, 'big_matrix.csv', 'small_matrix.csv')
  matrix = 'big_matrix.csv'
  if not (folder / matrix).is_file():
    matrix = 'small_matrix.csv'
  right = 'the folder of KuaiRec with its big_matrix.csv or small_matrix.csv'
  paths = {'watches': layout_files.one(folder, [matrix], right)}
  for name, of in _TABLES.items():
    layout_files.add_if_one(paths, name, folder, [of])
  return paths


def _ids(paths: Paths, asked: Asked) -> list[str] | None:
  del asked  # one layout
  ids: dict[str, None] = {}
  if 'videos' in paths:
    ids |= dict.fromkeys(catalogue.column(paths['videos'], Form(), 'video_id'))
  if 'captions' in paths:
    whole, _ = _captions(paths['captions'])
    ids |= dict.fromkeys(row['video_id'] for row in whole)
  return list(ids) or None


def _videos(
  paths: Paths, asked: Asked, row_of: Mapping[str, int], odd: Notes
) -> records_lib.Videos:
  del asked
  videos = catalogue.blank(row_of)
  if 'videos' in paths:
    found = catalogue.rows(
      paths['videos'], Form(), 'video_id', ['feat'], row_of
    )
    for piece, row in found:
      lists = catalogue.numbered(piece, 'feat')
      videos.categories[row] = records_lib.object_array(lists)
  if 'captions' in paths:
    _add_captions(paths['captions'], videos, row_of, odd)
  if 'days' in paths:
    wanted = ['upload_dt']
    found = catalogue.rows(paths['days'], Form(), 'video_id', wanted, row_of)
    for piece, row in found:  # a row for each day that a video was shown on
      times = text_values.days(piece, 'upload_dt')
      listed = row >= 0
      videos.upload_time[row[listed]] = times[listed]
  return videos


def _add_captions(path: pathlib.Path, videos, row_of, odd: Notes) -> None:
  """Texts, tags and names of categories; tells what was left out."""
  whole, torn = _captions(path)
  if torn:
    odd.told.append(
      f'{path.name}: {len(torn):,} lines are torn by line breaks within a '
      f'caption: left out, the first is line {torn[0]}'
    )
  for line in whole:
    row = row_of[line['video_id']]
    videos.title[row] = _known(line['caption'])
    videos.description[row] = _known(line['manual_cover_text'])
    videos.tags[row] = _listed(line['topic_tag'])
    names = (line[f'{level}_level_category_name'] for level in _LEVELS)
    videos.categories[row] = tuple(filter(None, map(_known, names)))


def _captions(path: pathlib.Path) -> tuple[list[dict[str, str]], list[int]]:
  """The whole rows, and the numbers of the lines of all others.

  Raises:
    ValueError: a missing column, or a video twice.
  """
  # A few captions of the published file are cut within a letter.
  text = path.read_bytes().decode('utf-8-sig', 'replace')
  names = text_tables.heading(path, Form())
  text_tables.require(path, names, *_CAPTIONS)
  reader = csv.reader(io.StringIO(text, newline=''))
  next(reader)
  whole, torn = [], []
  for values in filter(None, reader):
    row = dict(zip(names, values, strict=False))
    if len(values) == len(names) and row['video_id'].isdecimal():
      whole.append(row)
    else:
      torn.append(reader.line_num)
  catalogue.refuse_repeats(path, 'video_id', [row['video_id'] for row in whole])
  if not whole:
    raise ValueError(f'{path}: found no whole row; right: one per video')
  return whole, torn


def _known(text: str) -> str:
  """A text that says something."""
  return '' if text.strip() in _UNKNOWN else text.strip()


def _listed(text: str) -> tuple[str, ...]:
  """The tags of `[one,two]`."""
  inner = text.strip().removeprefix('[').removesuffix(']')
  return tuple(filter(None, map(_known, inner.split(','))))


def _log(paths: Paths, asked: Asked, odd: Notes) -> Iterator[log.Rows]:
  condition = watched.parse(asked.watched or WATCHED)
  return log.rows(paths['watches'], Form(), _COLUMNS, condition, odd)


def _profiles(paths: Paths, asked: Asked) -> dict[str, str]:
  del asked
  return kuai_users.profiles(paths.get('profiles'))


LAYOUT = Layout(_folder_paths, _ids, _videos, _log, _profiles)
