#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds GFS and runs every test. Usage: test/run.sh [--quick | --asan] [ctest options …]
#   --quick  unit and lit tests only
#   --asan   the same tests under AddressSanitizer and UBSan (another build folder)
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
labels=()
while [ $# -gt 0 ]; do
  case "$1" in
  --quick) labels=(-L 'unit|lit') ;;
  --asan) preset=asan labels=(-L 'unit|lit') ;;
  -h | --help)
    sed -n '3,6p' "$0" | cut -c3-
    exit 0
    ;;
  *) break ;;
  esac
  shift
done

tools/install.sh --tests
started=$SECONDS
echo "run: configuring ($preset)"
cmake --preset "$preset" >"/dev/null" || { cmake --preset "$preset"; exit 1; }
echo "run: building"
cmake --build --preset "$preset" --parallel "$(nproc)"
echo "run: built in $((SECONDS - started)) s; testing"
ctest --preset "$preset" --parallel "$(nproc)" "${labels[@]}" "$@"
