// SPDX-License-Identifier: Apache-2.0
// A whole deployment in a temporary folder: a small plan, its weights and keys, dealt material,
// servers and clients.
#pragma once

#include "runtime/serve/Client.h"
#include "runtime/serve/Dealing.h"
#include "runtime/serve/Server.h"
#include "test/unit/exec/OneRequest.h"
#include "test/unit/net/TestLink.h"

#include <fstream>
#include <spdlog/spdlog.h>
#include <thread>

namespace gfs::testing {

/// y = W x + b with 4 inputs and 3 outputs: one opening, one exchange.
inline plan::Plan linearPlan(plan::WeightMode mode = plan::WEIGHTS_SHARED) {
  plan::Plan plan;
  plan.set_format(plan::formatVersion);
  plan.set_compiler("test");
  plan.set_model("linear");
  plan.set_ring_bits(32);
  plan.set_weight_mode(mode);
  auto value = [&](uint64_t elements, plan::Value::Kind kind, int scale) {
    plan::Value *value = plan.add_values();
    value->add_shape(1);
    value->add_shape(elements);
    value->set_kind(kind);
    value->set_offset(16 * static_cast<uint64_t>(plan.values_size() - 1));
    value->set_scale(scale);
  };
  const bool isPublic = mode == plan::WEIGHTS_PUBLIC;
  value(4, plan::Value::SHARED, 8);
  value(4, plan::Value::MASKED, 8);
  value(3, isPublic ? plan::Value::MASKED : plan::Value::SHARED, 16);
  if (isPublic)
    value(3, plan::Value::SHARED, 16);
  plan.set_arena_words(16 * static_cast<uint64_t>(plan.values_size()));
  auto weight = [&](uint64_t elements, int scale, const char *name) {
    plan::WeightTensor *weight = plan.add_weights();
    weight->set_elements(elements);
    weight->set_scale(scale);
    weight->set_name(name);
  };
  weight(12, 8, "W");
  weight(3, 16, "b");

  auto step = [&](const char *name) {
    plan::Step *step = plan.add_steps();
    step->set_name(name);
    return step;
  };
  plan::Step *input = step("x");
  input->mutable_input();
  input->set_result(0);
  plan::Step *open = step("open x");
  open->mutable_open();
  open->add_operands(0);
  open->set_result(1);
  plan::Step *linear = step("linear");
  linear->add_operands(1);
  linear->set_result(2);
  plan::Conv *conv = linear->mutable_linear()->mutable_conv();
  linear->mutable_linear()->set_weight(0);
  linear->mutable_linear()->set_has_bias(true);
  linear->mutable_linear()->set_bias(1);
  conv->set_batch(1);
  conv->set_in_channels(4);
  conv->set_out_channels(3);
  for (auto set :
       {&plan::Conv::set_in_h, &plan::Conv::set_in_w, &plan::Conv::set_out_h,
        &plan::Conv::set_out_w, &plan::Conv::set_kernel_h, &plan::Conv::set_kernel_w,
        &plan::Conv::set_stride_h, &plan::Conv::set_stride_w, &plan::Conv::set_dilation_h,
        &plan::Conv::set_dilation_w, &plan::Conv::set_groups})
    (conv->*set)(1);
  uint32_t last = 2;
  if (isPublic) {
    plan::Step *unmask = step("unmask");
    unmask->mutable_unmask();
    unmask->add_operands(2);
    unmask->set_result(3);
    last = 3;
  }
  plan::Step *output = step("y");
  output->mutable_output();
  output->add_operands(last);

  auto run = [&](uint32_t step, uint32_t phase) {
    plan::RunPhase *run = plan.add_schedule()->mutable_run();
    run->set_step(step);
    run->set_phase(phase);
  };
  run(0, 0);
  run(1, 0);
  plan.add_schedule()->mutable_exchange();
  run(1, 1);
  for (int rest = 2; rest < plan.steps_size(); ++rest)
    run(static_cast<uint32_t>(rest), 0);
  plan.add_inputs()->set_name("x");
  plan.add_outputs()->set_name("y");
  plan.mutable_outputs(0)->set_value(last);
  return plan;
}

/// Files as gfscc and gfsdeal leave them.
class Deployment {
public:
  explicit Deployment(plan::WeightMode mode = plan::WEIGHTS_SHARED, uint64_t records = 8) {
    spdlog::set_level(spdlog::level::off);
    std::string bytes = plan::serializePlan(linearPlan(mode));
    std::ofstream(planPath, std::ios::binary) << bytes;
    loaded = plan::readPlan(planPath);
    WeightTable clear = clearWeights(loaded.plan, {weights, bias});
    StagedFiles files;
    stageModelFiles(files, loaded, clear, planPath);
    files.commit();
    deal(records);
  }

