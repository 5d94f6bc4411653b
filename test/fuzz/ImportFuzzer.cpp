// SPDX-License-Identifier: Apache-2.0
// Whatever bytes a model consists of, importing it ends in a valid module or in gfs::Error with a
// cause other than a mistake of ours, in bounded memory and time.
#include "compiler/import/Import.h"
#include "compiler/import/Inspect.h"
#include "compiler/import/onnx.pb.h"
#include "runtime/base/Error.h"
#include "test/fuzz/Mutate.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace fs = std::filesystem;

/// A folder of this process with nothing in it but the model: external data finds no other file.
static const fs::path &modelPath() {
  struct Folder {
    fs::path path = fs::temp_directory_path() / ("gfs-import-fuzzer-" + std::to_string(::getpid()));
    fs::path model = path / "model.onnx";
    Folder() { fs::create_directories(path); }
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  };
  static const Folder folder;
  return folder.model;
}

template <class Body> static void expectErrors(Body body) {
  try {
    body();
  } catch (const gfs::Error &error) {
    if (error.code() == gfs::ExitCode::Internal)
      std::abort();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::ofstream(modelPath(), std::ios::binary)
      .write(reinterpret_cast<const char *>(data), static_cast<std::streamsize>(size));
  expectErrors([] {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    if (mlir::failed(mlir::verify(*gfs::importOnnx(modelPath(), {}, context))))
      std::abort();
  });
  expectErrors([] {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    gfs::inspectOnnx(modelPath(), {}, {}, context);
  });
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  static gfs::onnx::ModelProto scratch;
  static const gfs::fuzz::Format format = [] {
    gfs::fuzz::Format result{scratch};
    for (const auto &[name, versions] : gfs::importedOperators())
      result.words.push_back(name);
    return result;
  }();
  return gfs::fuzz::mutate(format, data, size, maxSize, seed);
}
