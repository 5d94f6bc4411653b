// SPDX-License-Identifier: Apache-2.0
// The argument why each of these is all there is to see is in docs/threat-model.md.
#include "runtime/inspect/Leakage.h"

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

/// "boxes in full; of scores the index of the largest element of each row"
static std::string outputSights(const plan::Plan &plan) {
  google::protobuf::RepeatedPtrField<plan::Port> full, indices;
  for (const plan::Port &port : plan.outputs())
    *(port.post_process() == plan::Port::INDEX ? indices : full).Add() = port;
  std::string text;
  if (!full.empty())
    text = fmt::format("the outputs in full ({})", portNames(full));
  if (!indices.empty())
    text += fmt::format("{}the index of the largest element ({}), no score",
                        text.empty() ? "" : "; ", portNames(indices));
  return text;
}

static RoleSight holdersOfThePlan(const Program &program, const Summary &summary) {
  return {"Everybody who holds plan.bin (servers, dealer, client, model owner)",
          {{"architecture",
            fmt::format("{} steps with the names of their nodes, shapes, kernels, strides, scalars "
                        "that are written rather than trained; {} weight tensors by name and size",
                        grouped(summary.rows.size()), program.plan().weights_size()),
            {}},
           {"formats",
            fmt::format("ring of {} bits, scales, sign windows, thresholds of functions: they tell "
                        "ranges to five bits, taken from the weights and the calibration data",
                        program.plan().ring_bits()),
            {}}}};
}

static RoleSight serverSight(const Program &program, const Summary &summary, unsigned server) {
  unsigned peer = 1 - server;
  const PlanCost &cost = summary.cost;
  return {
      fmt::format("Server {}", server),
      {{"weights", weightSight(program.plan().weight_mode(), server), {}},
       {"from client",
        fmt::format("one share of each input ({}), {} bytes: uniform mod 2^{}",
                    portNames(program.plan().inputs()), grouped(cost.inputBytes),
                    program.plan().ring_bits()),
        {}},
       {fmt::format("from server {}", peer),
        fmt::format("{} exchanges, {} bytes, nothing else:", cost.exchanges,
                    grouped(cost.messageBytes)),
        {fmt::format("{} opened values, {} elements: each the peer's share plus its share of a "
                     "mask that is drawn for this open alone, or the leading bits of that: uniform",
                     summary.opens, grouped(summary.openedElements)),
         fmt::format("{} bytes of comparison bits: each hidden by a bit that is dealt for it "
                     "alone: uniform",
                     grouped(summary.comparisonBytes))}},
       {"computes",
        fmt::format("{} masked elements x + r; r is the sum of two streams, one of them server "
                    "{}'s: uniform, or an image of such under the plan's linear maps",
                    grouped(summary.maskedElements), peer),
        {}},
       {"material",
        fmt::format("{} bytes an inference: shares of products of masks and of comparison tables, "
                    "no input or weight in them",
                    grouped(cost.dealtBytes[server])),
        {}},
       {"learns",
        fmt::format("that and when an inference is made; nothing of inputs, values inside or "
                    "outputs ({})",
                    portNames(program.plan().outputs())),
        {}}}};
}

std::vector<RoleSight> leakage(const Program &program, const Summary &summary) {
  const PlanCost &cost = summary.cost;
  return {
      holdersOfThePlan(program, summary),
      serverSight(program, summary, 0),
      serverSight(program, summary, 1),
      {"Dealer",
       {{"holds",
         "both servers' seeds: it knows all masks, and neither inputs, weights nor anything that "
         "is sent online",
         {}},
        {"learns", "how many inferences material was made for", {}}}},
      {"Client",
       {{"learns",
         fmt::format("{}; many queries can reveal much about a model, which is not prevented",
                     outputSights(program.plan())),
         {}}}},
      {"Model owner",
       {{"holds", "the model; makes the keys, and must hand each to its owner and keep none", {}},
        {"learns", "nothing of inferences", {}}}},
      {"Network observer",
       {{"sees",
         fmt::format("TLS records: addresses, times, and sizes that are the same for every input "
                     "({} bytes between the servers each way in {} exchanges, {} in and {} out for "
                     "the client, a server)",
                     grouped(cost.messageBytes), cost.exchanges, grouped(cost.inputBytes),
                     grouped(cost.outputBytes)),
         {}}}},
      {"Together",
       {{"",
         "both servers, or the dealer and a server: everything. They must be independent.",
         {}}}}};
}

std::string leakageText(const std::vector<RoleSight> &roles) {
  std::string text =
      "What each role sees of one inference with this plan, if it follows the protocol\n";
  for (const RoleSight &role : roles) {
    text += '\n' + role.role + '\n';
    for (const Sight &sight : role.sights) {
      text += sight.kind.empty() ? fmt::format("  {}\n", sight.text)
                                 : fmt::format("  {:<15}{}\n", sight.kind, sight.text);
      for (const std::string &detail : sight.details)
        text += fmt::format("    {}\n", detail);
    }
  }
  return text;
}

} // namespace gfs::inspect
