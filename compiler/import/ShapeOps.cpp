// SPDX-License-Identifier: Apache-2.0
// Operators that move no element or only reorder axes; on tensors and on known integers.
#include "compiler/import/Handlers.h"

#include <numeric>

namespace gfs::onnx {

static void importIdentity(Node &node) { node.result(0, node.operand(0)); }

static void importDropout(Node &node) {
  node.ignore({"ratio", "seed", "is_test"});
  if (node.has(2) && node.known(2).values != std::vector<int64_t>{0})
    node.unsupported("drops elements at random",
                     "export the model in inference mode (model.eval())");
  node.result(0, node.operand(0));
}

/// The shape that `written` is for the wanted batch: exporters write the batch they see into it. A
/// shape that only the exported batch fills leads with a multiple of it; one with an open extent is
/// taken to lead with the batch if it leads with the same number.
static nn::Shape forWantedBatch(const OnnxValue &input, nn::Shape written,
                                const BatchChange &batch) {
  const bool ofSamples = input.tensor && !input.tensor.getDefiningOp<nn::ConstantOp>();
  if (!ofSamples || batch.exported == 0 || written.empty() || written[0] % batch.exported != 0)
    return written;
  const bool open = llvm::any_of(written, [](int64_t extent) { return extent <= 0; });
  const bool filled =
      !open && nn::isValidShape(written) &&
      nn::elementCount(written) / batch.exported * batch.wanted == nn::elementCount(input.shape());
  if (filled || (open && written[0] == batch.exported))
    written[0] = written[0] / batch.exported * batch.wanted;
  return written;
}

/// -1 once for what is left; 0 for the operand's extent, unless allowzero.
static void importReshape(Node &node) {
  const OnnxValue &input = node.operand(0);
  llvm::ArrayRef<int64_t> from = input.shape();
  nn::Shape shape = forWantedBatch(input, nn::Shape(llvm::ArrayRef<int64_t>(node.known(1).values)),
                                   node.batchChange());
  bool allowZero = node.integer("allowzero", 0) != 0;
  size_t open = shape.size();
  int64_t total = nn::elementCount(from), rest = 1;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 0 && !allowZero) {
      if (axis >= from.size())
        node.malformed(fmt::format("keeps axis {} of {}", axis, nn::printShape(from)));
      shape[axis] = from[axis];
    }
    if (shape[axis] == -1 && open == shape.size()) {
      open = axis;
    } else if (shape[axis] < 0 || (shape[axis] > 0 && rest > total / shape[axis])) {
      node.malformed(
          fmt::format("cannot reshape {} to {}", nn::printShape(from), nn::printShape(shape)));
    } else {
      rest *= shape[axis];
    }
  }
  if (open < shape.size()) {
    if (rest == 0 || total % rest != 0)
      node.malformed(
          fmt::format("cannot reshape {} to {}", nn::printShape(from), nn::printShape(shape)));
    shape[open] = total / rest;
  }
  node.result(0, node.reshape(input, shape));
}

static void importFlatten(Node &node) {
  llvm::ArrayRef<int64_t> from = node.operand(0).shape();
  int64_t axis = node.integer("axis", 1);
  size_t split =
      axis == static_cast<int64_t>(from.size()) ? from.size() : node.axis(axis, from.size());
  node.result(0, node.reshape(node.operand(0), {nn::elementCount(from.take_front(split)),
                                                nn::elementCount(from.drop_front(split))}));
}

static void importSqueeze(Node &node) {
  llvm::ArrayRef<int64_t> from = node.operand(0).shape();
  std::optional<std::vector<int64_t>> axes = node.integersOf("axes", 13, 1);
  std::vector<bool> dropped(from.size(), false);
  for (size_t axis = 0; axis < from.size(); ++axis)
    dropped[axis] = !axes && from[axis] == 1;
  for (int64_t axis : axes.value_or(std::vector<int64_t>()))
    dropped[node.axis(axis, from.size())] = true;
  nn::Shape shape;
  for (size_t axis = 0; axis < from.size(); ++axis) {
    if (dropped[axis] && from[axis] != 1)
      node.malformed(fmt::format("drops axis {} of {}", axis, nn::printShape(from)));
    if (!dropped[axis])
      shape.push_back(from[axis]);
  }
  node.result(0, node.reshape(node.operand(0), shape));
}

