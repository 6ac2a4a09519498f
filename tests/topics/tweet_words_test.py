"""Tokenisation rules by example."""

from absl.testing import parameterized

from dynrec_jax.topics.tweet_words import tokenize


class TokenizeTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ('plain', 'The senate votes today', ['senate', 'votes', 'today']),
    ('empty', '', []),
    ('url', 'news http://t.co/a1B2?x=y&z https://x.y www.cnn.com/a', ['news']),
    ('bare_url', 'video bit.ly/x1 youtu.be/abc end', ['video', 'end']),
    ('mail', 'write me.too@mail.example.org soon please x', ['write']),
    ('mention', '@bob: hello .@Al_1 cc @z', ['hello', 'cc']),
    ('retweet', 'RT @bob: Obama wins', ['obama', 'wins']),
    ('hashtag', '#Obama obama #obama', ['obama'] * 3),
    ('hashtag_number', '#1 #2013 #4k', ['4k']),
    ('entity', 'cats &amp; dogs &lt;3', ['cats', 'dogs']),
    ('apostrophe', "Rock'n'roll Obama's don\u2019t", ["rock'n'roll", 'obama']),
    ('runs', 'gooooal noooo coool 1000 333', ['gooal', 'noo', 'cool']),
    ('numbers', '2013 1,000 3D mp3 50%', ['3d', 'mp3']),
    ('one_letter', 'a b c dog', ['dog']),
    ('underscore', 'snake_case', ['snake', 'case']),
    ('repeats_stay', 'win win win', ['win'] * 3),
    ('stop_words_only', "I'm so not the one", []),
  )
  def test_english(self, text, expected):
    self.assertEqual(tokenize(text), expected)

  @parameterized.named_parameters(
    ('single', 'ok 😂', ['😂']),
    ('row', '😂😂', ['😂', '😂']),
    ('skin_tone', '👍🏽 👍', ['👍', '👍']),
    ('presentation', '❤️ ❤', ['❤', '❤']),
    ('joined', '👨‍👩‍👧', ['👨‍👩‍👧']),
    ('flags', '🇺🇸🇩🇪', ['🇺🇸', '🇩🇪']),
    ('glued', 'goal⚽yes', ['goal', '⚽']),
  )
  def test_emoji(self, text, expected):
    self.assertEqual(tokenize(text), expected)

  @parameterized.named_parameters(
    ('accents', 'Café CAFE\u0301 Straße', ['café', 'café', 'strasse']),
    ('full_width', 'ＯＢＡＭＡ', ['obama']),
    ('cyrillic', 'Привет МИР', ['привет', 'мир']),
    ('arabic', 'مرحبا بالعالم ١٢٣', ['مرحبا', 'بالعالم']),
    ('hindi_keeps_vowels', 'हिन्दी में', ['हिन्दी', 'में']),
    ('korean', '안녕하세요 세계', ['안녕하세요', '세계']),
    ('han', '北京大学', ['北京', '京大', '大学']),
    ('lone_han', '我 love', ['我', 'love']),
    ('mixed', 'hello日本 #日本', ['hello', '日本', '日本']),
    ('thai', 'สวัส ๑๒', ['สวั', 'วัส']),
    ('text_joined_to_a_mention', '@bobさん東京', ['さん', 'ん東', '東京']),
    ('mention_joined_to_a_text', '東京@bob', ['東京']),
    ('text_around_a_url', '日本http://t.co/x1日本語', ['日本', '日本', '本語']),
    ('text_around_a_bare_url', '東京bit.ly/x1日本', ['東京', '日本']),
    ('text_around_a_mail', '東京a.b@x.org日本', ['東京', '日本']),
  )
  def test_other_scripts(self, text, expected):
    self.assertEqual(tokenize(text), expected)

  def test_ascii_shortcut_agrees_with_the_general_way(self):
    text = "RT @bob: Obama's 3D movie, sooooo good! http://t.co/x #win mp3 12"
    self.assertEqual(tokenize(text), tokenize(text + ' \u00b7'))
