"""The paper's model in float64 NumPy, one user and one step at a time.

Written anew from the equations: it shares no code with what it is compared to.
"""

import numpy as np


def unit(x):
  """x / |x|; 0 for 0."""
  length = np.sqrt(np.sum(x * x))
  return x / length if length > 0 else x


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


class PlainModel:
  """One study with fixed parameters, watch by watch.

  Attributes:
    events: per user, (time, video) in order.
  """

  def __init__(self, study, params, watches=None):
    c, prepared = study.config, study.prepared
    self.c = c
    self.p = {k: v for k, v in params.items() if k != 'gru'}
    self.p = {k: np.asarray(v, np.float64) for k, v in self.p.items()}
    self.gru = [
      None if x is None else np.asarray(x, np.float64)
      for x in params.get('gru', ())
    ]
    self.visual = np.asarray(prepared.features.visual, np.float64)
    self.text = np.asarray(prepared.features.text, np.float64)
    self.has_visual = prepared.features.has_visual
    self.has_text = prepared.features.has_text
    self.topics = np.asarray(prepared.behaviours.topics, np.float64)
    self.borders = [int(x) for x in prepared.sessions.borders]
    table = watches if watches is not None else prepared.records.watches
    self.events = [[] for _ in prepared.records.user_ids]
    for user, video, time in zip(*table, strict=True):
      self.events[user].append((int(time), int(video)))

  def halves(self, video):
    """v_e and t_e; a missing one is zero."""
    size = self.p['visual_kernel'].shape[1]
    v, t = np.zeros(size), np.zeros(size)
    if self.has_visual[video]:
      v = self.visual[video] @ self.p['visual_kernel']
    if self.has_text[video]:
      t = self.text[video] @ self.p['text_kernel']
    return v, t

  def content(self, video):
    """v (+) t as Eq (3) and the network read it."""
    v, t = self.halves(video)
    if self.c.model.embed_norm == 'everywhere':
      v, t = unit(v), unit(t)
    return np.concatenate([v, t])

  def known(self, user, session):
    end = self.borders[session]
    return [(t, v) for t, v in self.events[user] if t < end]

  def targets(self, user, session):
    end = self.borders[session]
    later = [v for t, v in self.events[user] if t >= end]
    return later[: self.c.seq.max_target_len]

  def faded(self, events, session, vector_of, size):
    """Eq (2) and (3); the unit of age is a session."""
    unit_secs = (self.borders[-1] - self.borders[0]) / (len(self.borders) - 1)
    total, weight_sum = np.zeros(size), 0.0
    for time, video in events:
      age = (self.borders[session] - time) / unit_secs
      weight = np.exp(-self.c.interest.decay * age)
      total += weight * vector_of(video)
      weight_sum += weight
    if not events:
      return total
    norm = self.c.interest.norm
    if norm == 'l2':
      return unit(total)
    return total / (weight_sum if norm == 'sum_weights' else len(events))

  def interest(self, user, session):
    """u; videos without topics say nothing."""
    events = [e for e in self.known(user, session) if self.topics[e[1]].any()]
    size = self.topics.shape[1]
    return self.faded(events, session, lambda v: self.topics[v], size)

  def content_interest(self, user, session):
    """u~, or None where no watch is known."""
    events = self.known(user, session)
    if not events:
      return None
    size = self.p['video_kernel'].shape[0]
    return self.faded(events, session, self.content, size)

  def map_interest(self, u):
    return u @ self.p['interest_kernel']

  def map_content(self, x):
    return x @ self.p['video_kernel']

  def read(self, video):
    """What the network reads of a video."""
    return self.map_content(self.content(video))

  def prefix(self, user, session):
    """The inputs up to the first prediction."""
    mode = self.c.model.history_mode
    if mode == 'session_chain':
      sessions = range(1, session + 1)
      return [self.map_interest(self.interest(user, s)) for s in sessions]
    inputs = [self.map_interest(self.interest(user, session))]
    if mode == 'topic_then_history':
      latest = self.known(user, session)[-self.c.seq.max_target_len :]
      inputs += [self.read(v) for _, v in latest]
    return inputs

  def step(self, h, x):
    """Eq (5)."""
    kernel, recurrent, bias = self.gru
    u_z, u_r, u_h = np.split(kernel, 3, axis=1)
    w_z, w_r, w_h = np.split(recurrent, 3, axis=1)
    b = np.split(bias, 3) if bias is not None else (0, 0, 0)
    z = sigmoid(x @ u_z + h @ w_z + b[0])
    r = sigmoid(x @ u_r + h @ w_r + b[1])
    c = np.tanh(x @ u_h + (h * r) @ w_h + b[2])
    return (1 - z) * h + z * c

  def first_state(self, user, session):
    """h that predicts the first video."""
    h = np.zeros(self.gru[1].shape[0])
    for x in self.prefix(user, session):
      h = self.step(h, x)
    return h

  def log_probs(self, h):
    """Eq (7)."""
    logits = self.p['output_kernel'] @ h + self.p.get('output_bias', 0)
    top = logits.max()
    return logits - top - np.log(np.sum(np.exp(logits - top)))

  def states(self, user, session):
    """The states that predict each target, under teacher forcing."""
    h = self.first_state(user, session)
    out = [h]
    for video in self.targets(user, session)[:-1]:
      h = self.step(h, self.read(video))
      out.append(h)
    return out

  def coherence(self, user, session):
    """Eq (8)."""
    pairs = zip(
      self.states(user, session), self.targets(user, session), strict=True
    )
    return -sum(self.log_probs(h)[video] for h, video in pairs)

  def interest_loss(self, user, session):
    """Eq (4); None where u~ is not defined."""
    content = self.content_interest(user, session)
    if content is None:
      return None
    u = self.map_interest(self.interest(user, session))
    return np.sum((u - self.map_content(content)) ** 2)

  def relevance(self, anchor, positive, negative):
    """Eq (6) on (user, session) triples."""
    a, p, n = (unit(self.states(*x)[-1]) for x in (anchor, positive, negative))
    return max(0.0, self.c.loss.relevance_margin - a @ p + a @ n)

  def semantic(self, video, other_visual, other_text):
    """Eq (1), one negative in each direction."""
    margin = self.c.loss.semantic_margin
    v, t = (unit(x) for x in self.halves(video))
    v_n = unit(self.halves(other_visual)[0])
    t_n = unit(self.halves(other_text)[1])
    far_text = max(0.0, margin - v @ t + v @ t_n)
    return far_text + max(0.0, margin - v @ t + v_n @ t)

  def generate(self, user, session, count, *, mask_known=True, feed=True):
    """Sec 3.3: the best video, fed back, and so on; (videos, log probs)."""
    h = self.first_state(user, session)
    banned = {v for _, v in self.known(user, session)} if mask_known else set()
    videos, scores = [], []
    for _ in range(count):
      log_p = self.log_probs(h)
      left = [v for v in range(len(log_p)) if v not in banned]
      if not left:
        break
      best = max(left, key=lambda v: (log_p[v], -v))
      videos.append(best)
      scores.append(log_p[best])
      banned.add(best)
      if feed:
        h = self.step(h, self.read(best))
    return videos, scores


class PlainHistoryRnn(PlainModel):
  """RNN and RNN-Sem: past videos, then those to come (SPEC Sec 8)."""

  def read(self, video):
    if self.c.model.network == 'rnn_sem':
      return self.content(video)
    return self.text[video] if self.has_text[video] else 0 * self.text[video]

  def first(self, user, session):
    """What stands where no video is known; the cross network overrides it."""
    del user, session
    return np.zeros(self.gru[0].shape[0])

  def prefix(self, user, session):
    known = self.known(user, session)[-self.c.seq.max_target_len :]
    if self.c.scenario == 'single' and known:
      return [self.read(video) for _, video in known]
    return [self.first(user, session)]


class PlainStaticDnn(PlainModel):
  """Static-DNN: an interest, three layers, one state for all videos."""

  def first_state(self, user, session):
    x = self.map_interest(self.interest(user, session))
    for layer in ('layer_1', 'layer_2', 'layer_3'):
      x = x @ self.p[f'{layer}_kernel'] + self.p[f'{layer}_bias']
      x = np.where(x > 0, x, 0)
    return x

  def step(self, h, x):
    del x
    return h
