// SPDX-License-Identifier: Apache-2.0
// Recurrent layers, unrolled: one step of the network for each step of the sequence. What the
// sequence is multiplied by is one matrix product for all steps.
//
//   RNN   h' = f(W x + R h + b)
//   LSTM  i, o, f = s(W x + R h + P c + b), g = t(W x + R h + b), c' = f c + i g, h' = o t(c')
//   GRU   z, r = s(W x + R h + b), h' = (1 - z) t(W x + r (R h + b_R) + b_W) + z h, or with R (r h)
//
// Hochreiter, Schmidhuber: Long Short-Term Memory (1997); Gers, Schmidhuber: Recurrent Nets that
// Time and Count (2000), for the peepholes P; Cho et al.: Learning Phrase Representations (2014).
#include "compiler/import/Handlers.h"
#include "compiler/import/Node.h"

#include <numeric>

using namespace mlir;
using gfs::nn::FunctionKind;

namespace gfs::onnx {
namespace {

/// What the three operators share: operands X [T, B, I], W [D, G H, I], R [D, G H, H], b [D, 2 G H]
/// and initial states [D, B, H], for G gates and D directions, and one direction of them at a time.
class Layer {
public:
  Layer(Node &node, int64_t gates, ArrayRef<StringRef> usual) : node(node), gates(gates) {
    batchFirst = node.integer("layout", 0) != 0;
    if (node.shape(0).size() != 3)
      node.malformed(
          fmt::format("expects a sequence of three axes, got {}", nn::printShape(node.shape(0))));
    sequence = node.tensor(0);
    if (batchFirst)
      sequence = transposed(sequence, {1, 0, 2});
    nn::Shape shape(Node::shapeOf(sequence));
    steps = shape[0], batch = shape[1], inputs = shape[2];
    if (steps > mostSteps)
      node.unsupported(
          fmt::format("would be unrolled over {} steps", steps),
          fmt::format("at most {} are supported: export the model for shorter sequences",
                      mostSteps));
    readDirections();
    readWeights();
    readActivations(usual);
    if (node.hasAttribute("clip"))
      node.unsupported("clips what goes into its activations", "export it without clip");
    refuseShortSequences();
  }

  void run() {
    std::vector<OnnxValue> all, last, cells; // by direction
    for (direction = 0; direction < directions; ++direction) {
      readDirection();
      std::vector<OnnxValue> states(static_cast<size_t>(steps));
      for (int64_t i = 0; i < steps; ++i) {
        const int64_t t = isReverse() ? steps - 1 - i : i;
        OnnxValue x = node.take({products, nullptr}, 0, {t});
        step(node.emitReshape(x.tensor, {batch, gates * hidden}));
        states[static_cast<size_t>(t)] = {node.emitReshape(state, {1, 1, batch, hidden}), nullptr};
      }
      all.push_back(node.concat(states, 0));
      last.push_back({node.emitReshape(state, {1, batch, hidden}), nullptr});
      if (cell)
        cells.push_back({node.emitReshape(cell, {1, batch, hidden}), nullptr});
    }
    result(0, all, 1, {2, 0, 1, 3});
    result(1, last, 0, {1, 0, 2});
    if (!cells.empty())
      result(2, cells, 0, {1, 0, 2});
  }

protected:
  ~Layer() = default;

  /// Computes the next state from W x + b of one step, [B, G H].
  virtual void step(Value x) = 0;
  /// Which biases are added to W x once for all steps; b_R of some gates may be left out.
  virtual bool addsRecurrentBias(int64_t) const { return true; }

