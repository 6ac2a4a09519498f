"""The same work in plain PyTorch, as a competent engineer would write it.

The input product of a GRU is hoisted out of the loop over the steps, losses
are torch's own fused functions, gradients come from autograd.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class PaperGRU(nn.Module):
  """Eq. (5), which `nn.GRU` is not."""

  def __init__(self, input_size: int, hidden_size: int):
    super().__init__()
    self.hidden_size = hidden_size
    self.input = nn.Linear(input_size, 3 * hidden_size, bias=False)
    self.gates = nn.Linear(hidden_size, 2 * hidden_size, bias=False)
    self.candidate = nn.Linear(hidden_size, hidden_size, bias=False)

  def load(self, input_kernel: np.ndarray, recurrent_kernel: np.ndarray):
    """Takes the weights of `dynrec_jax.gru.GRUParams`."""
    size = self.hidden_size
    with torch.no_grad():
      self.input.weight.copy_(torch.tensor(input_kernel.T))
      self.gates.weight.copy_(torch.tensor(recurrent_kernel[:, : 2 * size].T))
      self.candidate.weight.copy_(
        torch.tensor(recurrent_kernel[:, 2 * size :].T)
      )

  def step(self, h: torch.Tensor, products: torch.Tensor) -> torch.Tensor:
    """One step from an input's products [B, 3H]."""
    size = self.hidden_size
    gates = torch.sigmoid(products[:, : 2 * size] + self.gates(h))
    z, r = gates.chunk(2, dim=1)
    c = torch.tanh(products[:, 2 * size :] + self.candidate(h * r))
    return torch.lerp(h, c, z)

  def forward(
    self, xs: torch.Tensor, where: torch.Tensor | None = None
  ) -> torch.Tensor:
    """All states [B, T, H]; a masked step carries the state."""
    h = xs.new_zeros(xs.shape[0], self.hidden_size)
    states = []
    for t, products in enumerate(self.input(xs).unbind(1)):
      new = self.step(h, products)
      h = new if where is None else torch.where(where[:, t, None], new, h)
      states.append(h)
    return torch.stack(states, dim=1)


def coherence_loss(
  states: torch.Tensor, output: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
  """Eq. (7) with (8), summed over all rows."""
  return F.cross_entropy(states @ output.T, targets, reduction='sum')


@torch.no_grad()
def greedy_decode(
  gru: PaperGRU,
  inputs: torch.Tensor,
  output: torch.Tensor,
  h: torch.Tensor,
  known: torch.Tensor,
  k: int,
) -> tuple[torch.Tensor, torch.Tensor]:
  """The k most likely videos one after another, and their log P."""
  ids, scores = [], []
  for _ in range(k):
    log_p = F.log_softmax(h @ output.T, dim=1)
    log_p.scatter_(1, known, -torch.inf)
    score, choice = log_p.max(dim=1)
    known = torch.cat([known, choice[:, None]], dim=1)
    h = gru.step(h, gru.input(inputs[choice]))
    ids.append(choice)
    scores.append(score)
  return torch.stack(ids, dim=1), torch.stack(scores, dim=1)


class FullModel(nn.Module):
  """theta of the paper and Eq (9) on one batch, with padded rectangles."""

  def __init__(self, theta: dict[str, np.ndarray]):
    """Takes the weights of `dynrec_jax.models.theta`."""
    super().__init__()
    names = ('visual', 'text', 'interest', 'video')
    self.maps = nn.ParameterDict(
      {
        name: torch.tensor(np.asarray(theta[f'{name}_kernel']))
        for name in names
      }
    )
    size = theta['output_kernel'].shape[1]
    self.gru = PaperGRU(size, size)
    self.gru.load(*(np.asarray(x) for x in theta['gru'][:2]))
    self.output = nn.Parameter(torch.tensor(np.asarray(theta['output_kernel'])))

  def forward(
    self, visual: torch.Tensor, text: torch.Tensor, batch: dict
  ) -> torch.Tensor:
    """Eq (9) without |theta|^2; `batch` is `as_tensors`'s."""
    ids = batch['video_ids']
    v = F.normalize(visual[ids] @ self.maps['visual'], dim=1)
    t = F.normalize(text[ids] @ self.maps['text'], dim=1)
    content = torch.cat([v, t], dim=1)
    mapped = batch['interests'] @ self.maps['interest']
    table = torch.cat([content @ self.maps['video'], mapped])
    states = self.gru(table[batch['inputs']], batch['where'])
    rec = coherence_loss(
      states[batch['position_rows'], batch['position_steps']],
      self.output,
      batch['targets'],
    )
    weights = batch['history_weights']
    pooled = (weights @ content) / weights.sum(dim=1, keepdim=True)
    own = mapped[batch['interest_rows']]
    distance = (own - pooled @ self.maps['video']).square().sum()
    last = F.normalize(states[:, -1][batch['last_rows']], dim=2)
    a, p, n = last
    rel = F.relu(0.5 - (a * p).sum(1) + (a * n).sum(1))[
      batch['relevance_where']
    ].sum()
    av, at = v[batch['anchors']], t[batch['anchors']]
    near = (av * at).sum(1)
    sem = F.relu(0.3 - near + (av * t[batch['negative_text']]).sum(1)).sum()
    sem += F.relu(0.3 - near + (at * v[batch['negative_visual']]).sum(1)).sum()
    return rec + 0.2 * sem + 0.4 * distance + 0.2 * rel


def as_tensors(batch, rectangle: dict[str, np.ndarray]) -> dict:
  """What `FullModel` reads, from a batch of one device."""
  fields = {
    'video_ids': batch.sequences.video_ids[0].astype(np.int64),
    'interests': batch.sequences.interests[0],
    'history_weights': batch.history.weights[0],
    'interest_rows': batch.interest_rows[0].astype(np.int64),
    'relevance_where': batch.relevance_where[0],
    'anchors': batch.semantic.anchors[0].astype(np.int64),
    'negative_visual': batch.semantic.negative_visual[0, :, 0].astype(np.int64),
    'negative_text': batch.semantic.negative_text[0, :, 0].astype(np.int64),
    **rectangle,
  }
  return {name: torch.tensor(value) for name, value in fields.items()}
