"""A simulated year: all parts put together."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources.simulation.streams import scaled_probability, stream
from dynrec_jax.sources.simulation.text import (
  profile_text,
  tweet_text,
  video_text,
)
from dynrec_jax.sources.simulation.topics import Topics, make_topics
from dynrec_jax.sources.simulation.tweets import Posts, make_posts
from dynrec_jax.sources.simulation.users import People, make_people
from dynrec_jax.sources.simulation.videos import Catalogue, make_catalogue
from dynrec_jax.sources.simulation.visual import visual_features
from dynrec_jax.sources.simulation.watches import (
  Plan,
  choose_videos,
  plan_watches,
)
from dynrec_jax.sources.simulation.words import make_lexicon
from dynrec_jax.sources.simulation.world import START_TIME, WorldConfig

_ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'


class Latents(NamedTuple):
  """The truth behind the records, for tests: rows match those of `Records`.

  Attributes:
    topics: see `Topics`.
    catalogue: see `Catalogue`, one row per video.
    people: see `People`, one row per user.
    plan: see `Plan`, one row per watch.
    video: [n] int32, what each watch chose.
    posts: see `Posts`, one row per tweet.
  """

  topics: Topics
  catalogue: Catalogue
  people: People
  plan: Plan
  video: np.ndarray
  posts: Posts


def simulate_latents(world: WorldConfig, seed: int) -> Latents:
  """Who watches and tweets about what and when, without text and pictures."""
  check_seed(seed)
  topics = make_topics(world, seed)
  catalogue = make_catalogue(world, topics, seed)
  people = make_people(world, topics, seed)
  plan = plan_watches(world, people, seed)
  video = choose_videos(world, topics, catalogue, people, plan, seed)
  posts = make_posts(world, topics, people, plan, seed)
  return Latents(topics, catalogue, people, plan, video, posts)


class Authors(NamedTuple):
  """Everything in `Records` but the videos."""

  user_ids: np.ndarray
  watches: records_lib.Watches
  tweets: records_lib.Tweets
  profiles: np.ndarray


def simulate_videos(world: WorldConfig, seed: int) -> records_lib.Videos:
  """The videos of a world's year, as `Records` holds them.

  Equal worlds and seeds give equal videos, in any process.

  Raises:
    ValueError: a negative or fractional seed.
  """
  check_seed(seed)
  topics = make_topics(world, seed)
  catalogue = make_catalogue(world, topics, seed)
  return describe_videos(world, topics, catalogue, seed)


def simulate_authors(world: WorldConfig, seed: int) -> Authors:
  """The users of a world's year with their watches and tweets, unfiltered.

  Equal worlds and seeds give equal authors, in any process.

  Raises:
    ValueError: a negative or fractional seed.
  """
  return describe_authors(world, simulate_latents(world, seed), seed)


def describe_authors(
  world: WorldConfig, latents: Latents, seed: int
) -> Authors:
  """Users, watches and tweets as their networks would give them."""
  plan, posts = latents.plan, latents.posts
  lexicon = make_lexicon(world, latents.topics, seed)
  return Authors(
    user_ids=_user_ids(len(latents.people.population), seed),
    watches=records_lib.Watches(
      user=plan.user, video=latents.video, time=START_TIME + plan.time
    ),
    tweets=records_lib.text_tweets(
      user=posts.user,
      time=START_TIME + posts.time,
      text=tweet_text(world, posts, lexicon, seed),
    ),
    profiles=profile_text(world, latents.topics, latents.people, lexicon, seed),
  )


def describe_videos(
  world: WorldConfig, topics: Topics, catalogue: Catalogue, seed: int
) -> records_lib.Videos:
  """The catalogue as a visitor sees it."""
  count = len(catalogue.birth)
  rng = stream(seed, 'metadata')
  views = 1000 * catalogue.quality * rng.lognormal(0.0, 1.0, count)
  noise = world.text_noise
  lost = rng.random((2, count)) < 0.1 * scaled_probability(
    noise.missing, noise.strength
  )
  upload = START_TIME + np.floor(catalogue.birth * 86400).astype(np.int64)
  lexicon = make_lexicon(world, topics, seed)
  text = video_text(world, topics, catalogue.theta, lexicon, seed)
  visual, has_visual = visual_features(world, catalogue.theta, seed)
  return records_lib.Videos(
    id=_video_ids(count, seed),
    title=text.title,
    description=text.description,
    tags=text.tags,
    categories=text.categories,
    upload_time=np.where(lost[0], records_lib.MISSING_TIME, upload),
    view_count=np.where(
      lost[1], records_lib.MISSING_COUNT, np.ceil(views).astype(np.int64)
    ),
    visual=visual,
    has_visual=has_visual,
  )


def check_seed(seed: int) -> int:
  """The seed; ValueError unless it is an integer of 0 or more."""
  if not isinstance(seed, int | np.integer) or seed < 0:
    raise ValueError(f'seed is {seed!r}; expected an integer of 0 or more')
  return int(seed)


def _video_ids(count: int, seed: int) -> np.ndarray:
  """Eleven letters each; the first three count, so that none repeats."""
  if count > 64**3:
    raise ValueError(f'{count} videos; expected at most {64**3}')
  letters = stream(seed, 'video ids').integers(64, size=(count, 11))
  place = np.arange(count)
  letters[:, :3] = np.stack([place // 64**i % 64 for i in range(3)], axis=1)
  return records_lib.object_array(
    ''.join(_ID_LETTERS[i] for i in row) for row in letters.tolist()
  )


def _user_ids(count: int, seed: int) -> np.ndarray:
  """Numbers as the network would give, in the order of joining it."""
  gaps = stream(seed, 'user ids').integers(1, 4000, size=count)
  return records_lib.object_array(map(str, 15_000_000 + np.cumsum(gaps)))
