#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that sources are as clang-format would have them; with --fix makes them so. Without that version of it, which
# tools/install.sh --tests installs, exits with 77: versions differ.
set -euo pipefail
cd "$(dirname "$0")/.."

formatter=clang-format-19
if ! command -v $formatter >/dev/null; then
  echo "format: SKIPPED, there is no $formatter: tools/install.sh --tests installs it"
  exit 77
fi
mapfile -t sources < <(find compiler dialects passes runtime test tools -regex '.*\.\(cpp\|h\|cu\|cuh\)' -type f | sort)
if [ "${1:-}" = --fix ]; then
  $formatter -i "${sources[@]}"
  exit
fi
if wrong=$($formatter --dry-run -Werror --ferror-limit=1 "${sources[@]}" 2>&1); then
  echo "format: ${#sources[@]} files are as they should be"
else
  grep -o '^[^ ]*: error' <<<"$wrong" | cut -d: -f1,2 | sort -u
  echo "format: error: the files above are not formatted, from the lines given on"
  echo "  hint: test/format.sh --fix"
  exit 1
fi
