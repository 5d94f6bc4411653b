// SPDX-License-Identifier: Apache-2.0
// Passes on the secure dialect, in the order the pipeline runs them.
#ifndef GFS_PASSES_SECURE_PASSES_TD
#define GFS_PASSES_SECURE_PASSES_TD

include "mlir/Pass/PassBase.td"

def SecureTrimOpenings : Pass<"secure-trim-openings", "::mlir::ModuleOp"> {
  let summary = "Send only those bits of opened values that something keeps.";
  let description = [{
    A gate that truncates a masked value by f bits and reads its sign off bits `low` and above keeps nothing of its lowest min(f, low)
    bits but the rounding. One bit less than that is dropped before it is sent: the error of an open with d dropped bits has
    variance 2^{2d}/6. The variance of a truncation stays at most 1/4 of a unit in the last place squared; averaged over values
    it grows from 1/6 by 2^{2(d-f)}/12, at most 1/48.

    Walks backwards from truncations, through maxima, sums and moves; each opening on the way leaves one bit less to those before it, as
    errors add up. What a product or an output uses is opened in full. With `secure.whole_openings` on the module all is.

    - Before: any secure program; present numbers of dropped bits are replaced.
    - After: opens have `dropped`.
    - Cost: an open of l bits sends l - d.
    - Numerics: as above; none with `secure.whole_openings`.
  }];
  let statistics = [
    Statistic<"numBits", "num-bits", "Bits of all opened elements, each way.">,
    Statistic<"numDropped", "num-dropped", "Bits that are not sent.">
  ];
}

def SecureScheduleExchanges : Pass<"secure-schedule-exchanges", "::mlir::ModuleOp"> {
  let summary = "Decide which messages travel together.";
  let description = [{
    Gives every message the earliest exchange its data allows: interval k is the local work before exchange k, an
    open whose operand is ready in interval k sends in exchange k, and its result is ready in interval k + 1. Independent
    opens and comparison messages thereby share an exchange, and the number of exchanges is the length of the longest
    chain of messages, the least possible for the program.

    - Before: any secure program; present schedules are replaced.
    - After: each operation that sends has an `exchange` list, the module has `secure.exchanges`.
    - Cost: none; saves one round trip for each message that shares an exchange.
    - Numerics: exact.
  }];
  let statistics = [
    Statistic<"numMessages", "num-messages", "Messages, as if each travelled alone.">,
    Statistic<"numExchanges", "num-exchanges", "Exchanges after grouping.">
  ];
}

def SecurePlanMemory : Pass<"secure-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Place all values in one arena.";
  let description = [{
    A value lives from the interval of the first phase that writes it to the last interval in which a user has a phase.
    Values whose lifetimes share an interval never overlap, so a result never overlaps an operand and the phases of
    one interval may run in parallel. Largest first, each value goes into the tightest gap that holds it; offsets are
    multiples of 16 words (64 bytes at 4 bytes a word). A reshape whose users read by element count shares its
    operand's memory.

    - Before: a scheduled program.
    - After: arguments and results of operations have `secure.offset`, the module has `secure.arena_words`.
    - Cost: none at run time.
    - Numerics: exact.
  }];
  let statistics = [
    Statistic<"numWords", "num-words", "Ring words of the arena.">,
    Statistic<"numWordsUnshared", "num-words-unshared", "Ring words if no two values shared memory.">
  ];
}

def SecureVerifyMasks : Pass<"secure-verify-masks", "::mlir::ModuleOp"> {
  let summary = "Prove that nothing but uniformly masked values leaves a server.";
  let description = [{
    Refuses a program unless
    1. it consists of secure operations and `func.return` only, so that nothing else can send;
    2. only opens and comparisons have an `exchange`, in which their operands are ready;
    3. each open has a `mask` of its own, and each gate with dealt material a `key` of its own;
    4. hidden weights (`shared`, `server`) give shared products with a key, public weights give masked products;
    5. results of `@main` are shared: a masked value is not an output;
    6. each sign window lies in the ring, 0 <= low < high <= l - 2, with at most 9 bits for a table, each
       threshold of a spline is below 2^(l-2) in magnitude, and each shift, and each number of dropped bits, is at most l - 3.

    - Before: any secure program.
    - After: the same program.
    - Cost: none.
    - Numerics: exact.
  }];
  let statistics = [Statistic<"numMasks", "num-masks", "Masks, each proved to be used once.">];
}

def SecureSummarizeCost : Pass<"secure-summarize-cost", "::mlir::ModuleOp"> {
  let summary = "Add up what the gates cost.";
  let description = [{
    Sums messages, message bytes each way, dealt bytes for each server and ReLUs over the program, from the gates' own
    cost statements, into the module's `secure.cost`. In no pipeline: with `gfs-opt` it shows what a program costs that is
    no plan yet, which tests of other passes check.

    - Before: a secure program.
    - After: the same program; the module has `secure.cost`.
    - Cost: none.
    - Numerics: exact; the numbers are what a run counts.
  }];
}

#endif
