// SPDX-License-Identifier: Apache-2.0
// gfs-debug: where a private result goes wrong. Flags here, work in compiler/debug.
#include "compiler/debug/LayerComparison.h"
#include "tools/gfscc/ModelFlags.h"

using namespace gfs;

int main(int argc, char **argv) {
  CLI::App app{
      "For developers: compares private, fixed-point and real values layer by layer. Opens "
      "every value: give your own test data only.",
      "gfs-debug"};
  CompileOptions options;
  std::vector<std::string> shapes;
  std::string input, outputs;
  size_t sample = 0;
  double divergence = 0.05;
  bool json = false;
  app.add_option("model", options.model, "the trained network, .onnx")->required();
  app.add_option("--input", input, "inputs, .npy or .npz, preprocessed as the model expects")
      ->required();
  app.add_option("--sample", sample, "which of the inputs, from 0")->capture_default_str();
  app.add_option("--calib", options.calibration, "calibration data; without, the inputs");
  app.add_option("--shape", shapes,
                 "shape of an input with symbolic dimensions: 1x3x32x32, or NAME=1x3x32x32 where "
                 "there are several");
  app.add_option("--outputs", outputs, "end the private part at these values, NAME,NAME…");
  app.add_option("--weights", options.weightMode, "who may know the weights")
      ->check(CLI::IsMember({"shared", "server", "public"}))
      ->capture_default_str();
  auto *formats = app.add_option_group("Formats", "as for gfscc");
  formats->add_option("--ring", options.formats.ringBits, "bits of the ring")
      ->check(CLI::Range(16u, 64u));
  addFormatNumbers(*formats, options.formats);
  formats->add_flag("--exact", options.formats.exact, "decide signs to the last place");
  formats->add_option("--relu-protocol", options.reluProtocol, "how signs are found")
      ->check(CLI::IsMember({"auto", "table", "one_hot", "dcf"}))
      ->capture_default_str();
  formats
      ->add_option("--tolerance", options.tolerance,
                   "error of the outputs that the search for formats allows")
      ->check(CLI::PositiveNumber);
  app.add_option("--divergence", divergence,
                 "error of a layer from which on it diverges, relative to its magnitude")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--json", json, "print JSON");
  app.footer("Exit code 8 if a layer diverges. Example:\n"
             "  gfs-debug model.onnx --input own-images.npy --sample 3 --calib samples.npy");
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;
  return runTool("gfs-debug", [&] {
    fmt::print(stderr,
               "gfs-debug: WARNING: opens EVERY value of the computation, inputs and weights "
               "included. Use your own test data only, never a client's.\n");
    for (const std::string &shape : shapes)
      options.shapes.insert(parseShape(shape));
    if (!outputs.empty())
      options.outputs = parseOutputs(outputs);
    LayerComparison comparison = compareLayers(options, input, sample, divergence);
    fmt::print("{}", json ? comparisonJson(comparison).dump(2) + "\n" : comparisonText(comparison));
    std::fflush(stdout);
    if (const LayerRow *first = comparison.firstDivergent())
      throw Error(ExitCode::VerifyMismatch,
                  fmt::format("{}: layer '{}' diverges", options.model.string(), first->layer),
                  "errors: give more --activation-bits, --exact or other --calib data; room below "
                  "x1: more --headroom; differing integers: report a bug");
  });
}
