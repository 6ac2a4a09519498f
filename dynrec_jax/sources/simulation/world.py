"""What a simulated world is made of: one block of settings per mechanism.

Every mechanism has a `strength`: 1 is the default world, 0 knocks it out,
anything between or above gives a dose-response curve. Where it can, a
knock-out exchanges instead of deletes (another user's interest, a random
community's list), so that the counts of the data stay as they are. What was
changed, and why, is logged in `dynrec_jax.sources.simulation`.
"""

import dataclasses
import math
import re
from dataclasses import dataclass, replace

DAYS = 365  # 2013-06-01 .. 2014-06-01
START_TIME = 1370044800  # 2013-06-01 00:00 UTC, seconds
# Of the seeds 0 to 7 the one whose `paper` world is nearest to the paper's
# counts (1 %); the others' video counts lie within 7 % of them.
DEFAULT_SEED = 6


@dataclass(frozen=True, kw_only=True)
class Interest:
  """Users prefer videos of their own topics (0: of a random user's topics)."""

  strength: float = 1.0
  own_share: float = 0.9  # watches that follow the user's own interest
  list_share: float = 0.97  # monthly lists in their community's own taste
  spread: float = 4.2  # sd of log interest over topics


@dataclass(frozen=True, kw_only=True)
class Drift:
  """Interest moves: slowly and back, and by sudden switches (0: constant)."""

  strength: float = 1.0
  moving_share: float = 0.5  # of the variance of log interest
  switches_per_year: float = 3.0
  reversion_days: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Trends:
  """Videos and topics that are hot for a while (0: all evergreen)."""

  strength: float = 1.0
  trending_share: float = 0.4  # of the videos
  fade_days: tuple[float, float] = (7.0, 30.0)
  evergreen_days: float = 180.0  # a trending video's total, in evergreen days
  slow_days: float = 100.0  # age at which any other video draws half as much
  wave_count: int = 40  # topic waves in the year
  wave_height: float = 3.0  # in units of log interest
  wave_days: tuple[float, float] = (10.0, 40.0)


@dataclass(frozen=True, kw_only=True)
class Communities:
  """Groups with a common taste and exposure list (0: anyone's list)."""

  strength: float = 1.0
  count: int = 60
  centre_share: float = 0.5  # of the variance of base interest
  list_share: float = 0.5  # watches that come from some list
  own_share: float = 0.9  # of those, from the own community's list
  list_size: int = 16  # videos on one community's list of one month
  list_power: float = 1.0  # of attraction, when a list is made


@dataclass(frozen=True, kw_only=True)
class Affinity:
  """What was just watched pulls towards successor topics (0: no order)."""

  strength: float = 1.0
  share: float = 0.15  # watches off the lists that follow a successor topic
  successors: int = 2  # topics that follow a topic


@dataclass(frozen=True, kw_only=True)
class TopicMap:
  """Tweets speak of the author's video interest (0: of a random user's)."""

  strength: float = 1.0
  own_share: float = 0.8
  topics: int = 70  # tweet topics that video topics map to
  targets: int = 2  # tweet topics a video topic maps to
  lead_days: tuple[float, float] = (1.0, 7.0)  # tweets run ahead of watches
  anchored_share: float = 0.6  # of interest tweets, placed before a watch
  two_topic_share: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Chatter:
  """Tweets about topics that no video has (0: none)."""

  strength: float = 1.0
  share: float = 0.5
  topics: int = 25


@dataclass(frozen=True, kw_only=True)
class TextNoise:
  """Off-topic or missing text fields, typos, wrong categories (0: clean)."""

  strength: float = 1.0
  off_topic: float = 0.15  # per field
  missing: float = 0.15  # per field; a title ten times less often
  typo: float = 0.03  # per word
  wrong_category: float = 0.05


@dataclass(frozen=True, kw_only=True)
class VisualNoise:
  """Additive noise, misleading or absent pictures (0: clean)."""

  strength: float = 1.0
  noise: float = 0.7  # sd, in units of the signal's sd
  off_topic: float = 0.15
  missing: float = 0.03


@dataclass(frozen=True, kw_only=True)
class VisualSignal:
  """How much a picture depends on the topics (0: style and noise only)."""

  strength: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Population:
  """One market: users and the videos that are mostly theirs."""

  users: int
  videos: int
  twitter: bool
  activity_median: float  # watches a year
  activity_sigma: float  # of log activity
  quality_tail: float  # Pareto exponent; smaller is heavier
  quality_range: float  # best over worst; the Pareto law is cut there
  niche: float  # mean share of watches that popularity plays no part in
  obscure: float  # videos that hardly anyone comes across