static void importUnsqueeze(Node &node) {
  llvm::ArrayRef<int64_t> from = node.operand(0).shape();
  std::optional<std::vector<int64_t>> axes = node.integersOf("axes", 13, 1);
  if (!axes || axes->size() > 16)
    node.malformed("axes are missing, or far too many");
  std::vector<bool> added(from.size() + axes->size(), false);
  for (int64_t axis : *axes) {
    size_t position = node.axis(axis, added.size());
    if (added[position])
      node.malformed(fmt::format("adds axis {} twice", axis));
    added[position] = true;
  }
  nn::Shape shape;
  for (bool isNew : added) {
    shape.push_back(isNew ? 1 : from.front());
    from = isNew ? from : from.drop_front();
  }
  node.result(0, node.reshape(node.operand(0), shape));
}

static void importTranspose(Node &node) {
  std::vector<int64_t> reversed(node.operand(0).shape().size());
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  node.result(0, node.transpose(node.operand(0), node.integers("perm", reversed)));
}

static void importConcat(Node &node) {
  std::vector<OnnxValue> values;
  for (size_t i = 0; i < node.operandCount(); ++i)
    // A list of integers may be empty; it adds nothing.
    if (const OnnxValue &value = node.operand(i);
        !value.integers || !value.integers->values.empty())
      values.push_back(value);
  if (values.empty() || !node.hasAttribute("axis"))
    node.malformed("nothing to join, or no axis");
  size_t axis = node.axis(node.integer("axis", 0), values.front().shape().size());
  node.result(0, node.concat(values, axis));
}

/// Channels to blocks of pixels: [N, C b^2, H, W] to [N, C, H b, W b].
static void importDepthToSpace(Node &node) {
  const OnnxValue &input = node.operand(0);
  llvm::ArrayRef<int64_t> from = input.shape();
  int64_t block = node.integer("blocksize", 0);
  std::string mode = node.text("mode", "DCR");
  if (from.size() != 4 || block <= 0 || block > 1024 || from[1] % (block * block) != 0)
    node.malformed(fmt::format("blocks of {} from {}", block, nn::printShape(from)));
  if (mode != "DCR" && mode != "CRD")
    node.malformed(fmt::format("mode '{}' is not known", mode));
  int64_t channels = from[1] / (block * block);
  // DCR: the block's position is the slow part of the channel; CRD: the fast part.
  nn::Shape split = mode == "DCR" ? nn::Shape{from[0], block, block, channels, from[2], from[3]}
                                  : nn::Shape{from[0], channels, block, block, from[2], from[3]};
  nn::Shape order = mode == "DCR" ? nn::Shape{0, 3, 4, 1, 5, 2} : nn::Shape{0, 1, 4, 2, 5, 3};
  OnnxValue value = node.transpose(node.reshape(input, split), order);
  node.result(0, node.reshape(value, {from[0], channels, from[2] * block, from[3] * block}));
}

/// The inverse, in DCR order.
static void importSpaceToDepth(Node &node) {
  const OnnxValue &input = node.operand(0);
  llvm::ArrayRef<int64_t> from = input.shape();
  int64_t block = node.integer("blocksize", 0);
  if (from.size() != 4 || block <= 0 || block > 1024 || from[2] % block != 0 ||
      from[3] % block != 0)
    node.malformed(fmt::format("blocks of {} from {}", block, nn::printShape(from)));
  int64_t rows = from[2] / block, columns = from[3] / block;
  OnnxValue value = node.reshape(input, {from[0], from[1], rows, block, columns, block});
  value = node.transpose(value, {0, 3, 5, 1, 2, 4});
  node.result(0, node.reshape(value, {from[0], from[1] * block * block, rows, columns}));
}

void addShapeOps(HandlerTable &table) {
  table.on("Identity", 1, importIdentity);
  table.on("Dropout", 7, importDropout);
  table.on("Reshape", 5, importReshape);
  table.on("Flatten", 1, importFlatten);
  table.on("Squeeze", 1, importSqueeze);
  table.on("Unsqueeze", 1, importUnsqueeze);
  table.on("Transpose", 1, importTranspose);
  table.on("Concat", 4, importConcat);
  table.on("DepthToSpace", 1, importDepthToSpace);
  table.on("SpaceToDepth", 1, importSpaceToDepth);
}

} // namespace gfs::onnx
