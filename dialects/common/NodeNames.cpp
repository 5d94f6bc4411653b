// SPDX-License-Identifier: Apache-2.0
#include "dialects/common/NodeNames.h"

using namespace mlir;

namespace gfs {

llvm::SetVector<StringRef> nodeNames(Location location) {
  llvm::SetVector<StringRef> names;
  location->walk([&](Location part) {
    auto named = dyn_cast<NameLoc>(part);
    if (!named)
      return WalkResult::advance();
    names.insert(named.getName().getValue());
    return WalkResult::skip(); // below is what it was made from
  });
  return names;
}

std::string layerName(Operation *op) {
  auto names = nodeNames(op->getLoc());
  return (names.empty() ? op->getName().getStringRef() : names.front()).str();
}

} // namespace gfs