@dataclass(frozen=True, kw_only=True)
class Twitter:
  """How much the Twitter users write."""

  median: float = 141.0  # tweets a year
  sigma: float = 1.2
  activity_correlation: float = 0.71  # of log tweets with log watches
  most: int = 3200  # what the service's interface gave at most


@dataclass(frozen=True, kw_only=True)
class Visual:
  """Sizes of the frozen visual feature."""

  size: int = 8192  # first half still frames, second half clips
  hidden: int = 150  # sets the rank
  style: int = 24


@dataclass(frozen=True, kw_only=True)
class WorldConfig:
  """A world's settings; with a seed they make its year, see `year`."""

  name: str
  populations: tuple[Population, ...]
  topics: int = 80
  categories: int = 15
  visit_share: float = 0.09  # watches in the other market
  quality_power: float = 0.8  # gamma in a_v(t)^gamma
  old_share: float = 0.3  # videos born before the year
  join_share: float = 0.2  # users who start during the first half-year
  leave_share: float = 0.05  # users who stop before the year's end
  season: float = 0.5  # Gamma shape of a user's months; smaller is lumpier
  growth: float = 0.3  # activity at the end over its start, less 1
  burst: float = 0.45  # watches that share a day with an earlier one
  most_watches: int = 200
  twitter: Twitter = Twitter()
  visual: Visual = Visual()
  interest: Interest = Interest()
  drift: Drift = Drift()
  trends: Trends = Trends()
  communities: Communities = Communities()
  affinity: Affinity = Affinity()
  topic_map: TopicMap = TopicMap()
  chatter: Chatter = Chatter()
  text_noise: TextNoise = TextNoise()
  visual_noise: VisualNoise = VisualNoise()
  visual_signal: VisualSignal = VisualSignal()

  def __post_init__(self):
    _check_world(self)

  def with_strengths(self, **strengths: float) -> 'WorldConfig':
    """The same world with other strengths, as in `drift=0.0, trends=2.0`."""
    for mechanism in strengths:
      if mechanism not in MECHANISMS:
        raise ValueError(
          f'unknown mechanism {mechanism!r}; one of {", ".join(MECHANISMS)}'
        )
    return replace(
      self,
      **{
        mechanism: replace(getattr(self, mechanism), strength=float(strength))
        for mechanism, strength in strengths.items()
      },
    )

  def strengths(self) -> dict[str, float]:
    """Each mechanism's strength."""
    return {name: getattr(self, name).strength for name in MECHANISMS}


MECHANISMS = (
  'interest',
  'drift',
  'trends',
  'communities',
  'affinity',
  'topic_map',
  'chatter',
  'text_noise',
  'visual_noise',
  'visual_signal',
)
KNOCK_OUTS = tuple(f'no_{mechanism}' for mechanism in MECHANISMS)

# Fields that are shares or chances.
_SHARES = re.compile(
  r'(share|off_topic|missing|typo|wrong_category|burst|niche|obscure)$'
)


def _check_block(where: str, block: object) -> None:
  for field in dataclasses.fields(block):
    value = getattr(block, field.name)
    name = f'{where}.{field.name}'
    if isinstance(value, tuple):
      if not 0 < value[0] <= value[1]:
        raise ValueError(f'{name} is {value}; expected 0 < low <= high')
    elif isinstance(value, bool):
      continue
    elif not isinstance(value, int | float) or not math.isfinite(value):
      raise ValueError(f'{name} is {value!r}; expected a finite number')
    elif isinstance(value, int) and value < 1:
      raise ValueError(f'{name} is {value}; expected at least 1')
    elif value < 0:
      raise ValueError(f'{name} is {value}; expected 0 or more')
    elif _SHARES.search(field.name) and value >= 1:
      raise ValueError(f'{name} is {value}; expected a share in [0, 1)')


def _check_world(world: WorldConfig) -> None:
  if not world.populations:
    raise ValueError('populations is empty; expected at least one')
  for i, population in enumerate(world.populations):
    _check_block(f'populations[{i}]', population)
  for name in (*MECHANISMS, 'twitter', 'visual'):
    _check_block(name, getattr(world, name))
  for name in (
    'visit_share',
    'old_share',
    'join_share',
    'leave_share',
    'burst',
  ):
    _check_number(world, name, 'a share in [0, 1)', lambda x: 0 <= x < 1)
  for name in ('quality_power', 'growth'):
    _check_number(world, name, 'a finite number >= 0', lambda x: x >= 0)
  _check_number(world, 'season', 'more than 0', lambda x: x > 0)
  for name in ('topics', 'most_watches'):
    _check_number(world, name, 'at least 1', lambda x: x >= 1)
  _check_sizes(world)


