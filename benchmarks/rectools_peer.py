"""RecTools' SASRec on the problem of `benchmarks.baselines`.

  PYTHON benchmarks/rectools_peer.py PROBLEM.npz RESULT.npz SETTINGS

Run by the benchmark, with the Python of an environment that has rectools.
"""

import json
import logging
import sys
import time
import warnings

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Trainer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


def main() -> None:
  problem, result, settings = sys.argv[1:]
  warnings.simplefilter('ignore')
  logging.getLogger('pytorch_lightning').setLevel(logging.ERROR)
  arrays, settings = np.load(problem), json.loads(settings)
  dataset = Dataset.construct(
    pd.DataFrame(
      {
        Columns.User: arrays['user'],
        Columns.Item: arrays['video'],
        Columns.Weight: 1.0,
        # Places in the order of the watches: no two at one time.
        Columns.Datetime: pd.to_datetime(
          np.arange(len(arrays['user'])) * 10**9
        ),
      }
    )
  )
  secs = []
  for epochs in settings['epochs']:
    start = time.perf_counter()
    model = fit(dataset, settings, epochs)
    secs.append(time.perf_counter() - start)
  np.savez(result, secs=secs, ids=lists(model, dataset, arrays['asked']))


def fit(dataset: Dataset, settings: dict, epochs: int) -> SASRecModel:
  """A trained model."""
  torch.manual_seed(settings['seed'])
  np.random.seed(settings['seed'])  # noqa: NPY002, theirs
  model = SASRecModel(
    n_blocks=settings['blocks'],
    n_heads=settings['heads'],
    n_factors=settings['size'],
    dropout_rate=settings['dropout'],
    session_max_len=settings['max_len'],
    lr=settings['learning_rate'],
    batch_size=settings['batch_users'],
    epochs=epochs,
    loss='softmax',
    recommend_torch_device='cpu',
    get_trainer_func=trainer,
    get_trainer_func_kwargs={'epochs': epochs},
  )
  return model.fit(dataset)


def trainer(epochs: int) -> Trainer:
  """Epochs on the processor, and nothing written."""
  return Trainer(
    max_epochs=epochs,
    min_epochs=epochs,
    accelerator='cpu',
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
  )


def lists(model, dataset, asked) -> np.ndarray:
  """[B, 5] videos that each asked user has not watched; -1 is none."""
  found = model.recommend(users=asked, dataset=dataset, k=5, filter_viewed=True)
  ids = np.full((len(asked), 5), -1)
  row = pd.Series(np.arange(len(asked)), index=asked)[found[Columns.User]]
  ids[row.to_numpy(), found[Columns.Rank].to_numpy() - 1] = found[Columns.Item]
  return ids


if __name__ == '__main__':
  main()
