"""The page of reasons: every number in it, and nothing beyond it."""

import re

import pytest

from dynrec_jax.report import explanation
from dynrec_jax.report.explanation import (
  Explanation,
  ListedVideo,
  Reason,
  SessionEvents,
)

HOSTILE = '<script>alert(1)</script>"\'&'


def video(text='A film', **changes):
  of = ListedVideo(
    id=text,
    title=text,
    about=text,
    score=-4.25,
    parts={'clock': 1.5, 'history': -0.5},
    reasons=[Reason(text, 0.75)],
  )
  return of._replace(**changes)


def page(text='ann', videos=None, **changes):
  of = Explanation(
    user=text,
    until='2013-06-01 00:00',
    sessions=[SessionEvents(text, [text])],
    earlier=0,
    topics=[(text, 0.625)],
    videos=[video(text)] if videos is None else videos,
  )
  return explanation.render(text, text, [of._replace(**changes)], [text])


def test_a_score_is_the_mean_and_its_parts():
  text = ' '.join(re.sub('<[^>]*>', '', page()).split())
  assert 'score -4.25 = -5.25 (a video of mean score) +1.00' in text
  assert '+1.50' in text
  assert '-0.50' in text
  assert 'A film' not in text
  assert '62 %' in text
  assert '+0.75' in text


def test_bars_are_of_the_largest_part():
  found = re.findall(r'class="(for|against)" style="width: ([0-9.]+)%"', page())
  assert found == [('for', '50.00'), ('against', '16.67')]


def test_what_people_write_is_text():
  text = page(HOSTILE)
  assert '<script' not in text
  assert text.count('&lt;script&gt;') > 8


def test_nothing_is_fetched_and_nothing_runs():
  text = page()
  assert "default-src 'none'; style-src 'unsafe-inline'" in text
  assert not re.search(r'(src|href)="(?!#|data:)', text)
  assert '<script' not in text


def test_what_there_is_not_is_said():
  text = page(videos=[], sessions=[], topics=[], earlier=1234)
  assert 'No video is left that is new to this user.' in text
  assert 'Nothing is known of it.' in text
  assert '1,234 earlier ones are not shown.' in text
  assert 'Because of' not in page(videos=[video(reasons=[])])
  assert 'width: 0.00%' in page(videos=[video(parts={'clock': 0.0})])


def test_a_part_without_a_label_is_an_error():
  with pytest.raises(ValueError, match="'x' has the part 'luck'; valid are"):
    page(videos=[video('x', parts={'luck': 1.0})])


def test_users_are_found_by_links_where_there_are_several():
  of = Explanation('ann', '', [], 0, [], [])
  text = explanation.render('t', '', [of, of._replace(user='bob')])
  assert '<a href="#user-2">bob</a>' in text
  assert 'id="user-2">User bob' in text
  assert '<nav' not in explanation.render('t', '', [of])