  Value part(Value value, int64_t first, int64_t count) {
    std::vector<int64_t> indices(static_cast<size_t>(count * hidden));
    std::iota(indices.begin(), indices.end(), first * hidden);
    return node.take({value, nullptr}, Node::shapeOf(value).size() - 1, indices).tensor;
  }
  Value sum(Value a, Value b) { return !a ? b : !b ? a : node.emitBinary<nn::AddOp>(a, b); }
  /// Of which one may be null, for zero.
  Value product(Value a, Value b) { return a && b ? node.emitBinary<nn::MulOp>(a, b) : Value(); }
  /// value * R^T of gates [first, first + count); null for the state 0.
  Value recurrent(Value value, int64_t first, int64_t count) {
    if (!value)
      return {};
    Value weight = rowsOf(recurrentWeight, first, count);
    return node.emit<nn::LinearOp>({batch, count * hidden}, value, weight, Value());
  }
  Value activation(size_t index, Value value) {
    const std::string &name = activations[static_cast<size_t>(direction) * perDirection + index];
    if (name == "Relu")
      return node.emit<nn::ReluOp>(Node::shapeOf(value), value);
    const FunctionKind kind = name == "Tanh" ? FunctionKind::Tanh : FunctionKind::Sigmoid;
    return node.emit<nn::FunctionOp>(Node::shapeOf(value), kind, value, ArrayRef<double>());
  }
  /// The initial state in operand i, [B, H]; null if it is left out, for zero.
  Value initial(size_t i) {
    if (!node.has(i))
      return {};
    Value states = node.tensor(i);
    const nn::Shape expected =
        batchFirst ? nn::Shape{batch, directions, hidden} : nn::Shape{directions, batch, hidden};
    if (Node::shapeOf(states) != ArrayRef<int64_t>(expected))
      node.malformed(fmt::format("expects an initial state of shape {}, got {}",
                                 nn::printShape(expected), nn::printShape(Node::shapeOf(states))));
    if (batchFirst)
      states = transposed(states, {1, 0, 2});
    return node.emitReshape(ofDirection(states), {batch, hidden});
  }
  /// One direction of a constant [D, ..].
  Value ofDirection(Value value) { return node.take({value, nullptr}, 0, {direction}).tensor; }
  Value rowsOf(Value matrix, int64_t first, int64_t count) {
    std::vector<int64_t> rows(static_cast<size_t>(count * hidden));
    std::iota(rows.begin(), rows.end(), first * hidden);
    return node.take({matrix, nullptr}, 0, rows).tensor;
  }

  /// A plan has steps of its own for each of the sequence's.
  static constexpr int64_t mostSteps = 1024;
  Node &node;
  const int64_t gates;
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, directions = 1, direction = 0;
  Value state, cell;   ///< [B, H]; null for zero.
  Value recurrentBias; ///< Of one direction, [G H]; null if there is none.

private:
  bool isReverse() const { return form == "reverse" || direction == 1; }

  void readDirections() {
    form = node.text("direction", "forward");
    if (form != "forward" && form != "reverse" && form != "bidirectional")
      node.malformed(fmt::format("direction is '{}'", form));
    directions = form == "bidirectional" ? 2 : 1;
  }
  void readWeights() {
    weights = node.constantTensor(1, "the weights"),
    recurrents = node.constantTensor(2, "the recurrent weights");
    const nn::Shape shape = node.shape(2);
    hidden = shape.size() == 3 ? shape[2] : 0;
    node.ignore({"hidden_size"});
    if (node.shape(1) != nn::Shape{directions, gates * hidden, inputs} ||
        shape != nn::Shape{directions, gates * hidden, hidden})
      node.malformed(fmt::format("weights of shapes {} and {} for {} inputs",
                                 nn::printShape(node.shape(1)), nn::printShape(shape), inputs));
    if (node.has(3)) {
      biases = node.constantTensor(3, "the bias");
      if (node.shape(3) != nn::Shape{directions, 2 * gates * hidden})
        node.malformed(fmt::format("a bias of shape {}", nn::printShape(node.shape(3))));
    }
  }
  void readActivations(ArrayRef<StringRef> usual) {
    perDirection = usual.size();
    activations = node.texts("activations");
    if (activations.empty())
      for (int64_t d = 0; d < directions; ++d)
        activations.insert(activations.end(), usual.begin(), usual.end());
    if (activations.size() != perDirection * static_cast<size_t>(directions))
      node.malformed(fmt::format("has {} activations", activations.size()));
    for (const std::string &name : activations)
      if (name != "Sigmoid" && name != "Tanh" && name != "Relu")
        node.unsupported(fmt::format("has the activation {}", name),
                         "only Sigmoid, Tanh and Relu are supported here");
    node.ignore({"activation_alpha", "activation_beta"}); // of none of these
  }
  void refuseShortSequences() {
    if (node.has(4) && llvm::any_of(node.known(4).values, [&](int64_t n) { return n != steps; }))
      node.unsupported("has sequences of other lengths than its operand",
                       "export the model for sequences of one length, without sequence_lens");
  }

  void readDirection() {
    Value weight = node.emitReshape(ofDirection(weights), {gates * hidden, inputs}), bias;
    recurrentWeight = node.emitReshape(ofDirection(recurrents), {gates * hidden, hidden});
    recurrentBias = {};
    if (biases) {
      Value both = node.emitReshape(ofDirection(biases), {2 * gates * hidden});
      recurrentBias = part(both, gates, gates);
      std::vector<OnnxValue> sums;
      for (int64_t gate = 0; gate < gates; ++gate) {
        Value added = addsRecurrentBias(gate) ? part(recurrentBias, gate, 1) : Value();
        sums.push_back({sum(part(both, gate, 1), added), nullptr});
      }
      bias = node.concat(sums, 0).tensor;
    }
    Value rows = node.emitReshape(sequence, {steps * batch, inputs});
    Value all = node.emit<nn::LinearOp>({steps * batch, gates * hidden}, rows, weight, bias);
    products = node.emitReshape(all, {steps, batch, gates * hidden});
    state = initial(5);
    cell = {};
    startDirection();
  }
  virtual void startDirection() {}

