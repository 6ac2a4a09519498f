#!/usr/bin/env bash
# One study on all hosts of a TPU VM that `gcloud compute tpus tpu-vm create` made.
#
#   launch/tpu_vm.sh NAME ZONE --config=configs/single.py:files --config.workdir=/shared/RUN ...
#
# Copies this folder to every host, installs it there once and runs the same
# command on all; they find each other. RUN and the data lie on a file system
# that all hosts have mounted. Ends with the hosts' exit code: after 75, or a
# preemption, the same command goes on. For TPU7x and later: gke_jobset.yaml.
set -euo pipefail

if (($# < 3)); then
  sed -n '2,/^set/{/^#/p}' "$0" >&2
  exit 2
fi
name=$1 zone=$2
shift 2
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
archive=$(mktemp --suffix=.tar.gz)
trap 'rm -f "$archive"' EXIT
tar -C "$root" -czf "$archive" dynrec_jax configs launch pyproject.toml \
  setup.cfg README.md

gcloud compute tpus tpu-vm scp "$archive" "$name:dynrec_jax.tar.gz" \
  --zone="$zone" --worker=all
# Every argument as the remote shell has to read it.
printf -v arguments ' %q' "$@"
gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker=all --command="
  set -e
  mkdir -p dynrec_jax_job && tar -C dynrec_jax_job -xzf dynrec_jax.tar.gz
  cd dynrec_jax_job
  test -d venv || python3 -m venv venv
  venv/bin/pip install -q -e '.[tpu]'
  exec venv/bin/python -m dynrec_jax.main$arguments
"
