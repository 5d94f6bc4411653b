// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy format, versions 1.0 to 3.0: "\x93NUMPY", version, header length, a Python dict
// literal with the keys descr, fortran_order and shape, then the elements.
#include "runtime/tensor/Formats.h"

#include <algorithm>
#include <cstring>

namespace gfs {

namespace {
constexpr size_t maxHeaderBytes = 1 << 16;
constexpr size_t maxAxes = 32;

struct Header {
  std::string descr;
  bool fortranOrder = false;
  std::vector<uint64_t> shape;
};

/// Parses the dict literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
public:
  HeaderParser(std::string_view text, const std::string &file) : text(text), file(file) {}

  Header parse() {
    Header header;
    bool sawDescr = false, sawOrder = false, sawShape = false;
    expect('{');
    while (!accept('}')) {
      std::string key = parseString();
      expect(':');
      if (key == "descr" && !sawDescr) {
        if (peek() == '[')
          invalidFile(file, "holds records, not numbers", "save one plain array of numbers");
        header.descr = parseString();
        sawDescr = true;
      } else if (key == "fortran_order" && !sawOrder) {
        header.fortranOrder = parseBool();
        sawOrder = true;
      } else if (key == "shape" && !sawShape) {
        header.shape = parseShape();
        sawShape = true;
      } else {
        fail();
      }
      if (!accept(',') && peek() != '}')
        fail();
    }
    if (peek() != '\0' || !sawDescr || !sawOrder || !sawShape)
      fail();
    return header;
  }

private:
  [[noreturn]] void fail() const {
    invalidFile(file, fmt::format("its .npy header is malformed at byte {}", at), copyAgain);
  }
  /// The next character that is no white space; 0 at the end.
  char peek() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n'))
      ++at;
    return at < text.size() ? text[at] : '\0';
  }
  bool accept(char c) {
    if (peek() != c)
      return false;
    ++at;
    return true;
  }
  void expect(char c) {
    if (!accept(c))
      fail();
  }
  std::string parseString() {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      fail();
    size_t end = text.find(quote, at + 1);
    if (end == std::string_view::npos)
      fail();
    std::string result(text.substr(at + 1, end - at - 1));
    at = end + 1;
    return result;
  }
  bool acceptWord(std::string_view word) {
    peek();
    if (text.substr(at, word.size()) != word)
      return false;
    at += word.size();
    return true;
  }
  bool parseBool() {
    if (acceptWord("True"))
      return true;
    if (!acceptWord("False"))
      fail();
    return false;
  }
  uint64_t parseExtent() {
    if (peek() < '0' || peek() > '9')
      fail();
    uint64_t value = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      if (value > maxTensorFileBytes)
        invalidFile(file, "its shape is too large", "at most 4 GiB are read from one file");
      value = value * 10 + static_cast<uint64_t>(text[at] - '0');
    }
    accept('L'); // Python 2 wrote long integers so.
    return value;
  }
  std::vector<uint64_t> parseShape() {
    std::vector<uint64_t> shape;
    expect('(');
    while (!accept(')')) {
      if (shape.size() == maxAxes)
        invalidFile(file, fmt::format("has more than {} axes", maxAxes), "reshape the array");
      shape.push_back(parseExtent());
      if (!accept(',') && peek() != ')')
        fail();
    }
    return shape;
  }

  std::string_view text;
  const std::string &file;
  size_t at = 0;
};

/// float16, which a Tensor holds as float32.
constexpr std::string_view halfCode = "f2";

struct ElementCode {
  const char *code; ///< Without the byte-order character.
  DataType type;
};
constexpr ElementCode elementCodes[] = {
    {"b1", DataType::Bool},    {"u1", DataType::UInt8},   {"i1", DataType::Int8},
    {"u2", DataType::UInt16},  {"i2", DataType::Int16},   {"u4", DataType::UInt32},
    {"i4", DataType::Int32},   {"u8", DataType::UInt64},  {"i8", DataType::Int64},
    {"f4", DataType::Float32}, {"f8", DataType::Float64},
};
} // namespace

/// The element type without its byte-order character.
static std::string_view elementCode(std::string_view descr) {
  if (!descr.empty() && (descr[0] == '<' || descr[0] == '|' || descr[0] == '='))
    descr.remove_prefix(1);
  return descr;
}

