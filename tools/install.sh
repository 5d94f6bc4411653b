#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building and testing GFS needs on Debian 12, and nothing that is already there. Needs the network only when
# something is missing. Usage: tools/install.sh [--tests]
set -euo pipefail

build_packages=(
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools clang-19 lld-19 cmake ninja-build ccache
  libprotobuf-dev protobuf-compiler libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libssl-dev libasio-dev
  libdnnl-dev libeigen3-dev libzstd-dev zlib1g-dev libgtest-dev libgmock-dev libbenchmark-dev python3)
test_packages=(python3-venv libclang-rt-19-dev clang-format-19 libonnx-testdata dataset-fashion-mnist faketime chromium
  valgrind)

wanted=("${build_packages[@]}")
[ "${1:-}" = --tests ] && wanted+=("${test_packages[@]}")

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "install: error: these packages are missing and need root: ${missing[*]}" >&2
      echo "  hint: run as root, or install them with apt-get" >&2
      exit 1
    }
    sudo=(sudo)
  fi
  echo "install: getting ${#missing[@]} packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Oracles of the tests (never used by the product): a virtual environment under build/.
if [ "${1:-}" = --tests ]; then
  cd "$(dirname "$0")/.."
  venv=build/venv
  if ! "$venv/bin/python" -c 'import numpy, onnx, onnxruntime' 2>/dev/null; then
    echo "install: making a Python environment with numpy, onnx and onnxruntime in $venv"
    mkdir -p build
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check numpy onnx onnxruntime
  fi
fi
