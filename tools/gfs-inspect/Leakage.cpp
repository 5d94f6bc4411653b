// SPDX-License-Identifier: Apache-2.0
// What each role sees of an inference, counted from the plan; the argument is in
// docs/threat-model.md.
#include "tools/gfs-inspect/Views.h"

#include <fmt/format.h>

namespace gfs::inspect {

static std::string portNames(const google::protobuf::RepeatedPtrField<plan::Port> &ports) {
  std::string names;
  for (const plan::Port &port : ports)
    names += (names.empty() ? "" : ", ") + (port.name().empty() ? "(unnamed)" : port.name());
  return names;
}

/// What a server's copy of plan.weights tells it.
static std::string weightSight(plan::WeightMode mode, unsigned server) {
  if (mode == plan::WEIGHTS_PUBLIC)
    return "knows the weights (compiled with --weights=public)";
  if (mode == plan::WEIGHTS_SERVER && server == 0)
    return "knows the weights (compiled with --weights=server)";
  return "plan.weights is W - A, with A = A_0 + A_1 uniform and one of the two unknown to this "
         "server: uniform";
}

static std::string serverText(const Program &program, const Summary &summary, unsigned server) {
  unsigned peer = 1 - server;
  std::string text = fmt::format("Server {}\n", server);
  text += fmt::format("  weights      {}\n", weightSight(program.plan().weight_mode(), server));
  text += fmt::format("  from client  one share of each input ({}), {} bytes: uniform mod 2^{}\n",
                      portNames(program.plan().inputs()), grouped(summary.cost.inputBytes),
                      program.plan().ring_bits());
  text += fmt::format("  from server {}  {} exchanges, {} bytes, nothing else:\n", peer,
                      summary.cost.exchanges, grouped(summary.cost.messageBytes));
  text += fmt::format(
      "    {} opened values, {} elements: each the peer's share plus its share of a mask that is "
      "drawn for this open alone: uniform\n",
      summary.opens, grouped(summary.openedElements));
  text += fmt::format(
      "    {} bytes of comparison bits: each hidden by a bit that is dealt for it alone: uniform\n",
      grouped(summary.comparisonBytes));
  text += fmt::format("  computes     {} masked elements x + r; r is the sum of two streams, one "
                      "of them server {}'s: "
                      "uniform, or an image of such under the plan's linear maps\n",
                      grouped(summary.maskedElements), peer);
  text += fmt::format("  material     {} bytes an inference: shares of products of masks and of "
                      "comparison tables, no "
                      "input or weight in them\n",
                      grouped(summary.cost.dealtBytes[server]));
  return text + fmt::format("  learns       that and when an inference is made; nothing of inputs, "
                            "values inside or "
                            "outputs ({})\n",
                            portNames(program.plan().outputs()));
}

std::string leakageText(const Program &program, const Summary &summary) {
  std::string text =
      "What each role sees of one inference with this plan, if it follows the protocol\n\n";
  text += fmt::format(
      "Everybody who holds plan.bin (servers, dealer, client, model owner)\n"
      "  architecture  {} steps with the names of their nodes, shapes, kernels, "
      "strides; {} weight tensors by size\n"
      "  formats       ring of {} bits, scales and sign windows: coarse ranges, taken "
      "from the weights and the "
      "calibration data\n\n",
      grouped(summary.rows.size()), program.plan().weights_size(), program.plan().ring_bits());
  for (unsigned server = 0; server < 2; ++server)
    text += serverText(program, summary, server) + '\n';
  text += "Dealer\n"
          "  holds        both servers' seeds: it knows all masks, and neither inputs, weights nor "
          "anything that is sent "
          "online\n"
          "  learns       how many inferences material was made for\n\n";
  text += fmt::format("Client\n"
                      "  learns       the outputs in full ({}); many queries can reveal much about "
                      "a model, which is not prevented\n\n",
                      portNames(program.plan().outputs()));
  text +=
      "Model owner\n"
      "  holds        the model; makes the keys, and must hand each to its owner and keep none\n"
      "  learns       nothing of inferences\n\n";
  text += fmt::format(
      "Network observer\n"
      "  sees         TLS records: addresses, times, and sizes that are the same for every input "
      "({} bytes between the "
      "servers each way in {} exchanges, {} in and {} out for the client, a server)\n\n",
      grouped(summary.cost.messageBytes), summary.cost.exchanges, grouped(summary.cost.inputBytes),
      grouped(summary.cost.outputBytes));
  text += "Together\n"
          "  both servers, or the dealer and a server: everything. They must be independent.\n";
  return text;
}

} // namespace gfs::inspect