  Value transposed(Value value, ArrayRef<int64_t> order) {
    return node.transpose({value, nullptr}, order).tensor;
  }
  void result(size_t i, ArrayRef<OnnxValue> parts, size_t axis, ArrayRef<int64_t> batchFirstOrder) {
    OnnxValue value = node.concat(parts, axis);
    node.result(i, batchFirst ? node.transpose(value, batchFirstOrder) : value);
  }

  bool batchFirst = false;
  std::string form;
  std::vector<std::string> activations;
  size_t perDirection = 0;
  Value sequence, weights, recurrents, biases; ///< Operands; the bias may be null.
  Value products, recurrentWeight; ///< Of one direction: W x + b [T, B, G H], R [G H, H].
};

class Rnn final : public Layer {
public:
  explicit Rnn(Node &node) : Layer(node, 1, {"Tanh"}) {}

private:
  void step(Value x) override { state = activation(0, sum(x, recurrent(state, 0, 1))); }
};

/// Gates i, o, f, g.
class Lstm final : public Layer {
public:
  explicit Lstm(Node &node) : Layer(node, 4, {"Sigmoid", "Tanh", "Tanh"}) {
    if (node.integer("input_forget", 0) != 0)
      node.unsupported("couples its input and forget gates", "export it without input_forget");
    if (node.has(7))
      peepholes = node.constantTensor(7, "the peepholes");
  }

private:
  void startDirection() override {
    cell = initial(6);
    if (peepholes)
      peephole = node.emitReshape(ofDirection(peepholes), {3 * hidden});
  }
  void step(Value x) override {
    Value z = sum(x, recurrent(state, 0, 4));
    if (!peepholes) {
      Value open = activation(0, part(z, 0, 3)), proposed = activation(1, part(z, 3, 1));
      cell = sum(product(part(open, 2, 1), cell), product(part(open, 0, 1), proposed));
      state = product(part(open, 1, 1), activation(2, cell));
      return;
    }
    Value in = activation(0, sum(part(z, 0, 1), product(cell, part(peephole, 0, 1)))),
          forget = activation(0, sum(part(z, 2, 1), product(cell, part(peephole, 2, 1))));
    cell = sum(product(forget, cell), product(in, activation(1, part(z, 3, 1))));
    Value out = activation(0, sum(part(z, 1, 1), product(cell, part(peephole, 1, 1))));
    state = product(out, activation(2, cell));
  }
  Value peepholes, peephole; ///< [D, 3 H], and of one direction; of the gates i, o, f.
};

/// Gates z, r, h.
class Gru final : public Layer {
public:
  explicit Gru(Node &node)
      : Layer(node, 3, {"Sigmoid", "Tanh"}),
        resetsProducts(node.integer("linear_before_reset", 0) != 0) {}

private:
  bool addsRecurrentBias(int64_t gate) const override { return gate < 2 || !resetsProducts; }
  void step(Value x) override {
    Value open = activation(0, sum(part(x, 0, 2), recurrent(state, 0, 2)));
    Value update = part(open, 0, 1), reset = part(open, 1, 1), kept;
    if (resetsProducts) {
      Value bias = recurrentBias ? part(recurrentBias, 2, 1) : Value();
      kept = product(reset, sum(recurrent(state, 2, 1), bias));
    } else {
      kept = recurrent(product(reset, state), 2, 1);
    }
    Value proposed = activation(1, sum(part(x, 2, 1), kept));
    // (1 - z) p + z h = p + z (h - p): one product instead of two.
    Value change =
        state ? node.emitBinary<nn::SubOp>(state, proposed) : node.emitScaled(proposed, -1);
    state = sum(proposed, product(update, change));
  }
  const bool resetsProducts;
};

template <class Kind> void importRecurrent(Node &node) { Kind(node).run(); }

} // namespace

void addRecurrentOps(HandlerTable &table) {
  table.on("RNN", 7, importRecurrent<Rnn>);
  table.on("LSTM", 7, importRecurrent<Lstm>);
  table.on("GRU", 7, importRecurrent<Gru>);
}

} // namespace gfs::onnx
