"""The text CNN by a plain loop."""

import numpy as np


def maxima_loop(ids, words, kernels):
  """[B, F] the definition, in float64, window by window."""
  words = np.asarray(words, np.float64)
  out = []
  for row in np.asarray(ids):
    text = [words[i] for i in row if i > 0]
    answers = []
    for kernel in np.asarray(kernels, dtype=object):
      width, _, maps = kernel.shape
      zeros = [np.zeros(words.shape[1])] * (width - 1)
      padded = zeros + text + zeros
      for m in range(maps):
        answers.append(
          max(
            sum(
              float(padded[s + k] @ kernel[k, :, m].astype(np.float64))
              for k in range(width)
            )
            for s in range(len(text) + width - 1)
          )
        )
    out.append(answers)
  return np.array(out)
