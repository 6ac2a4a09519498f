#!/usr/bin/env bash
# How each choice of content changes F at 5 on MovieTweetings: README's table.
#
#   launch/compare_content.sh FOLDER [RUN ...]
#
# FOLDER has MovieTweetings' files (BUILD.md, Data). Trains the runs named, or
# all, one after the other into runs/content/RUN, and compares all with the
# first. A run that was stopped goes on when the command is given again. Different
# runs may go side by side; the comparison is printed once all have ended.
set -euo pipefail

if (($# < 1)); then
  sed -n '2,/^set/{/^#/p}' "$0" >&2
  exit 2
fi
folder=$1
shift

# Each differs from the first, MovieTweetings' defaults, in one key.
declare -A differs=(
  [kim_mm_lda]=''
  [tfidf]='--config.text.encoder=tfidf_svd'
  [text_lda]='--config.topics.yt=text_lda'
  [corr_lda]='--config.topics.yt=corr_lda'
  [no_visual]='--config.visual.encoder=none'
)
order=(kim_mm_lda tfidf text_lda corr_lda no_visual)

for run in "${@:-${order[@]}}"; do
  if [[ ! -v "differs[$run]" ]]; then
    echo "unknown run '$run'; valid are $(printf "%s, " "${order[@]}" | sed "s|, $||")" >&2
    exit 2
  fi
done
for run in "${@:-${order[@]}}"; do
  # shellcheck disable=SC2086  # no key is one word, or none
  python -m dynrec_jax.main --config=configs/single.py:movietweetings \
    --config.data.manual_dir="$folder" --config.workdir="runs/content/$run" \
    ${differs[$run]}
done

ended=()
for run in "${order[@]}"; do
  if [[ -f runs/content/$run/results.json ]]; then
    ended+=("'runs/content/$run',")
  fi
done
if ((${#ended[@]} == ${#order[@]})); then
  python -m dynrec_jax.main --config=configs/single.py:movietweetings \
    --config.mode=compare --config.compare.runs="(${ended[*]})"
fi
