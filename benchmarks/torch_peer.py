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
