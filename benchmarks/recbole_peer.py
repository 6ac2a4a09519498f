"""RecBole's FPMC or GRU4Rec on the problem of `benchmarks.baselines`.

  PYTHON benchmarks/recbole_peer.py PROBLEM.npz RESULT.npz SETTINGS

Run by the benchmark, with the Python of an environment that has recbole.
"""

import json
import logging
import pathlib
import sys
import tempfile
import time

import numpy as np
import torch
from recbole.config import Config
from recbole.data import create_dataset
from recbole.data.utils import create_samplers, get_dataloader
from recbole.model.sequential_recommender import FPMC, GRU4Rec
from recbole.trainer import Trainer
from recbole.utils import init_seed

MODELS = {'fpmc': FPMC, 'gru4rec': GRU4Rec}


def main() -> None:
  problem, result, settings = sys.argv[1:]
  logging.disable(logging.WARNING)
  arrays, settings = np.load(problem), json.loads(settings)
  # It takes the command line for its own.
  del sys.argv[1:]
  with tempfile.TemporaryDirectory() as root:
    write_watches(pathlib.Path(root, 'watches'), arrays)
    config = make_config(root, settings)
    dataset = create_dataset(config)
    built = dataset.build()
    secs = []
    for epochs in settings['epochs']:
      start = time.perf_counter()
      model = fit(config, dataset, built, settings, epochs)
      secs.append(time.perf_counter() - start)
    np.savez(result, secs=secs, ids=lists(model, dataset, arrays, settings))


def write_watches(folder: pathlib.Path, arrays) -> None:
  """The atomic file; times are places in the order of the watches."""
  folder.mkdir()
  with open(folder / 'watches.inter', 'w', encoding='utf-8') as file:
    file.write('user_id:token\titem_id:token\ttimestamp:float\n')
    for time_, row in enumerate(
      zip(arrays['user'], arrays['video'], strict=True)
    ):
      file.write(f'{row[0]}\t{row[1]}\t{time_}\n')


def make_config(root: str, settings: dict) -> Config:
  """Ours in its names; the rest stays at its defaults."""
  values = {
    'data_path': root,
    'load_col': {'inter': ['user_id', 'item_id', 'timestamp']},
    'checkpoint_dir': root,
    'use_gpu': False,
    'show_progress': False,
    'MAX_ITEM_LIST_LENGTH': settings['max_len'],
    'embedding_size': settings['size'],
    'learning_rate': settings['learning_rate'],
    'train_batch_size': settings['batch_size'],
    'eval_args': {
      'split': {'RS': [1, 0, 0]},
      'order': 'TO',
      'group_by': 'user',
      'mode': 'full',
    },
    'seed': settings['seed'],
  }
  if settings['model'] == 'gru4rec':
    values |= {
      'hidden_size': settings['size'],
      'num_layers': 1,
      'dropout_prob': settings['dropout'],
      'loss_type': 'CE',
      'train_neg_sample_args': None,
    }
  return Config(MODELS[settings['model']], 'watches', config_dict=values)


def fit(config, dataset, built, settings: dict, epochs: int):
  """A trained model."""
  init_seed(settings['seed'], True)
  sampler = create_samplers(config, dataset, built)[0]
  data = get_dataloader(config, 'train')(
    config, built[0], sampler, shuffle=True
  )
  model = MODELS[settings['model']](config, data.dataset)
  trainer = Trainer(config, model)
  for epoch in range(epochs):
    trainer._train_epoch(data, epoch)
  return model.eval()


def lists(model, dataset, arrays, settings: dict) -> np.ndarray:
  """[B, 5] videos that each asked user has not watched, all of a history."""
  user_of = dataset.field2token_id['user_id']
  item_of = dataset.field2token_id['item_id']
  names = np.array(dataset.field2id_token['item_id'][1:], int)
  ids = np.full((len(arrays['asked']), 5), -1)
  with torch.no_grad():
    for row, user in enumerate(arrays['asked']):
      known = [item_of[str(v)] for v in arrays['video'][arrays['user'] == user]]
      recent = known[-settings['max_len'] :]
      sequence = torch.zeros(1, settings['max_len'], dtype=torch.int64)
      sequence[0, : len(recent)] = torch.tensor(recent)
      scores = model.full_sort_predict(
        {
          'user_id': torch.tensor([user_of[str(user)]]),
          'item_id_list': sequence,
          'item_length': torch.tensor([len(recent)]),
        }
      ).reshape(-1)
      scores[known] = -torch.inf
      scores[0] = -torch.inf  # padding
      ids[row] = names[scores.topk(5).indices.numpy() - 1]
  return ids


if __name__ == '__main__':
  main()
