// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-bench/Plaintext.h"

#include "runtime/base/Error.h"
#include "tools/gfs-bench/ChildProcess.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace gfs {

/// Times every image alone, with one thread, in the given order and so often as the servers do.
static constexpr const char *program = R"(
import json, sys, time
import numpy as np
import onnxruntime as ort
model, images, expected, count, warm_up, repeat = *sys.argv[1:4], *map(int, sys.argv[4:])
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
if len(session.get_inputs()) != 1:
    raise SystemExit("Error: the model has several inputs")
port = session.get_inputs()[0]
shape = [axis if isinstance(axis, int) and axis > 0 else 1 for axis in port.shape]
images = np.load(images).astype(np.float32).reshape(-1, *shape)[:count]
run = lambda image: session.run(None, {port.name: image})[0]
np.save(expected, np.concatenate([run(image).reshape(1, -1) for image in images]))
for i in range(warm_up):
    run(images[i % len(images)])
times = []
for i in range(repeat):
    for image in images:
        start = time.perf_counter()
        run(image)
        times.append(1e3 * (time.perf_counter() - start))
json.dump({"version": ort.__version__, "ms": times}, sys.stdout)
)";

PlaintextResult runPlaintext(const PlaintextOptions &options) {
  PlaintextResult result;
  result.expected = options.folder / "expected.npy";
  ChildOptions child;
  child.command = {"/usr/bin/env",
                   options.python,
                   "-c",
                   program,
                   options.model,
                   options.input,
                   result.expected,
                   std::to_string(options.images),
                   std::to_string(options.warmUp),
                   std::to_string(options.repeat)};
  child.output = options.folder / "plaintext.json";
  child.errors = options.folder / "plaintext.log";
  child.core = coreOf(0);
  const std::filesystem::path output = child.output;
  ChildProcess process(std::move(child));
  if (int code = process.wait(); code != 0)
    throw Error(code == 127 ? ExitCode::Usage : ExitCode::Failure,
                fmt::format("--vs-plaintext: {} ended with code {}: {}", options.python, code,
                            process.lastError()),
                "--python names an interpreter with numpy and onnxruntime; tools/install.sh "
                "--tests makes build/venv/bin/python");
  std::ifstream file(output);
  auto report = nlohmann::json::parse(file);
  result.ms = serve::percentiles(report.at("ms").get<std::vector<double>>());
  result.version = report.at("version");
  return result;
}

} // namespace gfs
