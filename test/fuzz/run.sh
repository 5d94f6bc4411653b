#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzzers (preset "fuzz": libFuzzer, AddressSanitizer, UBSan) and runs each on small files of the test suite.
# What fails is left in build/fuzz/findings. Usage: test/fuzz/run.sh [SECONDS [FUZZER …]]
#   SECONDS  for each fuzzer; default 10
#   FUZZER   FileFuzzer, ImportFuzzer, NetworkFuzzer, PlanFuzzer, RunFuzzer, TensorFuzzer; default all
# Exit code: 0 nothing found; 1 something found or not built; 77 this compiler has no libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
seconds=${1:-10}
fuzzers=("${@:2}")
[ ${#fuzzers[@]} -gt 0 ] || fuzzers=(FileFuzzer ImportFuzzer NetworkFuzzer PlanFuzzer RunFuzzer TensorFuzzer)
tools=${GFS_BIN:-$root/build/release/bin}
folder=$root/build/fuzz

mkdir -p "$folder"
if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const char *, long) { return 0; }' |
  clang++-19 -x c++ -fsanitize=fuzzer,address - -o "$folder/probe" 2>/dev/null; then
  echo "SKIPPED: clang++-19 has no libFuzzer; tools/install.sh --tests installs it (libclang-rt-19-dev)"
  exit 77
fi
echo "fuzz: building ${fuzzers[*]}"
build() { cmake --preset fuzz && cmake --build --preset fuzz --parallel "$(nproc)" --target "${fuzzers[@]}"; }
build >"$folder/build.log" 2>&1 || { tail -60 "$folder/build.log" && exit 1; }

# Seeds: the importer's own tests, models of ONNX's conformance data, what gfscc makes of them.
seeds() { mkdir -p "$folder/seeds/$1" "$folder/corpus/$1"; }
seeds ImportFuzzer
seeds PlanFuzzer
seeds RunFuzzer
seeds TensorFuzzer
seeds FileFuzzer
seeds NetworkFuzzer
# A header of material behind 66 bytes of payload; a client, and a peer, that say what is due; a visitor.
ids='plan_hash: "0123456789abcdef0123456789abcdef" model_id: "0123456789abcdef" material_id: "0123456789abcdef"'
{ head -c 66 /dev/zero | tr '\0' '\35'
  echo "format: 1 kind: \"material.s0\" $ids records: 1 record_bytes: 29 payload_bytes: 1" |
    protoc --encode=gfs.plan.FileHeader runtime/plan/plan.proto; } >"$folder/seeds/FileFuzzer/material"
request='\22\0\0\0\0\0\0\2\12\020'0123456789abcdef
printf "\2${request}\30\0\0\0\0\0\0\3%024d" 0 >"$folder/seeds/NetworkFuzzer/client"
printf '\4\4\0\0\0\0\0\0\2\10\1\20\1\2\0\0\0\0\0\0\2\12\0' >"$folder/seeds/NetworkFuzzer/peer"
printf '\5GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n' >"$folder/seeds/NetworkFuzzer/visitor"
for text in test/lit/import/*.txtpb; do
  name=$(basename "$text" .txtpb)
  model=$folder/seeds/ImportFuzzer/$name.onnx
  protoc --encode=gfs.onnx.ModelProto compiler/import/onnx.proto <"$text" >"$model"
  if [ -x "$tools/gfscc" ] && "$tools/gfscc" "$model" -o "$folder/plan.bin" --force -q >/dev/null 2>&1; then
    mv "$folder/plan.bin" "$folder/seeds/PlanFuzzer/$name.bin"
    cp "$folder/seeds/PlanFuzzer/$name.bin" "$folder/seeds/RunFuzzer/"
  fi
done
rm -f "$folder"/plan.*
small() { [ "$(stat -c %s "$1")" -lt 4000 ] && cp "$1" "$2"; }
shopt -s nullglob
for case in /usr/share/libonnx-testdata/data/node/test_{conv,gemm,maxpool,averagepool,resize,slice,batchnorm,concat,softmax,clip}*; do
  small "$case/model.onnx" "$folder/seeds/ImportFuzzer/$(basename "$case").onnx" || true
  small "$case/test_data_set_0/input_0.pb" "$folder/seeds/TensorFuzzer/$(basename "$case").pb" || true
done
head -c 3000 test/data/fashion_calib.npy >"$folder/seeds/TensorFuzzer/cut.npy"

# The report of the sanitizer and the input, without the fuzzer's progress.
whatWasFound() { grep -avE '^#[0-9]+[[:space:]]+[A-Z]|libprotobuf ERROR' "$folder/$1.log" | tail -60 | cut -c -400; }

found=0
for fuzzer in "${fuzzers[@]}"; do
  mkdir -p "$folder/findings"
  echo "fuzz: $fuzzer for $seconds s"
  "$folder/bin/$fuzzer" -max_total_time="$seconds" -max_len=16384 -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 \
    -artifact_prefix="$folder/findings/$fuzzer-" "$folder/corpus/$fuzzer" "$folder/seeds/$fuzzer" \
    >"$folder/$fuzzer.log" 2>&1 || { found=1 && whatWasFound "$fuzzer"; }
  grep -h "stat::number_of_executed_units\|stat::peak_rss_mb" "$folder/$fuzzer.log" || true
done
[ $found = 0 ] || echo "fuzz: findings are in $folder/findings"
exit $found
