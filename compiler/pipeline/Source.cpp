// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/Source.h"

#include "dialects/fixed/FixedDialect.h"
#include "dialects/secure/SecureDialect.h"
#include "runtime/base/Error.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace gfs {

Language languageOf(ModuleOp module) {
  Language language = Language::Nn;
  module.walk([&](Operation *op) {
    if (isa_and_nonnull<secure::SecureDialect>(op->getDialect()))
      language = Language::Secure;
    else if (isa_and_nonnull<fixed::FixedDialect>(op->getDialect()))
      language = Language::Fixed;
    return language == Language::Nn ? WalkResult::advance() : WalkResult::interrupt();
  });
  return language;
}

OwningOpRef<ModuleOp> parseProgram(MLIRContext &context, const std::filesystem::path &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path.string());
  if (!buffer)
    throw Error(ExitCode::InputUnreadable,
                fmt::format("{}: {}", path.string(), buffer.getError().message()),
                "check the path");
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  return parseSourceFile<ModuleOp>(sources, &context);
}

} // namespace gfs
