// SPDX-License-Identifier: Apache-2.0
// The conversion from clear integers to two-party steps.
#ifndef GFS_PASSES_CONVERT_FIXEDTOSECURE_TD
#define GFS_PASSES_CONVERT_FIXEDTOSECURE_TD

include "mlir/Pass/PassBase.td"

def ConvertFixedToSecure : Pass<"convert-fixed-to-secure", "::mlir::ModuleOp"> {
  let summary = "Turn clear integer operations into two-party steps.";
  let description = [{
    Each value gets the kinds its users need, and no more: a share is opened once, for all users that need it
    masked. Local operations run on masked operands where these exist anyway, so that their result needs no open; what
    repeats elements (a resize by nearest neighbours, windows along a third axis) has them opened before. With
    public weights a linear layer keeps a masked value masked. A maximum over a window becomes one balanced tree per axis of
    max(a, b) = b + relu(a - b); windows that reach into the padding repeat their nearest element inside.

    - Before: one verified `fixed` function @main; the module has `fixed.ring_bits`.
    - After: one `secure` function @main, without schedule; the module has `secure.ring_bits` and
      `secure.weight_mode`. Masks and keys are numbered in program order.
    - Cost: one open for each share that is masked; a comparison protocol for each ReLU, each spline and each maximum.
    - Numerics: exact; rounding is the fixed program's "up or down".
  }];
  let options = [
    Option<"weightMode", "weights", "std::string", /*default=*/"\"shared\"",
           "Who may see the weights: nobody (shared), server 0 (server), everybody (public).">,
    Option<"reluProtocol", "relu-protocol", "std::string", /*default=*/"\"auto\"",
           "How signs are found: table, one_hot, dcf, or auto (what the operation's fixed.protocol says; without, "
           "table up to 8 window bits, else one_hot).">
  ];
  let dependentDialects = ["::gfs::secure::SecureDialect"];
}

#endif
