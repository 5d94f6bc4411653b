// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Handlers.h"

namespace gfs::onnx {

void HandlerTable::on(std::string_view op, int since, Handler handler) {
  handlers[std::string(op)][since] = handler;
}

Handler HandlerTable::find(std::string_view op, int64_t opset) const {
  auto versions = handlers.find(op);
  if (versions == handlers.end())
    return nullptr;
  auto after = versions->second.upper_bound(static_cast<int>(opset));
  return after == versions->second.begin() ? nullptr : std::prev(after)->second;
}

const HandlerTable &handlerTable() {
  static const HandlerTable table = [] {
    HandlerTable all;
    addConvOps(all);
    addConvTransposeOps(all);
    addPoolOps(all);
    addReductionOps(all);
    addNormalisationOps(all);
    addLinearOps(all);
    addRecurrentOps(all);
    addElementwiseOps(all);
    addActivationOps(all);
    addFunctionOps(all);
    addShapeOps(all);
    addTakeOps(all);
    addResizeOps(all);
    addQuantisedOps(all);
    addConstantOps(all);
    addOutputOps(all);
    return all;
  }();
  return table;
}

} // namespace gfs::onnx
