// SPDX-License-Identifier: Apache-2.0
#include "runtime/inspect/PlanJson.h"

#include "runtime/plan/Files.h"

namespace gfs::inspect {

using Json = nlohmann::ordered_json;

static const char *weightModeName(plan::WeightMode mode) {
  switch (mode) {
  case plan::WEIGHTS_SERVER:
    return "server";
  case plan::WEIGHTS_PUBLIC:
    return "public";
  default:
    return "shared";
  }
}

static Json shapeJson(const plan::Value &value) {
  Json shape = Json::array();
  for (uint64_t extent : value.shape())
    shape.push_back(extent);
  return shape;
}

static Json portsJson(const plan::Plan &plan,
                      const google::protobuf::RepeatedPtrField<plan::Port> &ports) {
  static const char *const post[] = {"none",           "softmax",    "argmax",      "log_softmax",
                                     "index",          "top_values", "top_indices", "bottom_values",
                                     "bottom_indices", "argmax_last"};
  Json list = Json::array();
  for (const plan::Port &port : ports) {
    const plan::Value &value = plan.values(static_cast<int>(port.value()));
    Json entry = {{"name", port.name()},
                  {"shape", shapeJson(value)},
                  {"scale", value.scale()},
                  {"post", post[port.post_process()]}};
    if (port.has_post_axis())
      entry["post_axis"] = port.post_axis();
    if (port.post_count() > 0)
      entry["post_count"] = port.post_count();
    if (port.shape_size() > 0)
      entry["model_shape"] = std::vector<uint64_t>(port.shape().begin(), port.shape().end());
    list.push_back(std::move(entry));
  }
  return list;
}

static Json layersJson(const Program &program, const Summary &summary) {
  Json list = Json::array();
  for (const Row &row : summary.rows)
    list.push_back({{"step", row.step},
                    {"name", row.name},
                    {"gate", row.gate},
                    {"shape", shapeJson(*row.value)},
                    {"operands", program.step(row.step).operands()},
                    {"result", program.step(row.step).result()},
                    {"kind", row.value->kind() == plan::Value::MASKED ? "masked" : "shared"},
                    {"scale", row.value->scale()},
                    {"detail", row.detail},
                    {"message_bytes", row.cost.messageBytes},
                    {"dealt_bytes", row.cost.dealtBytes},
                    {"multiplications", row.cost.multiplications},
                    {"predicted_ms", 1e3 * summary.predicted.steps[row.step].seconds()}});
  return list;
}

static Json predictedJson(const TimePrediction &time) {
  const NetworkProfile &network = time.environment.network;
  const StepTime &total = time.total;
  return {{"online_ms", 1e3 * total.seconds()},
          {"compute_ms", 1e3 * total.computeSeconds},
          {"delay_ms", 1e3 * total.delaySeconds},
          {"transfer_ms", 1e3 * total.transferSeconds},
          {"network", network.name},
          {"round_trip_ms", 1e3 * network.roundTripSeconds},
          {"mbit_per_s", network.bytesPerSecond > 0 ? Json(network.bytesPerSecond * 8e-6) : Json()},
          {"machine", time.environment.machine.cpu}};
}

Json planJson(const Program &program, const Summary &summary, const std::string &file) {
  const plan::Plan &plan = program.plan();
  Json schedule = Json::array();
  for (const ExchangeRow &exchange : summary.exchanges)
    schedule.push_back({{"steps", exchange.steps}, {"bytes_each_way", exchange.bytes}});
  return {{"schema", 1},
          {"file", file},
          {"kind", "plan"},
          {"format", plan.format()},
          {"compiler", plan.compiler()},
          {"model", plan.model()},
          {"hash", plan::hex(program.loaded().hash)},
          {"ring_bits", plan.ring_bits()},
          {"weight_mode", weightModeName(plan.weight_mode())},
          {"weights", summary.weights},
          {"inputs", portsJson(plan, plan.inputs())},
          {"outputs", portsJson(plan, plan.outputs())},
          {"totals",
           {{"steps", plan.steps_size()},
            {"exchanges", summary.cost.exchanges},
            {"bytes_each_way", summary.cost.messageBytes},
            {"dealt_bytes", summary.cost.dealtBytes},
            {"input_bytes", summary.cost.inputBytes},
            {"output_bytes", summary.cost.outputBytes},
            {"relus", summary.relus},
            {"relu_dealt_bytes", summary.reluDealtBytes},
            {"opens", summary.opens},
            {"opened_elements", summary.openedElements},
            {"masked_elements", summary.maskedElements},
            {"comparison_bytes", summary.comparisonBytes},
            {"multiplications", summary.cost.multiplications},
            {"arena_bytes", summary.cost.arenaBytes}}},
          {"predicted", predictedJson(summary.predicted)},
          {"layers", layersJson(program, summary)},
          {"schedule", schedule}};
}

} // namespace gfs::inspect
