#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job, start to end, on this machine: builds GFS, compiles a trained network, deals one-time material, starts two
# servers, and lets a client classify Fashion-MNIST images in private over TLS. Ends with a table.
# Usage: tools/demo.sh [images, default 200]
set -euo pipefail
cd "$(dirname "$0")/.."

images=${1:-200}
case "$images" in
'' | *[!0-9]*) echo "demo: error: '$images' is no number of images" >&2; exit 2 ;;
esac
if [ "$images" -lt 1 ] || [ "$images" -gt 200 ]; then
  echo "demo: error: there are 200 test images, asked for $images" >&2
  exit 2
fi
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

say "1. Install and build"
tools/install.sh
cmake --preset release >/dev/null || { cmake --preset release; exit 1; }
cmake --build --preset release --parallel "$(nproc)" --target gfscc gfsdeal gfsrun gfs-client gfs-ca gfs-inspect
export PATH="$PWD/build/release/bin:$PATH"

work=$(mktemp -d)
servers=()
finish() {
  for pid in "${servers[@]:-}"; do [ -n "$pid" ] && kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
data=test/data

say "2. Model owner: compile test/models/fashion_cnn.onnx, calibrated on 128 training images"
gfscc test/models/fashion_cnn.onnx -o "$work/plan.bin" --calib "$data/fashion_calib.npy" --tolerance 0.0015

say "3. Dealer: one-time material for $images inferences"
dealing=$(date +%s%N)
gfsdeal "$work/plan.bin" -n "$images" --out0 "$work/plan.s0.material" --out1 "$work/plan.s1.material"
dealing=$((($(date +%s%N) - dealing) / 1000000))

say "4. Certificates: a small CA, two servers, one client"
gfs-ca init -q "$work/ca"
gfs-ca issue -q "$work/ca" --role server0 --host 127.0.0.1 localhost
gfs-ca issue -q "$work/ca" --role server1 --host 127.0.0.1 localhost
gfs-ca issue -q "$work/ca" --role client:demo

say "5. Two servers on loopback, TLS 1.3 with mutual authentication"
wait_for() { # file, process, log
  for _ in $(seq 300); do
    [ -s "$1" ] && return
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  echo "demo: error: a server did not start:" >&2
  cat "$3" >&2
  exit 1
}
start() { # party, further flags
  local party=$1
  shift
  gfsrun "$work/plan.bin" --party "$party" --listen 127.0.0.1:0 --port-file "$work/port$party" --ca "$work/ca/ca.crt" \
    --cert "$work/ca/server$party.crt" --cert-key "$work/ca/server$party.key" "$@" >"$work/out$party" 2>"$work/log$party" &
  servers+=($!)
  wait_for "$work/port$party" $! "$work/log$party"
}
start 0
start 1 --peer "127.0.0.1:$(cat "$work/port0")"
wait_for "$work/out0" "${servers[0]}" "$work/log0"
cat "$work/out0" "$work/out1"

say "6. Client: $images images, in private"
gfs-client infer --plan "$work/plan.bin" --server0 "127.0.0.1:$(cat "$work/port0")" --server1 "127.0.0.1:$(cat "$work/port1")" \
  --ca "$work/ca/ca.crt" --cert "$work/ca/client-demo.crt" --cert-key "$work/ca/client-demo.key" \
  --input "$data/fashion_test_200.npz:images" --batch --limit "$images" --labels "$data/fashion_test_200.npz:labels" \
  --expected "$data/fashion_test_200_logits.npy" --min-agreement 0.99 --json "$work/stats.json" --top 1 >"$work/client.txt"
head -n 3 "$work/client.txt"
echo "…"

say "7. What it took"
python3 - "$work/stats.json" "$dealing" "$images" "$data" <<'PY'
import array, json, sys, zipfile
stats = json.load(open(sys.argv[1]))
dealing, images, data = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

def elements(npy, code):  # of an .npy file of version 1: the header's length stands at byte 8
    return array.array(code, npy[10 + int.from_bytes(npy[8:10], "little"):])

logits = elements(open(f"{data}/fashion_test_200_logits.npy", "rb").read(), "f")
labels = elements(zipfile.ZipFile(f"{data}/fashion_test_200.npz").read("labels.npy"), "B")
outputs = [logits[10 * i:10 * i + 10] for i in range(images)]
plain = sum(row.index(max(row)) == label for row, label in zip(outputs, labels)) / images
servers = stats["servers"]
prepare = max(s["prepare_ms"]["mean"] if isinstance(s["prepare_ms"], dict) else s["prepare_ms"] for s in servers)
def p(x): return x["p50"] if isinstance(x, dict) else x
rows = [
    ("images", f"{stats['requests']}"),
    ("agreement with plaintext argmax", f"{100 * stats['agreement']:.1f} %"),
    ("accuracy, private run", f"{100 * stats['accuracy']:.1f} %"),
    ("accuracy, plaintext (ONNX Runtime)", f"{100 * plain:.1f} %"),
    ("online per image, servers (p50)", f"{max(p(s['online_ms']) for s in servers):.2f} ms"),
    ("whole request, client (p50)", f"{stats['total_ms']['p50']:.2f} ms"),
    ("exchanges per image", f"{p(servers[0]['exchanges']):.0f}"),
    ("bytes each way between servers", f"{p(servers[0]['bytes_sent']):,.0f}"),
    ("dealt bytes, server 0 / server 1", f"{p(servers[0]['dealt_bytes']):,.0f} / {p(servers[1]['dealt_bytes']):,.0f}"),
    ("offline per image: dealing, to disk", f"{dealing / images:.2f} ms"),
    ("offline per image: preparing", f"{prepare:.2f} ms"),
]
width = max(len(name) for name, _ in rows)
for name, value in rows:
    print(f"  {name:<{width}}  {value:>20}")
PY
