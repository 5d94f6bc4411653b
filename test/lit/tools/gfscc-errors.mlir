// SPDX-License-Identifier: Apache-2.0
// Tests the message, the next step and the exit code of the ways to misuse gfscc.
// RUN: rm -rf %t && mkdir -p %t

// RUN: bash -c 'gfscc; test $? = 2' 2>&1 | FileCheck %s --check-prefix=NO-MODEL
// NO-MODEL: model is required

// RUN: bash -c 'gfscc %t/absent.mlir; test $? = 3' 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: gfscc: error: {{.*}}absent.mlir: No such file or directory
// ABSENT-NEXT: hint: check the path

// RUN: echo 'func.func @main( {' > %t/broken.mlir
// RUN: bash -c 'gfscc %t/broken.mlir -q; test $? = 5' 2>&1 | FileCheck %s --check-prefix=BROKEN
// BROKEN: gfscc: error: import: {{.*}}expected
// BROKEN-NEXT: hint: gfs-opt reads the same file

// RUN: bash -c 'gfscc %s --ring=sixty; test $? = 2' 2>&1 | FileCheck %s --check-prefix=RING
// RUN: bash -c 'gfscc %s --ring=15; test $? = 2' 2>&1 | FileCheck %s --check-prefix=RING
// RUN: bash -c 'gfscc %s --ring=65; test $? = 2' 2>&1 | FileCheck %s --check-prefix=RING
// RING: gfscc: error: --ring: expects auto or a number from 16 to 64, got '{{sixty|15|65}}'

// RUN: bash -c 'for f in headroom=1e30 headroom=nan headroom=-1 activation-bits=0 activation-bits=99 window-bits=0 window-bits=63; do gfscc %s --$f; test $? = 2 || exit 1; done' 2>&1 | FileCheck %s --check-prefix=FORMATS
// FORMATS: gfscc: error: --headroom: expects a number from 1 to 1024, got 1e30
// FORMATS-NEXT: hint:
// FORMATS-NEXT: gfscc: error: --headroom: expects a number from 1 to 1024, got nan
// FORMATS: gfscc: error: --headroom: expects a number from 1 to 1024, got -1
// FORMATS: gfscc: error: --activation-bits: expects a number from 4 to 24, got 0
// FORMATS: gfscc: error: --activation-bits: expects a number from 4 to 24, got 99
// FORMATS: gfscc: error: --window-bits: expects a number from 3 to 40, got 0
// FORMATS: gfscc: error: --window-bits: expects a number from 3 to 40, got 63
// RUN: bash -c 'gfscc %s --max-accuracy-drop=nan; test $? = 2' 2>&1 | FileCheck %s --check-prefix=NAN
// NAN: gfscc: error: --max-accuracy-drop: expects a finite number, got nan

// RUN: bash -c 'gfscc %s --shape=x=1x; test $? = 2' 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: gfscc: error: --shape: 'x=1x' is not EXTENTxEXTENT… or NAME=EXTENTxEXTENT
// SHAPE-NEXT: hint: write for example --shape input=1x3x32x32

// RUN: bash -c 'gfscc %s --compile-to=nowhere; test $? = 2' 2>&1 | FileCheck %s --check-prefix=PHASE
// PHASE: gfscc: error: --compile-to: there is no phase 'nowhere'
// PHASE-NEXT: hint: the phases are:
// PHASE: secure: turn integers into two-party steps

// RUN: bash -c 'gfscc %s --weights=secret; test $? = 2' 2>&1 | FileCheck %s --check-prefix=WEIGHTS
// WEIGHTS: --weights: secret not in {shared,server,public}

// RUN: bash -c 'gfscc %s -q --relu-protocol=table; test $? = 2' 2>&1 | FileCheck %s --check-prefix=TABLE
// TABLE: gfscc: error: secure: node 'relu1': 'secure.relu' op has a table over 12 bits, expects at most 9
// TABLE-NEXT: hint: leave --relu-protocol out

// RUN: gfscc %s -q -o %t/plan.bin
// RUN: bash -c 'gfscc %s -q -o %t/plan.bin; test $? = 4' 2>&1 | FileCheck %s --check-prefix=KEYS
// KEYS: gfscc: error: {{.*}}plan.s0.key: there is a key already
// KEYS-NEXT: hint: choose another output, or give --force
// RUN: gfscc %s -q -o %t/plan.bin --force

// RUN: bash -c 'gfscc %s -q -o %t/nowhere/plan.bin; test $? = 4' 2>&1 | FileCheck %s --check-prefix=FOLDER
// FOLDER: gfscc: error: {{.*}}nowhere/plan.bin: there is no such folder
// FOLDER-NEXT: hint: name a file in a folder that exists
module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 16>) -> !fixed.tensor<1x4, scale = 8> {
    %y = fixed.relu %x shift 8 window [8, 20) : !fixed.tensor<1x4, scale = 16> -> !fixed.tensor<1x4, scale = 8> loc("relu1")
    return %y : !fixed.tensor<1x4, scale = 8>
  }
}
