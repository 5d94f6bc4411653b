# SPDX-License-Identifier: Apache-2.0
# lit tests of the dialects, passes, importer and tools; run by ctest as the test "lit".
import os

import lit.formats
import lit.util

config.name = "GFS"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".txtpb"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.gfs_binary_dir, "test", "lit")
config.excludes = ["Inputs"]

path = [config.gfs_tools_dir, config.llvm_tools_dir, config.python_dir, config.environment.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
config.environment["NO_COLOR"] = "1"
if "ASAN_OPTIONS" in os.environ:
    config.environment["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]

config.substitutions.append(("%source", config.gfs_source_dir))
# Kilobytes of address space for what follows in the same shell; sanitizers reserve terabytes.
config.substitutions.append(("%limit-memory", ":" if os.environ.get("GFS_SANITIZED") else "ulimit -v"))
config.substitutions.append(("%shared", config.gfs_shared_dir))
config.substitutions.append(
    ("%encode-onnx", f"protoc --proto_path={config.gfs_source_dir} --encode=gfs.onnx.ModelProto compiler/import/onnx.proto"))

if os.path.isdir(os.path.join(config.gfs_shared_dir, "models")):
    config.available_features.add("shared-models")
