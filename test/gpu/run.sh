#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks and measures GFS on this machine's GPU, in one call of less than ten minutes. Usage: test/gpu/run.sh [--no-bench]
#
# 1. builds runtime, tests and libgfs-cuda.so, unless $GFS_BUILD (default build/release) has them
# 2. runs every kernel on the GPU against its definition, every gate as whole passes against the clear reference, bit by bit,
#    and a GPU server with a CPU server
# 3. runs kernel and gate tests under compute-sanitizer (memory, races, synchronisation, uninitialised reads)
# 4. measures convolutions beside the matrix units' peak, then whole passes of both servers on this GPU, alone and in groups,
#    and on the CPU: MNIST, ResNet-20, VGG-16, ResNet-18, ResNet-50, as far as gfscc (or plans NAME.bin with weights and keys
#    beside them in $GFS_PLANS) provides them; PyTorch's plain forward passes beside them where torch is installed
#
# Ends with 0 if all ran and passed, 1 if something failed, 77 without a GPU. What cannot run here is listed as skipped.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=${GFS_BUILD:-build/release}
plans=${GFS_PLANS:-build/gpu-plans}
bench=yes
[ "${1:-}" = --no-bench ] && bench=no
passed=() failed=() skipped=()

skip() {
  echo "SKIPPED: $1: $2"
  skipped+=("$1")
}

# step NAME SECONDS COMMAND …: runs it under a time limit and keeps the score; not if ten minutes would not be enough.
step() {
  local name=$1 limit=$2 started=$SECONDS
  shift 2
  if [ $((SECONDS + limit / 4)) -gt 580 ]; then
    skip "$name" "no time left"
    return
  fi
  [ $((SECONDS + limit)) -gt 590 ] && limit=$((590 - SECONDS))
  echo "== $name"
  if timeout "$limit" "$@" </dev/null; then
    passed+=("$name ($((SECONDS - started)) s)")
  else
    failed+=("$name (exit $?, $((SECONDS - started)) s)")
  fi
}

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
  echo "gpu/run: SKIPPED: no GPU here; nothing was checked and nothing was measured"
  exit 77
fi
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader

tests=(ConvTest ElementwiseTest RescaleTest CounterModeTest GatesTest ExecTest)
if [ ! -x "$build/bin/ConvTest" ] || [ ! -e "$build/lib/libgfs-cuda.so" ]; then
  step build 420 sh -c "cmake --preset release -B '$build' -DGFS_BUILD_COMPILER=OFF >/dev/null &&
    cmake --build '$build' --parallel '$(nproc)' --target ${tests[*]} gfs_cuda gfsrun gfs-pass-bench"
fi
command -v nvcc >/dev/null && [ ! -x "$build/bin/gfs-gpu-bench" ] &&
  step build-bench 120 cmake --build "$build" --target gfs_gpu_bench

# The tests' emulated GPU gives way to the real one.
export GFS_CUDA_LIBRARY=$PWD/$build/lib/libgfs-cuda.so
for test in "${tests[@]}"; do
  filter='EmulatedCuda*:PackedConv.*'
  [ "$test" = ExecTest ] && filter='*VariantTest*'
  if [ -x "$build/bin/$test" ]; then
    step "$test" 120 "$build/bin/$test" --gtest_brief=1 "--gtest_filter=$filter"
  else
    skip "$test" "not built"
  fi
done

if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck synccheck initcheck; do
    step "compute-sanitizer $tool, kernels" 40 compute-sanitizer --tool "$tool" --error-exitcode 1 "$build/bin/ConvTest" \
      --gtest_brief=1 '--gtest_filter=EmulatedCuda/ConvTest.KeepsTheTwoDirectionsApart*'
  done
  for tool in memcheck initcheck; do
    step "compute-sanitizer $tool, passes" 60 compute-sanitizer --tool "$tool" --error-exitcode 1 "$build/bin/ExecTest" \
      --gtest_brief=1 '--gtest_filter=All/VariantTest.GroupsOnAGpuSendTheSameBytes/0'
  done
else
  skip compute-sanitizer "not installed"
fi

if [ "$bench" = yes ]; then
  if [ -x "$build/bin/gfs-gpu-bench" ]; then
    step convolutions 90 "$build/bin/gfs-gpu-bench" 1 8 64
  else
    skip convolutions "gfs-gpu-bench is not built"
  fi
  python=build/venv/bin/python
  # NETWORK and the groups to try.
  while read -r network groups; do
    plan=$plans/$network.bin
    if [ ! -e "$plan" ] && grep -q "\"$network\"" tools/bench_models.py && [ -x "$build/bin/gfscc" ] && "$python" -c 'import onnx, onnxruntime' 2>/dev/null; then
      step "compile $network" 100 sh -c "'$python' tools/bench_models.py -o '$plans' $network &&
        '$build/bin/gfscc' -q '$plans/$network.onnx' --calib '$plans/$network.calib.npy' -o '$plan'"
    fi
    if [ ! -e "$plan" ]; then
      skip "$network" "no plan; make one with tools/bench_models.py and gfscc"
      continue
    fi
    # shellcheck disable=SC2086
    step "$network on the GPU" 100 "$build/bin/gfs-pass-bench" "$plan" cuda $groups
    step "$network on the CPU" 40 "$build/bin/gfs-pass-bench" "$plan" cpu 1
  done <<'NETWORKS'
lenet_mnist 1 64 1024 8192
resnet20_cifar10 1 64 512
vgg16_cifar 1 8 64
resnet18_imagenet 1 8 32
resnet50_imagenet 1 4 16
NETWORKS
  if python3 -c 'import torch, torchvision; assert torch.cuda.is_available()' 2>/dev/null; then
    step "plaintext in PyTorch" 90 python3 test/gpu/plaintext.py
  else
    skip "plaintext in PyTorch" "no torch with CUDA, or no torchvision"
  fi
fi

echo "== summary"
printf 'passed:  %s\n' "${passed[@]}"
[ ${#skipped[@]} -gt 0 ] && printf 'skipped: %s\n' "${skipped[@]}"
[ ${#failed[@]} -gt 0 ] && printf 'FAILED:  %s\n' "${failed[@]}"
echo "gpu/run: ${#passed[@]} passed, ${#failed[@]} failed, ${#skipped[@]} skipped, $SECONDS s"
[ ${#failed[@]} -eq 0 ]
