#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every #include goes from a folder to one that it may use.

The table is the one place that says so; CONTRIBUTING.md draws it. A folder may always include itself. To allow a new
edge, add it here and say in the commit why the folder needs it.
"""
import pathlib
import re
import sys

ALLOWED = {
    # The runtime, from the bottom up. It never includes MLIR.
    "runtime/base": "",
    "runtime/tensor": "runtime/base",
    "runtime/plan": "runtime/base",
    "runtime/crypto": "runtime/base",
    "runtime/kernels": "runtime/base runtime/crypto runtime/plan/Limits.h",
    "runtime/material": "runtime/base runtime/crypto runtime/plan",
    "runtime/net": "runtime/base",
    "runtime/gates": "runtime/base runtime/crypto runtime/kernels runtime/plan",
    "runtime/exec": "runtime/base runtime/crypto runtime/gates runtime/kernels runtime/net runtime/plan",
    "runtime/cost": "runtime/base runtime/exec runtime/net",
    "runtime/inspect": "runtime/cost runtime/exec runtime/plan",
    "runtime/serve": "runtime/base runtime/cost runtime/crypto runtime/exec runtime/material runtime/net runtime/plan"
                     " runtime/tensor",

    # The compiler's languages and passes. Of the runtime: limits of the protocols, and what gates cost.
    "dialects/common": "MLIR",
    "dialects/nn": "MLIR dialects/common",
    "dialects/fixed": "MLIR dialects/common runtime/plan/Limits.h",
    "dialects/secure": "MLIR runtime/plan/Limits.h",
    "passes/nn": "MLIR dialects/nn",
    "passes/fixed": "MLIR dialects/fixed",
    "passes/spline": "dialects/nn",
    "passes/convert": "MLIR dialects/nn dialects/fixed dialects/secure passes/spline runtime/plan/Limits.h",
    "passes/secure": "MLIR dialects/common dialects/secure runtime/gates runtime/plan",

    # What lies around the passes.
    "compiler/import": "MLIR dialects/nn runtime/base runtime/tensor",
    "compiler/export": "MLIR compiler/import dialects/nn runtime/base",
    "compiler/evaluate": "MLIR dialects/nn runtime/base",
    "compiler/calibrate": "MLIR compiler/evaluate dialects/nn passes/convert runtime/base runtime/crypto"
                          " runtime/plan/Limits.h",
    "compiler/choose": "MLIR compiler/calibrate compiler/cost/Budget.h compiler/evaluate dialects/nn passes/nn"
                       " runtime/base runtime/crypto",
    "compiler/precision": "compiler/choose compiler/evaluate dialects/nn dialects/fixed passes/convert runtime/crypto",
    "compiler/emit": "MLIR dialects/fixed passes/secure runtime/base runtime/exec runtime/plan",
    "compiler/cost": "MLIR compiler/emit dialects/fixed passes/convert passes/secure runtime/base runtime/cost"
                     " runtime/plan",
    "compiler/report": "MLIR dialects/nn passes/fixed runtime/base runtime/cost runtime/exec runtime/inspect",
    "compiler/verify": "runtime/exec runtime/tensor",
    "compiler/pipeline": "MLIR compiler/calibrate compiler/choose compiler/cost compiler/emit compiler/evaluate/Heap.h compiler/export"
                         " compiler/import compiler/precision compiler/report compiler/verify dialects/common dialects/nn dialects/fixed"
                         " dialects/secure passes/convert passes/fixed passes/nn passes/secure runtime/base runtime/exec"
                         " runtime/inspect runtime/tensor",
    "compiler/debug": "MLIR compiler/evaluate compiler/import compiler/pipeline dialects/fixed passes/convert"
                      " passes/fixed passes/nn passes/secure runtime/exec",

    # One folder per program. Those that servers run never include the compiler.
    "tools/common": "runtime/base runtime/cost runtime/net runtime/serve",
    "tools/gfs-bench": "runtime tools/common",
    "tools/gfs-ca": "runtime/net tools/common",
    "tools/gfs-client": "runtime/serve tools/common",
    "tools/gfs-inspect": "runtime/base runtime/inspect runtime/material runtime/plan tools/common",
    "tools/gfsdeal": "runtime/exec runtime/serve tools/common",
    "tools/gfsrun": "runtime/base runtime/serve tools/common",
    "tools/gfscc": "compiler/pipeline runtime/base tools/common",
    "tools/gfs-debug": "compiler/debug tools/gfscc",
    "tools/gfs-opt": "MLIR passes",
    "tools/gfs-spline": "passes/spline runtime/base tools/common",
}
ROOTS = {folder.split("/")[0] for folder in ALLOWED}
SOURCES = {".h", ".cpp", ".cu", ".cuh", ".def", ".in"}
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def within(path, entry):
    return path == entry or path.startswith(entry + "/")


def target(included):
    """What the table calls this file; None for those of other libraries, and for files beside the including one."""
    root = included.split("/")[0]
    if root in ("mlir", "llvm"):
        return "MLIR"
    return included if root in ROOTS else None


def check(root):
    problems, used = [], set()
    for path in sorted(p for top in ROOTS for p in (root / top).rglob("*") if p.suffix in SOURCES):
        name = path.relative_to(root).as_posix()
        folder = "/".join(name.split("/")[:2])
        text = path.read_text(encoding="utf-8")
        if folder not in ALLOWED:
            problems.append(f"{name}: test/layers.py does not know the folder {folder}")
            continue
        for match in INCLUDE.finditer(text):
            included = target(match[1])
            if included is None or within(included, folder):
                continue
            entry = next((e for e in ALLOWED[folder].split() if within(included, e)), None)
            if entry:
                used.add((folder, entry))
                continue
            line = text.count("\n", 0, match.start(1)) + 1
            problems.append(f"{name}:{line}: {folder} must not include {match[1]}"
                            f" (it may use: {ALLOWED[folder] or 'nothing'})")
    for folder, entries in ALLOWED.items():
        problems += [f"test/layers.py: {folder} does not include {entry} any more: remove it"
                     for entry in entries.split() if (folder, entry) not in used]
    return problems


if __name__ == "__main__":
    found = check(pathlib.Path(__file__).resolve().parent.parent)
    print("\n".join(found) or "layers: every include is allowed")
    sys.exit(1 if found else 0)
