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

if [ "$preset" = asan ]; then
  # MLIR's allocators mark memory by hand in the headers that we compile, but not in the library, which
  # is compiled without: a false alarm. Limits of address space cannot hold either.
  export ASAN_OPTIONS=allow_user_poisoning=0 GFS_SANITIZED=1
fi

tools/install.sh --tests
started=$SECONDS
echo "run: configuring ($preset)"
cmake --preset "$preset" >"/dev/null" || { cmake --preset "$preset"; exit 1; }
echo "run: building"
cmake --build --preset "$preset" --parallel "$(nproc)"
echo "run: built in $((SECONDS - started)) s; testing"
ctest --preset "$preset" --parallel "$(nproc)" "${labels[@]}" "$@"
