// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Graph.h"

#include "runtime/base/Error.h"

#include <queue>
#include <unordered_map>

namespace gfs::onnx {

std::string nodeName(const NodeProto &node, int index) {
  return node.name().empty() ? fmt::format("{}#{}", node.op_type(), index) : node.name();
}

[[noreturn]] static void malformed(const std::string &cause) {
  throw Error(ExitCode::InvalidInput, cause,
              "check the model with onnx.checker, or export it again");
}

/// Who defines each name: a node's index, or `given` for inputs and initialisers.
static constexpr int given = -1;
using Producers = std::unordered_map<std::string, int>;

static Producers findProducers(const GraphProto &graph) {
  Producers producers;
  for (const tensor::TensorProto &tensor : graph.initializer())
    if (!producers.emplace(tensor.name(), given).second)
      malformed(fmt::format("two initialisers are called '{}'", tensor.name()));
  Producers inputs;
  for (const ValueInfoProto &input : graph.input()) {
    if (!inputs.emplace(input.name(), given).second)
      malformed(fmt::format("two inputs are called '{}'", input.name()));
    producers.emplace(input.name(), given); // an initialiser may be listed as an input
  }
  for (int index = 0; index < graph.node_size(); ++index)
    for (const std::string &output : graph.node(index).output())
      if (!output.empty() && !producers.emplace(output, index).second)
        malformed(fmt::format("node \"{}\" defines '{}', which is already defined",
                              nodeName(graph.node(index), index), output));
  return producers;
}

/// The nodes that the outputs need, directly or not.
static std::vector<bool> findNeeded(const GraphProto &graph, const Producers &producers,
                                    const std::vector<std::string> &outputs) {
  std::vector<bool> needed(static_cast<size_t>(graph.node_size()), false);
  std::vector<int> pending;
  auto need = [&](const std::string &name, const std::string &user) {
    auto producer = producers.find(name);
    if (producer == producers.end())
      malformed(fmt::format("{} needs '{}', which nothing produces", user, name));
    if (producer->second != given && !needed[static_cast<size_t>(producer->second)]) {
      needed[static_cast<size_t>(producer->second)] = true;
      pending.push_back(producer->second);
    }
  };
  for (const std::string &output : outputs)
    need(output, "the list of outputs");
  while (!pending.empty()) {
    int index = pending.back();
    pending.pop_back();
    const NodeProto &node = graph.node(index);
    for (const std::string &input : node.input())
      if (!input.empty())
        need(input, fmt::format("node \"{}\"", nodeName(node, index)));
  }
  return needed;
}

std::vector<int> orderNodes(const GraphProto &graph, const std::vector<std::string> &outputs) {
  Producers producers = findProducers(graph);
  std::vector<bool> needed = findNeeded(graph, producers, outputs);
  // Kahn's algorithm; the queue hands out the earliest node of the file that is ready.
  std::vector<int> waitingFor(needed.size(), 0);
  std::vector<std::vector<int>> users(needed.size());
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int index = 0; index < graph.node_size(); ++index) {
    if (!needed[static_cast<size_t>(index)])
      continue;
    for (const std::string &input : graph.node(index).input()) {
      int producer = input.empty() ? given : producers.at(input);
      if (producer == given)
        continue;
      users[static_cast<size_t>(producer)].push_back(index);
      ++waitingFor[static_cast<size_t>(index)];
    }
    if (waitingFor[static_cast<size_t>(index)] == 0)
      ready.push(index);
  }
  std::vector<int> order;
  while (!ready.empty()) {
    int index = ready.top();
    ready.pop();
    order.push_back(index);
    for (int user : users[static_cast<size_t>(index)])
      if (--waitingFor[static_cast<size_t>(user)] == 0)
        ready.push(user);
  }
  for (size_t index = 0; index < needed.size(); ++index)
    if (needed[index] && waitingFor[index] > 0)
      malformed(
          fmt::format("node \"{}\" is part of a cycle, or behind one",
                      nodeName(graph.node(static_cast<int>(index)), static_cast<int>(index))));
  return order;
}

} // namespace gfs::onnx
