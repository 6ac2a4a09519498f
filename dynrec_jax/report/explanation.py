"""Why users are recommended what they are, as one HTML file.

The file needs nothing beside it, and a rule in it forbids the browser to ask
any server for anything. It has no script: every number is there as text.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dynrec_jax.report import page

# Parts of a score as a reader calls them.
LABELS = {
  'clock': 'the clock: what is watched now, or soon will be',
  'content': 'the history, by what the video is about',
  'history': 'the history',
  'list': 'the videos above it in the list',
  'video': 'the video itself, whoever asks',
}


class SessionEvents(NamedTuple):
  """What a user did in a session.

  Attributes:
    name: of the session, with its dates.
    events: a line each, oldest first.
  """

  name: str
  events: Sequence[str]


class Reason(NamedTuple):
  """An event without which the video would score otherwise.

  Attributes:
    event: as the history has it.
    change: of the score (a log of odds), with it against without it.
  """

  event: str
  change: float


class ListedVideo(NamedTuple):
  """A video of a list.

  Attributes:
    id: its own.
    title: '' where it has none.
    about: a line, such as its categories; '' where nothing is known.
    score: log P of Eq (8).
    parts: name, a key of LABELS, -> how much more it gives this video than the
      mean over the catalogue; together with the mean they are the score.
    reasons: the events that speak most for it, the strongest first.
  """

  id: str
  title: str
  about: str
  score: float
  parts: Mapping[str, float]
  reasons: Sequence[Reason]


class Explanation(NamedTuple):
  """A user, and the list that was made.

  Attributes:
    user: own id.
    until: when what is known ends.
    sessions: with something in them, oldest first.
    earlier: events that are not shown, before those that are.
    topics: (words, share) of the interest u, the largest first.
    videos: the list.
  """

  user: str
  until: str
  sessions: Sequence[SessionEvents]
  earlier: int
  topics: Sequence[tuple[str, float]]
  videos: Sequence[ListedVideo]


def render(
  title: str,
  subtitle: str,
  explanations: Sequence[Explanation],
  notes: Sequence[str] = (),
) -> str:
  """The page.

  Args:
    title: of the page.
    subtitle: a line below it, such as data and network.
    explanations: a section each.
    notes: lines to be read first, such as that data are simulated.

  Raises:
    ValueError: a part that LABELS does not name.
  """
  for of in explanations:
    for video in of.videos:
      if unknown := video.parts.keys() - LABELS.keys():
        raise ValueError(
          f'video {video.id!r} has the part {min(unknown)!r}; valid are '
          f'{", ".join(LABELS)}'
        )
  return page.template('explanation.html.j2').render(
    title=title,
    subtitle=subtitle,
    notes=notes,
    explanations=[(of, _widest(of)) for of in explanations],
    labels=LABELS,
  )


def _widest(of: Explanation) -> float:
  """The largest part of a list, which fills its bar's half; 1 of none."""
  sizes = [abs(x) for video in of.videos for x in video.parts.values()]
  return max(sizes, default=0) or 1.0
