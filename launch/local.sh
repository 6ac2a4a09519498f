#!/usr/bin/env bash
# Runs a command in N processes on this machine, as the hosts of one run.
#
#   launch/local.sh N [COMMAND ...]
#   launch/local.sh 2 python -m dynrec_jax.main --config=configs/single.py
#
# COMMAND is `python -m dynrec_jax.main --config=configs/single.py` if not given.
# Lines are told as `[host] line`, or go to LOG_DIR/host_N.log where LOG_DIR is set.
# One that ends badly ends the others, with its code, or 75 where one was killed and
# the same command goes on. Ctrl-C and SIGTERM are passed on. Devices are not divided:
# COMMAND may, by DYNREC_HOST_INDEX (CUDA_VISIBLE_DEVICES, taskset).
set -u
if [[ ! ${1:-} =~ ^[1-9][0-9]*$ ]]; then
  sed -n '2,/^set/{/^#/p}' "$0" >&2
  exit 2
fi
count=$1
shift
if (($# == 0)); then
  set -- python -m dynrec_jax.main --config=configs/single.py
fi
port=$(python -c 'import socket
with socket.create_server(("127.0.0.1", 0)) as free: print(free.getsockname()[1])') || exit 1
export DYNREC_COORDINATOR=127.0.0.1:$port DYNREC_HOST_COUNT=$count

# In background, so that signals come to this shell at once; each process gets
# them from here alone, as each is the first of a group of its own.
pids=()
pass() {
  local pid
  for pid in "${pids[@]}"; do
    kill -s "$1" "$pid" 2>/dev/null
  done
}
trap 'pass INT' INT
trap 'pass TERM' TERM
trap 'pass KILL' EXIT
for ((host = 0; host < count; host++)); do
  if [[ -n ${LOG_DIR:-} ]]; then
    mkdir -p "$LOG_DIR"
    exec {out}>>"$LOG_DIR/host_$host.log" {err}>&"$out"
  else
    exec {out}> >(trap '' INT TERM; exec sed -u "s/^/[$host] /") \
      {err}> >(trap '' INT TERM; exec sed -u "s/^/[$host] /" >&2)
  fi
  set -m
  DYNREC_HOST_INDEX=$host "$@" 1>&"$out" 2>&"$err" </dev/null &
  set +m
  pids+=($!)
  exec {out}>&- {err}>&-
done

code=0 left=$count
while ((left)); do
  wait -n -p ended "${pids[@]}" 2>/dev/null
  found=$?
  if [[ -z ${ended:-} ]]; then
    # One that ended while another was begun may be no job any more, and is never
    # waited for by `wait -n`; its code is still known by its number.
    for pid in "${pids[@]}"; do
      if ! kill -s 0 "$pid" 2>/dev/null; then
        ended=$pid
        wait "$pid" 2>/dev/null
        found=$?
        break
      fi
    done
  fi
  if [[ -z ${ended:-} ]]; then
    continue # a signal came, and was passed on
  fi
  left=$((left - 1))
  for host in "${!pids[@]}"; do
    if [[ ${pids[host]} == "$ended" ]]; then
      unset "pids[host]"
      if ((found)); then
        echo "$0: host $host ended with code $found" >&2
      fi
    fi
  done
  # An error is worse than a stop, and a stop tells more than a kill (128 and up).
  if ((found && (code == 0 || (found < 128 && (code >= 128 || code == 75))))); then
    code=$found
  fi
  if ((found && left)) && [[ -z ${late:-} ]]; then
    # They end by themselves, with a line; a minute is more than they need.
    (
      sleep 60
      pass TERM
      sleep 20
      pass KILL
    ) >/dev/null 2>&1 &
    late=$!
  fi
done
if [[ -n ${late:-} ]]; then
  # Not by TERM: one just begun still has this shell's traps, and may lose it.
  kill -s KILL "$late" 2>/dev/null
fi
trap - EXIT
wait
exit "$code"