  serve::DealOptions dealOptions(uint64_t records) const {
    ModelPaths beside = ModelPaths::beside(planPath);
    serve::DealOptions options;
    options.plan = planPath;
    options.dealerKey = beside.dealerKey;
    options.weights = beside.weights;
    options.outputs = {serve::defaultMaterial(planPath, Party::Zero),
                       serve::defaultMaterial(planPath, Party::One)};
    options.records = records;
    options.quiet = true;
    return options;
  }
  serve::DealSummary deal(uint64_t records, bool replace = false) const {
    serve::DealOptions options = dealOptions(records);
    options.replace = replace;
    return serve::deal(options);
  }
  serve::EngineFiles files(Party party) const {
    ModelPaths beside = ModelPaths::beside(planPath);
    return {planPath, beside.weights, beside.partyKey[index(party)],
            folders ? material(party) : serve::defaultMaterial(planPath, party)};
  }

  /// A server's folder of material.
  std::filesystem::path material(Party party) const {
    std::filesystem::path place = folder / fmt::format("material{}", index(party));
    std::filesystem::create_directories(place);
    return place;
  }
  /// Deals one more set into both folders, and has servers started from now on use those. Returns
  /// the files.
  std::array<std::filesystem::path, 2> dealIntoFolders(uint64_t records) {
    folders = true;
    serve::DealOptions options = dealOptions(records);
    options.outputs = {material(Party::Zero), material(Party::One)};
    return serve::deal(options).outputs;
  }

  /// W x + b on the integers the plan computes with.
  std::vector<int64_t> expected(const std::vector<int64_t> &x) const {
    std::vector<int64_t> y = bias;
    for (size_t o = 0; o < 3; ++o)
      for (size_t i = 0; i < 4; ++i)
        y[o] += weights[4 * o + i] * x[i];
    return y;
  }

  TemporaryFolder folder;
  std::filesystem::path planPath = folder / "plan.bin";
  plan::LoadedPlan loaded;
  bool folders = false; ///< Servers are given their folder of material, not a file.
  std::vector<int64_t> weights = {1, -2, 3, 4, 500, 6, -7, 8, 0, 0, -1, 99},
                       bias = {10, -20, 70000};
};

/// A server on its own thread.
class RunningServer {
public:
  RunningServer(const Deployment &deployment, Party party, serve::ServerOptions options)
      : engine(deployment.files(party), party) {
    options.listen = {"127.0.0.1", options.listen.port};
    if (!options.security)
      options.security = Security::plaintext(party == Party::Zero ? "server0" : "server1");
    options.onReady = [this] { ready.set_value(); };
    server = std::make_unique<serve::Server>(std::move(options), engine);
    thread = std::jthread([this] {
      try {
        server->run();
      } catch (const Error &caught) {
        error = caught;
      }
    });
  }
  ~RunningServer() { stop(); }
  void stop() {
    server->stop();
    join();
  }
  void join() {
    if (thread.joinable())
      thread.join();
  }
  Endpoint address() const { return server->local(); }

  serve::Engine engine;
  std::unique_ptr<serve::Server> server;
  std::promise<void> ready;
  std::optional<Error> error; ///< Valid after join().

private:
  std::jthread thread;
};

inline serve::ServerOptions quick(std::optional<Endpoint> peer = std::nullopt) {
  serve::ServerOptions options;
  options.peer = std::move(peer);
  options.timeout = Milliseconds(3000);
  return options;
}

inline serve::ClientOptions clientOf(const Endpoint &zero, const Endpoint &one) {
  serve::ClientOptions options;
  options.servers = {zero, one};
  options.security = Security::plaintext("client:test");
  options.timeout = Milliseconds(5000);
  return options;
}

/// A client's connection to one server, greeted; what follows is the test's.
inline std::unique_ptr<Connection> greetedClient(const Deployment &deployment,
                                                 const Endpoint &server) {
  auto client = connect(server, Security::plaintext("client:test"), {{"server0", "server1"}, {}});
  serve::ClientHello hello;
  hello.set_plan_hash(std::string(deployment.loaded.hash.begin(), deployment.loaded.hash.end()));
  serve::sendMessage(*client, hello, patience);
  serve::receiveMessage<serve::ServerHello>(*client, patience);
  return client;
}
/// Sends one server's half of a request. Returns the request's id.
inline std::string sendHalf(Connection &client, uint8_t id) {
  serve::Request message;
  message.set_request_id(std::string(16, static_cast<char>(id)));
  serve::sendMessage(client, message, patience);
  client.send(FrameType::Data, std::vector<uint8_t>(16), patience);
  return message.request_id();
}

/// One inference on integers.
inline std::vector<int64_t> infer(serve::Client &client, const Deployment &deployment,
                                  const std::vector<int64_t> &x) {
  const Ring ring = deployment.loaded.ring();
  std::vector<ClearWords> inputs;
  inputs.push_back(wordsOf(ring, x));
  return signedOf(ring, client.infer(inputs).outputs.at(0));
}

} // namespace gfs::testing
