// SPDX-License-Identifier: Apache-2.0
// The secure dialect: what the two servers do, one operation for one step of the plan.
#ifndef GFS_DIALECTS_SECURE_SECUREDIALECT_TD
#define GFS_DIALECTS_SECURE_SECUREDIALECT_TD

include "mlir/IR/OpBase.td"

def Secure_Dialect : Dialect {
  let name = "secure";
  let cppNamespace = "::gfs::secure";
  let summary = "Two-party steps on shared and masked values.";
  let description = [{
    A program of this dialect is what both servers execute, with their own share in place of every
    `!secure.share`. It comes from `fixed` (the same integers, without secrets) and becomes `plan.bin`.

    Arithmetic is modulo 2^l, l = the module's `secure.ring_bits`. A value has one of two kinds:
    - `!secure.share`: x = x_0 + x_1, one uniform summand at each server. Neither server knows x.
    - `!secure.masked`: x + r, known to both servers. Neither server knows r.

    A share becomes masked by `secure.open` and by nothing else; each open spends a mask of its own.
    What is sent between the servers is what opens and comparisons send; what reaches the client are the results of
    `@main`. `secure-verify-masks` proves both for every program that becomes a plan.

    Module attributes: `secure.ring_bits` (l), `secure.weight_mode` ("shared", "server" or "public"),
    `secure.whole_openings` (opens send all bits, see `secure-trim-openings`), and after planning `secure.exchanges` and
    `secure.arena_words`.
    Arguments and results of `@main` are ports: `secure.name`, on arguments `secure.seen` (the largest magnitude in the
    calibration samples, rounded up), and on results `secure.post` ("none", "softmax", "log_softmax" or "argmax", applied by the client).
  }];
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

#endif
