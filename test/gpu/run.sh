#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks and measures GFS on this machine's GPU, in one call of less than ten minutes, without network access and without
# installing anything. Usage: test/gpu/run.sh [--dry-run] [PART …]      PART: tests sanitizer bench plaintext; default all
#
#   tests      every kernel on the GPU against its definition, every gate as whole passes against the clear reference, a GPU
#              server with a CPU server, and the dealer's records against the CPU's: bit by bit
#   bench      convolutions beside the matrix units' peak; then whole passes of both servers on this GPU, alone and in groups,
#              with dealing, preparing and where the time goes; one pass on the CPU: MNIST, ResNet-20, VGG-16, ResNet-18, ResNet-50
#   plaintext  PyTorch's plain forward passes, fp32 and fp16
#   sanitizer  kernels and passes under compute-sanitizer (memory, races, synchronisation, uninitialised reads)
#
# Needs a GPU of compute capability 8.0 or later with its driver, and the programs in $GFS_BUILD: a folder of test/gpu/pack.sh,
# made on any machine that can build GFS (build/gpu-pack, unless given), or build/release, which is built here if clang++-19,
# CMake, nvcc and the libraries of tools/install.sh are there. Plans: $GFS_PLANS, else those of the pack, else build/gpu-plans.
# compute-sanitizer, and python3 with torch and torchvision, are used where they are found.
# Knobs: GFS_GPU_SECONDS (580): the whole run's time; OUT: a folder, which gets gpu-run.log and gpu-figures.txt.
# --dry-run: with the emulated device and small groups, to try this script without a GPU; its figures mean nothing.
#
# Ends with 0 if all that ran passed, 1 if something failed, 77 without a GPU. What cannot run here is listed as skipped.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
dry=no parts=()
for argument in "$@"; do
  case $argument in
  --dry-run) dry=yes ;;
  tests | sanitizer | bench | plaintext) parts+=("$argument") ;;
  *)
    echo "gpu/run: $argument: unknown; parts are tests, sanitizer, bench, plaintext" >&2
    exit 2
    ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || parts=(tests bench plaintext sanitizer)
build=${GFS_BUILD:-build/gpu-pack}
[ -d "$build" ] || build=build/release
plans=${GFS_PLANS:-$build/plans}
[ -d "$plans" ] || plans=build/gpu-plans
deadline=${GFS_GPU_SECONDS:-580}
if [ -n "${OUT:-}" ]; then
  mkdir -p "$OUT"
  exec > >(tee "$OUT/gpu-run.log") 2>&1
fi
figures=${OUT:+$OUT/gpu-figures.txt}
passed=() failed=() skipped=()
# A pack brings the libraries its programs were linked with; no other program shall find them.
own=(env "LD_LIBRARY_PATH=$PWD/$build/lib/system${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")

skip() {
  echo "SKIPPED: $1: $2"
  skipped+=("$1: $2")
}

# step NAME SECONDS COMMAND …: runs it under a time limit and keeps the score; not if too little time is left.
step() {
  local name=$1 limit=$2 started=$SECONDS left
  shift 2
  left=$((deadline - SECONDS))
  if [ "$left" -lt $((limit / 4)) ] || [ "$left" -lt 5 ]; then
    skip "$name" "no time left"
    return 1
  fi
  [ "$left" -lt "$limit" ] && limit=$left
  echo "== $name"
  if timeout -k 5 "$limit" "$@" </dev/null; then
    passed+=("$name ($((SECONDS - started)) s)")
  else
    local code=$?
    [ $code -eq 124 ] && code="$code: more than $limit s"
    failed+=("$name (exit $code, $((SECONDS - started)) s)")
    return 1
  fi
}

# figure NAME SECONDS COMMAND …: a step whose output is kept.
figure() {
  if [ -z "$figures" ]; then
    step "$@"
    return
  fi
  echo "== $1" >>"$figures"
  # shellcheck disable=SC2016
  step "$1" "$2" bash -c 'set -o pipefail; file=$1; shift; "$@" 2>&1 | tee -a "$file"' - "$figures" "${@:3}"
}

part_tests() {
  local test filter limit=120
  [ $dry = yes ] && limit=500 # a GPU is slow where it is emulated
  for test in ConvTest ElementwiseTest RescaleTest CounterModeTest GatesTest ExecTest; do
    filter='EmulatedCuda*:PackedConv.*'
    [ "$test" = CounterModeTest ] && filter='*'
    [ "$test" = ExecTest ] && filter='*VariantTest*'
    if [ -x "$build/bin/$test" ]; then
      step "$test" $limit "${own[@]}" "$build/bin/$test" --gtest_brief=1 "--gtest_filter=$filter"
    else
      skip "$test" "$build/bin/$test is not there"
    fi
  done
}