def _check_number(world: WorldConfig, name: str, right: str, holds) -> None:
  value = getattr(world, name)
  if not math.isfinite(value) or not holds(value):
    raise ValueError(f'{name} is {value}; expected {right}')


def _check_sizes(world: WorldConfig) -> None:
  """What must fit together: categories, halves, lists, markets."""
  if not 1 <= world.categories <= min(15, world.topics):
    raise ValueError(
      f'categories is {world.categories}; expected 1 to '
      f'{min(15, world.topics)} (there are 15 names and {world.topics} topics)'
    )
  if world.visual.size % 2:
    raise ValueError(f'visual.size is {world.visual.size}; expected even')
  if world.communities.count < len(world.populations):
    raise ValueError(
      f'communities.count is {world.communities.count}; expected at least '
      f'one for each of {len(world.populations)} populations'
    )
  # Else a user could see a whole market, or a list need more than there is.
  fewest = min(population.videos for population in world.populations)
  limit = max(world.communities.list_size, world.most_watches) + 1
  if fewest < limit:
    raise ValueError(
      f'populations.videos is {fewest}; expected at least {limit}, more '
      'than communities.list_size and most_watches'
    )


def _markets(
  scale: float, videos: float | None = None, obscure: float = 0.797
) -> tuple[Population, Population]:
  """The connected and the unconnected market of the paper's world, scaled."""
  videos = scale if videos is None else videos
  connected = Population(
    users=round(11_850 * scale),
    videos=round(13_200 * videos),
    twitter=True,
    activity_median=4.3,
    activity_sigma=1.175,
    quality_tail=1.0,
    quality_range=1.2,
    niche=0.1,
    obscure=obscure,
  )
  unconnected = Population(
    users=round(5_450 * scale),
    videos=round(6_800 * videos),
    twitter=False,
    activity_median=6.5,
    activity_sigma=0.7,
    quality_tail=3.0,
    quality_range=1.5,
    niche=0.8,
    obscure=0.0,
  )
  return connected, unconnected


PRESETS = {
  'tiny': WorldConfig(
    name='tiny',
    populations=_markets(0.05, videos=0.0195),
    most_watches=120,
    topics=20,
    twitter=Twitter(median=110.0, sigma=0.5),
    visual=Visual(size=64, hidden=40, style=8),
    communities=Communities(count=6, list_share=0.7, list_size=8),
  ),
  'small': WorldConfig(
    name='small',
    populations=_markets(0.25, videos=0.223, obscure=0.832),
    twitter=Twitter(median=110.0, sigma=0.5),
    visual=Visual(size=1024),
    communities=Communities(count=15, list_share=0.7, list_size=8),
  ),
  'paper': WorldConfig(name='paper', populations=_markets(1.0)),
}


def world_from_name(name: str) -> WorldConfig:
  """The world that `name` spells: a preset, and what differs from it.

  Args:
    name: `small`, `small:no_drift`, or a list with strengths, as in
      `paper:no_trends,drift=0.5`.

  Raises:
    ValueError: an unknown preset, knock-out or mechanism, or a bad strength.
  """
  preset, _, rest = name.partition(':')
  if preset not in PRESETS:
    raise ValueError(
      f'unknown preset {preset!r} in {name!r}; one of {", ".join(PRESETS)}'
    )
  strengths = dict(
    _parse_change(part, name) for part in rest.split(',') if part
  )
  return replace(PRESETS[preset], name=name).with_strengths(**strengths)


def _parse_change(part: str, name: str) -> tuple[str, float]:
  """(mechanism, strength) of `no_drift` or `drift=0.5`."""
  if part in KNOCK_OUTS:
    return part.removeprefix('no_'), 0.0
  mechanism, equals, value = part.partition('=')
  if equals and mechanism in MECHANISMS:
    try:
      return mechanism, float(value)
    except ValueError:
      raise ValueError(
        f'strength {value!r} in {name!r} is not a number'
      ) from None
  raise ValueError(
    f'unknown change {part!r} in {name!r}; one of {", ".join(KNOCK_OUTS)}, '
    'or MECHANISM=STRENGTH'
  )
