// SPDX-License-Identifier: Apache-2.0
// RUN: rm -rf %t && mkdir -p %t
// RUN: gfscc %s -q --relu-protocol=table -o %t/plan.bin
// RUN: gfs-inspect %t/plan.bin | FileCheck %s --check-prefix=OVERVIEW
// RUN: gfs-inspect %t/plan.bin --layers | FileCheck %s --check-prefix=LAYERS
// RUN: gfs-inspect %t/plan.bin --schedule | FileCheck %s --check-prefix=SCHEDULE
// RUN: gfs-inspect %t/plan.bin --leakage | FileCheck %s --check-prefix=LEAKAGE
// RUN: gfscc %s -q --relu-protocol=table --whole-openings -o %t/whole.bin
// RUN: gfs-inspect %t/whole.bin | FileCheck %s --check-prefix=WHOLE
// WHOLE: bytes each way 25
// RUN: gfs-inspect %t/plan.bin --json | FileCheck %s --check-prefix=JSON
// Three exchanges of half a round trip each, and nothing else takes a tenth of a millisecond.
// RUN: gfs-inspect %t/plan.bin --network=rtt=200 | FileCheck %s --check-prefix=SLOW
// SLOW: predicted 30{{[0-2]}}.{{[0-9]}} ms online for rtt=200
// RUN: bash -c 'gfs-inspect %t/plan.bin --network=moon; test $? = 2' 2>&1 | FileCheck %s --check-prefix=MOON
// MOON: gfs-inspect: error: --network: 'moon' is no network
// RUN: bash -c 'gfs-inspect %t/plan.bin --machine=%t/absent.json; test $? = 3' 2>&1 | FileCheck %s --check-prefix=MACHINE
// MACHINE: gfs-inspect: error: {{.*}}absent.json: cannot be read
// RUN: gfs-inspect %t/plan.weights | FileCheck %s --check-prefix=WEIGHTS
// RUN: gfs-inspect %t/plan.s0.key | FileCheck %s --check-prefix=KEY
// RUN: gfs-inspect %t/plan.dealer.key --json | FileCheck %s --check-prefix=DEALER
// Tests every view of a small plan: one linear layer of 4 x 2, one ReLU of 2 elements.

// OVERVIEW: plan.bin: plan of gfs-inspect, format 2, made by gfscc
// OVERVIEW: hash {{[0-9a-f]+$}}
// OVERVIEW: ring 32 bits
// OVERVIEW: weights 8 in 1 tensors, shared (neither server knows them)
// OVERVIEW: input in 1x4, scale 8
// OVERVIEW: output out 1x2, scale 8, softmax at the client
// OVERVIEW: multiplications 8 a server
// OVERVIEW: ReLUs 2
// OVERVIEW: exchanges 3
// 4 opened elements of 32 bits, 2 of 27 (the window begins at bit 6), and 2 bits in one byte.
// OVERVIEW: bytes each way 24
// OVERVIEW: dealt bytes 40 to server 0, 28 to server 1, an inference
// OVERVIEW: predicted 0.{{[0-9]}} ms online for lan: 0.2 ms round trip, 1000 Mbit/s; machine: built-in figures

// LAYERS: step name gate shape kind detail scale exchanges bytes each way dealt to 0 dealt to 1 predicted ms
// LAYERS: 0 in Input 1x4 shared port 0 8 0 0 0 0
// LAYERS: Open 1x4 masked 8 1 16 0 0
// LAYERS: Linear 1x2 shared 2x4x1x1 16 0 0 8 0
// LAYERS: Open 1x2 masked bits 5 to 31 16 1 7 0 0
// LAYERS: Relu 1x2 shared table 7 bits [6, 13), >> 8 8 1 1 32 28

// SCHEDULE: exchange messages of bytes each way
// SCHEDULE: 0 {{.*}}(Open) 16
// SCHEDULE: 1 {{.*}}(Open) 7
// SCHEDULE: 2 {{.*}}(Relu) 1

// LEAKAGE: Everybody who holds plan.bin
// LEAKAGE: Server 0
// LEAKAGE: weights plan.weights is W - A
// LEAKAGE: from client one share of each input (in), 16 bytes: uniform mod 2^32
// LEAKAGE: from server 1 3 exchanges, 24 bytes, nothing else
// LEAKAGE: 2 opened values, 6 elements
// LEAKAGE: 1 bytes of comparison bits
// LEAKAGE: Server 1
// LEAKAGE: Dealer
// LEAKAGE: Client
// LEAKAGE: learns the outputs in full (out)
// LEAKAGE: Model owner
// LEAKAGE: Network observer
// LEAKAGE: 24 bytes between the servers each way in 3 exchanges, 16 in and 8 out
// LEAKAGE: both servers, or the dealer and a server: everything

// JSON: "schema": 1
// JSON: "ring_bits": 32
// JSON: "weight_mode": "shared"
// JSON: "totals": {
// JSON: "exchanges": 3
// JSON: "bytes_each_way": 24
// JSON: "relus": 2
// JSON: "predicted": {
// JSON: "network": "lan"
// JSON: "layers": [
// JSON: "predicted_ms":
// JSON: "schedule": [

// WEIGHTS: plan.weights: weights
// WEIGHTS: plan hash
// WEIGHTS: model id
// WEIGHTS: payload bytes 32

// KEY: plan.s0.key: key.s0
// KEY: payload bytes 32
// DEALER: "kind": "key.dealer"
// DEALER: "payload_bytes": 64
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 8> {fixed.name = "in"}) -> (!fixed.tensor<1x2, scale = 8> {fixed.name = "out", fixed.post = "softmax"}) {
    %w = fixed.weight dense<1> : tensor<2x4xi32> -> !fixed.tensor<2x4, scale = 8>
    %z = fixed.linear %x, %w : (!fixed.tensor<1x4, scale = 8>, !fixed.tensor<2x4, scale = 8>) -> !fixed.tensor<1x2, scale = 16>
    %y = fixed.relu %z shift 8 window [6, 13) : !fixed.tensor<1x2, scale = 16> -> !fixed.tensor<1x2, scale = 8>
    return %y : !fixed.tensor<1x2, scale = 8>
  }
}