part_sanitizer() {
  if ! command -v compute-sanitizer >/dev/null; then
    skip compute-sanitizer "not installed"
    return
  fi
  local tool check=(--error-exitcode 1 --print-limit 5)
  for tool in memcheck initcheck; do
    step "compute-sanitizer $tool, passes" 60 "${own[@]}" compute-sanitizer --tool $tool "${check[@]}" "$build/bin/ExecTest" \
      --gtest_brief=1 '--gtest_filter=All/VariantTest.RequestsPreparedTogetherOnAGpuSendTheSameBytes/0'
    step "compute-sanitizer $tool, dealing" 60 "${own[@]}" compute-sanitizer --tool $tool "${check[@]}" "$build/bin/ExecTest" \
      --gtest_brief=1 '--gtest_filter=All/VariantTest.AGpuDealsTheSameBytes/0'
  done
  for tool in racecheck synccheck memcheck; do
    step "compute-sanitizer $tool, convolutions" 40 "${own[@]}" compute-sanitizer --tool $tool "${check[@]}" "$build/bin/ConvTest" \
      --gtest_brief=1 '--gtest_filter=EmulatedCuda/ConvTest.KeepsTheTwoDirectionsApart*'
  done
}

# NETWORK and the groups to try.
networks='lenet_mnist 1 64 1024 8192
resnet20_cifar10 1 64 512
vgg16_cifar 1 8 64
resnet18_imagenet 1 8 32
resnet50_imagenet 1 4 16'

part_bench() {
  local network groups plan
  if [ $dry = yes ]; then
    skip convolutions "needs a GPU"
    networks='lenet_mnist 1 2'
  elif [ -x "$build/bin/gfs-gpu-bench" ]; then
    figure convolutions 60 "${own[@]}" "$build/bin/gfs-gpu-bench" 1 8 64
    GFS_PEAK_TOPS=$("${own[@]}" "$build/bin/gfs-gpu-bench" --peak)
    export GFS_PEAK_TOPS
  else
    skip convolutions "$build/bin/gfs-gpu-bench is not there"
  fi
  while read -r network groups; do
    plan=$plans/$network.bin
    if [ ! -e "$plan" ]; then
      skip "$network" "$plan is not there; test/gpu/pack.sh makes it"
      continue
    fi
    # shellcheck disable=SC2086
    figure "$network on the GPU" 70 "${own[@]}" "$build/bin/gfs-pass-bench" "$plan" cuda $groups
    figure "$network on the CPU" 30 "${own[@]}" "$build/bin/gfs-pass-bench" "$plan" cpu 1
  done <<<"$networks"
}

part_plaintext() {
  if [ $dry = no ] && python3 -c 'import torch, torchvision; assert torch.cuda.is_available()' 2>/dev/null; then
    figure "plaintext in PyTorch" 60 python3 test/gpu/plaintext.py
  else
    skip "plaintext in PyTorch" "no GPU for it, no torch with CUDA, or no torchvision"
  fi
}

summary() {
  echo "== summary"
  [ ${#passed[@]} -gt 0 ] && printf 'passed:  %s\n' "${passed[@]}"
  [ ${#skipped[@]} -gt 0 ] && printf 'skipped: %s\n' "${skipped[@]}"
  [ ${#failed[@]} -gt 0 ] && printf 'FAILED:  %s\n' "${failed[@]}"
  echo "gpu/run: ${#passed[@]} passed, ${#failed[@]} failed, ${#skipped[@]} skipped, $SECONDS s"
}

# --- What there is ---

found() { command -v "$1" 2>/dev/null || echo "not found"; }
echo "programs: $build; plans: $plans ($(find "$plans" -name '*.bin' 2>/dev/null | wc -l)); time: $deadline s"
echo "nvidia-smi: $(found nvidia-smi); nvcc: $(found nvcc); compute-sanitizer: $(found compute-sanitizer); python3: $(found python3)"
if [ $dry = no ]; then
  if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
    for part in "${parts[@]}"; do
      skip "$part" "no GPU here"
    done
    echo "gpu/run: SKIPPED: nothing was checked and nothing was measured; --dry-run tries this script without a GPU"
    exit 77
  fi
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader
fi

targets="ConvTest ElementwiseTest RescaleTest CounterModeTest GatesTest ExecTest gfs-pass-bench"
if [ ! -x "$build/bin/ConvTest" ] && command -v clang++-19 >/dev/null; then
  # shellcheck disable=SC2086
  step build 420 sh -c "cmake --preset release -B '$build' -DGFS_BUILD_COMPILER=OFF >/dev/null &&
    cmake --build '$build' --parallel '$(nproc)' --target $targets gfs_cuda gfs_gpu_bench gfs_cuda_emulated"
fi

# The tests' emulated GPU gives way to the real one.
library=libgfs-cuda.so
[ $dry = yes ] && library=libgfs-cuda-emulated.so
export GFS_CUDA_LIBRARY=$PWD/$build/lib/$library
if [ ! -e "$GFS_CUDA_LIBRARY" ]; then
  failed+=("$GFS_CUDA_LIBRARY is not there: build it, or bring a folder of test/gpu/pack.sh")
else
  for part in "${parts[@]}"; do
    "part_$part"
  done
fi
summary
[ ${#failed[@]} -eq 0 ]
