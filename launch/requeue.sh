#!/usr/bin/env bash
# Runs a command again as long as it asks for it: exit code 75 says that it
# was told to stop (SIGTERM, SIGINT), saved its state and can go on.
#
#   launch/requeue.sh python -m dynrec_jax.main --config=configs/single.py
#
# Schedulers with a requeue of their own (Slurm, Kubernetes) act on the same
# code. Ctrl-C ends the loop after the command has saved.
set -u
if [[ $# -eq 0 ]]; then
  echo "usage: $0 COMMAND [ARGUMENT ...]" >&2
  exit 2
fi
interrupted=false
trap 'interrupted=true' INT TERM
while true; do
  "$@"
  code=$?
  if [[ $code -ne 75 || $interrupted == true ]]; then
    exit "$code"
  fi
  echo "$0: exit code 75, starting again" >&2
done