static DataType parseDescr(const std::string &descr, const std::string &file) {
  std::string_view code = elementCode(descr);
  if (code == halfCode)
    return DataType::UInt16; // Its bits, which widenHalves turns into numbers.
  for (const ElementCode &known : elementCodes)
    if (code == known.code)
      return known.type;
  if (descr.starts_with('>'))
    invalidFile(file, fmt::format("is big-endian (type '{}')", descr),
                "save it little-endian, for example with .astype(numpy.float32)");
  invalidFile(file, fmt::format("its elements have the unsupported type '{}'", descr),
              "save it as floats, bool or integers, for example with .astype(numpy.float32)");
}

/// Rearranges elements stored first index fastest (Fortran) to last index fastest (C).
static std::vector<std::byte> toRowMajor(std::span<const std::byte> columnMajor,
                                         std::span<const uint64_t> shape, unsigned elementBytes) {
  std::vector<std::byte> result(columnMajor.size());
  std::vector<uint64_t> stride(shape.size()); // In elements of the column-major source.
  uint64_t step = 1;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    stride[axis] = step;
    step *= shape[axis];
  }
  std::vector<uint64_t> index(shape.size(), 0);
  uint64_t source = 0;
  for (size_t to = 0; to < result.size(); to += elementBytes) {
    std::memcpy(result.data() + to, columnMajor.data() + source * elementBytes, elementBytes);
    for (size_t axis = shape.size(); axis-- > 0;) {
      source += stride[axis];
      if (++index[axis] < shape[axis])
        break;
      source -= stride[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

static Tensor widenHalves(const Tensor &halves) {
  std::vector<float> numbers;
  for (uint16_t half : halves.as<uint16_t>())
    numbers.push_back(fromFloat16(half));
  return makeTensor<float>(halves.shape, numbers);
}

Tensor parseNpy(std::span<const std::byte> bytes, const std::string &file) {
  auto breaksOff = [&] { invalidFile(file, "breaks off inside its .npy header", copyAgain); };
  if (bytes.size() < 10)
    breaksOff();
  unsigned version = std::to_integer<unsigned>(bytes[6]);
  if (version < 1 || version > 3)
    invalidFile(file, fmt::format("has .npy format version {}; 1 to 3 are known", version),
                "save it with numpy.save");
  size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start)
    breaksOff();
  size_t length = version == 1 ? loadLittle<uint16_t>(bytes, 8) : loadLittle<uint32_t>(bytes, 8);
  if (length > maxHeaderBytes)
    invalidFile(file, fmt::format("claims a .npy header of {} bytes", length), copyAgain);
  if (bytes.size() - start < length)
    breaksOff();

  std::string_view text(reinterpret_cast<const char *>(bytes.data()) + start, length);
  Header header = HeaderParser(text, file).parse();
  Tensor tensor;
  tensor.type = parseDescr(header.descr, file);
  tensor.shape = std::move(header.shape);
  auto payload = bytes.subspan(start + length);
  std::optional<uint64_t> expected = boundedBytes(tensor.shape, sizeOf(tensor.type));
  if (!expected || *expected != payload.size())
    invalidFile(file,
                fmt::format("shape {} of {} does not fit the {} bytes of elements in the file",
                            shapeText(tensor.shape), nameOf(tensor.type), payload.size()),
                copyAgain);
  if (header.fortranOrder)
    tensor.data = toRowMajor(payload, tensor.shape, sizeOf(tensor.type));
  else
    tensor.data.assign(payload.begin(), payload.end());
  return elementCode(header.descr) == halfCode ? widenHalves(tensor) : tensor;
}

std::vector<std::byte> npyBytes(const Tensor &tensor) {
  auto known = std::find_if(std::begin(elementCodes), std::end(elementCodes),
                            [&](const ElementCode &e) { return e.type == tensor.type; });
  std::string header =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}",
                  sizeOf(tensor.type) == 1 ? '|' : '<', known->code, fmt::join(tensor.shape, ", "),
                  tensor.shape.size() == 1 ? "," : "");
  // The elements start at a multiple of 64 bytes; the header ends in a line feed.
  constexpr size_t prefix = 10;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header.push_back('\n');

  std::string head = "\x93NUMPY";
  head += '\x01';
  head += '\x00';
  head += static_cast<char>(header.size() & 0xff);
  head += static_cast<char>(header.size() >> 8);
  head += header;
  std::vector<std::byte> bytes(head.size() + tensor.data.size());
  std::memcpy(bytes.data(), head.data(), head.size());
  std::copy(tensor.data.begin(), tensor.data.end(),
            bytes.begin() + static_cast<ptrdiff_t>(head.size()));
  return bytes;
}

} // namespace gfs
