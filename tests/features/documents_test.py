"""The text of a video, field by field."""

import numpy as np
import pytest

from dynrec_jax.data import records
from dynrec_jax.features import documents


def catalogue():
  column = records.object_array
  count = 4
  return records.Videos(
    id=column(['a', 'b', 'c', 'd']),
    title=column(['Jaws', '', 'Élan', ' ']),
    description=column(['A shark. ', 'No title', '', '']),
    tags=column([('sea', 'great white'), (), ('dance',), ()]),
    categories=column([('Horror',), ('Drama', 'War'), (), ()]),
    upload_time=np.full(count, records.MISSING_TIME),
    view_count=np.full(count, records.MISSING_COUNT),
    visual=np.zeros((count, 0), np.float32),
    has_visual=np.zeros(count, bool),
  )


def test_title_description_and_tags_by_default():
  got = documents.video_documents(catalogue())
  want = ['Jaws\nA shark.\nsea, great white', 'No title', 'Élan\ndance', '']
  assert got == want


def test_the_fields_and_their_order_are_the_callers():
  got = documents.video_documents(catalogue(), ('categories', 'title'))
  assert got == ['Horror\nJaws', 'Drama, War', 'Élan', '']


def test_has_words():
  got = documents.has_words(['x', '', ' \n\t', 'a b'])
  assert got.dtype == bool
  np.testing.assert_array_equal(got, [True, False, False, True])


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    (('title', 'plot'), "'plot' is unknown.*title, description, tags, cat"),
    ((), 'one or more different ones of title'),
    (('title', 'title'), 'one or more different ones of title'),
    ('title', "'t' is unknown"),
  ],
)
def test_bad_fields_are_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    documents.video_documents(catalogue(), fields)
