#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Gathers what test/gpu/run.sh needs on a machine that has a GPU but no compiler for GFS, no packages and no network: programs,
# the libraries they are linked with, libgfs-cuda.so and plans of the networks to measure. Usage: test/gpu/pack.sh [FOLDER]
#   FOLDER      default build/gpu-pack; some 20 MB
#   GFS_BUILD   the build to take them from and to bring up to date (build/release)
#   GFS_MODELS  NAME.onnx and NAME.calib.npy of the networks (build/models); tools/bench_models.py writes most of them
# Needs nvcc (no GPU). On the other machine the C library and libstdc++ must be as new as here (Debian 12: glibc 2.36, GCC 12).
# Weights and keys are left out: gfs-pass-bench makes them up, since times and rightness do not depend on them.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-build/gpu-pack}
build=${GFS_BUILD:-build/release}
models=${GFS_MODELS:-build/models}
programs=(ConvTest ElementwiseTest RescaleTest CounterModeTest GatesTest ExecTest gfs-pass-bench gfs-gpu-bench)

cmake --build "$build" --parallel "$(nproc)" --target "${programs[@]:0:7}" gfs_cuda gfs_gpu_bench gfs_cuda_emulated gfscc >/dev/null
if [ ! -e "$build/lib/libgfs-cuda.so" ]; then
  echo "gpu/pack: $build/lib/libgfs-cuda.so was not built: is nvcc there?" >&2
  exit 1
fi
mkdir -p "$folder/bin" "$folder/lib/system" "$folder/plans"
for program in "${programs[@]}"; do
  install -s "$build/bin/$program" "$folder/bin/"
done
install "$build/lib/libgfs-cuda.so" "$build/lib/libgfs-cuda-emulated.so" "$folder/lib/"
# All but what every machine has in its own version.
for program in "${programs[@]}"; do ldd "$folder/bin/$program"; done |
  awk '$3 ~ "^/" && $1 !~ "^(libc|libm|libdl|librt|libpthread|libstdc[+][+]|libgcc_s|ld-linux.*)[.]so" { print $3 }' | sort -u |
  while read -r library; do install "$library" "$folder/lib/system/"; done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for network in lenet_mnist resnet20_cifar10 vgg16_cifar resnet18_imagenet resnet50_imagenet; do
  if [ ! -e "$models/$network.onnx" ]; then
    build/venv/bin/python tools/bench_models.py -o "$models" "$network" 2>/dev/null || {
      echo "gpu/pack: SKIPPED: $network: $models/$network.onnx is not there, nor can tools/bench_models.py write it" >&2
      continue
    }
  fi
  "$build/bin/gfscc" -q "$models/$network.onnx" --calib "$models/$network.calib.npy" -o "$scratch/$network.bin"
  install "$scratch/$network.bin" "$folder/plans/"
  rm -f "$scratch"/*
done
echo "$folder: $(du -sh "$folder" | cut -f1), $(find "$folder/plans" -name '*.bin' | wc -l) plans; there: GFS_BUILD=$folder test/gpu/run.sh"
