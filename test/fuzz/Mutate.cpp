// SPDX-License-Identifier: Apache-2.0
#include "test/fuzz/Mutate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace gfs::fuzz {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

/// libFuzzer's seed, stretched (SplitMix64). What libFuzzer finds has to repeat, nothing else.
class Choices {
public:
  explicit Choices(unsigned seed) : state(seed) {}

  uint64_t bits() {
    uint64_t word = state += 0x9e3779b97f4a7c15;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    return word ^ word >> 31;
  }
  uint64_t below(uint64_t count) { return bits() % count; }
  template <class List> const auto &of(const List &list) { return list[below(std::size(list))]; }

  /// Extents, opsets, axes and what overflows them.
  int64_t integer(int64_t old) {
    static constexpr int64_t small[] = {0, 1, -1, 2, 3, 4, 5, 7, 8, 13, 16, 18, 32, 64, 100};
    static constexpr int64_t large[] = {int64_t(1) << 20,
                                        (int64_t(1) << 31) - 1,
                                        int64_t(1) << 31,
                                        (int64_t(1) << 32) + 1,
                                        int64_t(1) << 40,
                                        std::numeric_limits<int64_t>::min(),
                                        std::numeric_limits<int64_t>::max()};
    switch (below(4)) {
    case 0:
      return static_cast<int64_t>(static_cast<uint64_t>(old) + (below(2) ? 1 : ~uint64_t(0)));
    case 1:
      return of(large);
    default:
      return of(small);
    }
  }
  double real() {
    static constexpr double values[] = {0,
                                        1,
                                        -1,
                                        0.5,
                                        1e-30,
                                        1e30,
                                        std::numeric_limits<double>::infinity(),
                                        std::numeric_limits<double>::quiet_NaN()};
    return of(values);
  }

private:
  uint64_t state;
};

class Mutator {
public:
  Mutator(Message &root, const std::vector<std::string> &words, Choices &choices)
      : choices(choices), texts(words) {
    collect(root);
  }

  /// Changes one field of one part.
  void step() {
    Message &part = *choices.of(parts);
    const auto *type = part.GetDescriptor();
    if (type->field_count() == 0)
      return;
    const FieldDescriptor *field =
        type->field(static_cast<int>(choices.below(static_cast<uint64_t>(type->field_count()))));
    // Parts may go with the field, so the list is good for one step only.
    if (field->is_repeated())
      changeList(part, *field);
    else if (choices.below(8) == 0)
      part.GetReflection()->ClearField(&part, field);
    else
      setValue(part, *field, -1);
  }

private:
  Choices &choices;
  std::vector<std::string> texts;
  std::vector<Message *> parts;

  void collect(Message &part) {
    parts.push_back(&part);
    const Reflection *reflection = part.GetReflection();
    std::vector<const FieldDescriptor *> fields;
    reflection->ListFields(part, &fields);
    for (const FieldDescriptor *field : fields) {
      int count = field->is_repeated() ? reflection->FieldSize(part, field) : -1;
      bool isText = field->type() == FieldDescriptor::TYPE_STRING;
      bool isPart = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      for (int i = 0; isText && i < count; ++i)
        texts.push_back(reflection->GetRepeatedString(part, field, i));
      for (int i = 0; isPart && i < count; ++i)
        collect(*reflection->MutableRepeatedMessage(&part, field, i));
      if (isText && count < 0)
        texts.push_back(reflection->GetString(part, field));
      if (isPart && count < 0)
        collect(*reflection->MutableMessage(&part, field));
    }
  }

  void changeList(Message &part, const FieldDescriptor &field) {
    const Reflection *reflection = part.GetReflection();
    int count = reflection->FieldSize(part, &field);
    auto any = [&] { return static_cast<int>(choices.below(static_cast<uint64_t>(count))); };
    switch (count == 0 ? 0 : choices.below(4)) {
    case 0:
      return append(part, field, count == 0 ? -1 : any());
    case 1:
      return reflection->SwapElements(&part, &field, any(), any());
    case 2:
      reflection->SwapElements(&part, &field, any(), count - 1);
      return reflection->RemoveLast(&part, &field);
    default:
      return setValue(part, field, any());
    }
  }

  /// A copy of element `like` at the end, or a fresh one.
  void append(Message &part, const FieldDescriptor &field, int like) {
    const Reflection *reflection = part.GetReflection();
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE)
      return setValue(part, field, reflection->FieldSize(part, &field));
    Message *added = reflection->AddMessage(&part, &field);
    if (like >= 0)
      added->CopyFrom(reflection->GetRepeatedMessage(part, &field, like));
  }

  std::string text() {
    if (texts.empty() || choices.below(16) == 0)
      return std::string(choices.below(4), 'x');
    return choices.of(texts);
  }

  /// Sets element `index` of a list, appends if that is its size, sets the field itself if
  /// negative. A sub-message only comes into being.
  void setValue(Message &part, const FieldDescriptor &field, int index) {
    const Reflection *reflection = part.GetReflection();
    bool isNew = index >= 0 && index == reflection->FieldSize(part, &field);
#define GFS_FUZZ_SET(NAME, VALUE)                                                                  \
  do {                                                                                             \
    if (index < 0)                                                                                 \
      reflection->Set##NAME(&part, &field, VALUE);                                                 \
    else if (isNew)                                                                                \
      reflection->Add##NAME(&part, &field, VALUE);                                                 \
    else                                                                                           \
      reflection->SetRepeated##NAME(&part, &field, index, VALUE);                                  \
    return;                                                                                        \
  } while (false)
#define GFS_FUZZ_OLD(NAME)                                                                         \
  (index < 0 ? reflection->Get##NAME(part, &field)                                                 \
   : isNew   ? 0                                                                                   \
             : reflection->GetRepeated##NAME(part, &field, index))
    switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      GFS_FUZZ_SET(Int32, static_cast<int32_t>(choices.integer(GFS_FUZZ_OLD(Int32))));
    case FieldDescriptor::CPPTYPE_UINT32:
      GFS_FUZZ_SET(UInt32, static_cast<uint32_t>(choices.integer(GFS_FUZZ_OLD(UInt32))));
    case FieldDescriptor::CPPTYPE_INT64:
      GFS_FUZZ_SET(Int64, choices.integer(GFS_FUZZ_OLD(Int64)));
    case FieldDescriptor::CPPTYPE_UINT64:
      GFS_FUZZ_SET(UInt64, static_cast<uint64_t>(
                               choices.integer(static_cast<int64_t>(GFS_FUZZ_OLD(UInt64)))));
    case FieldDescriptor::CPPTYPE_FLOAT:
      GFS_FUZZ_SET(Float, static_cast<float>(choices.real()));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      GFS_FUZZ_SET(Double, choices.real());
    case FieldDescriptor::CPPTYPE_BOOL:
      GFS_FUZZ_SET(Bool, choices.below(2) != 0);
    case FieldDescriptor::CPPTYPE_ENUM:
      GFS_FUZZ_SET(EnumValue, field.enum_type()
                                  ->value(static_cast<int>(choices.below(
                                      static_cast<uint64_t>(field.enum_type()->value_count()))))
                                  ->number());
    case FieldDescriptor::CPPTYPE_STRING:
      GFS_FUZZ_SET(String, text());
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (index < 0)
        reflection->MutableMessage(&part, &field);
    }
#undef GFS_FUZZ_OLD
#undef GFS_FUZZ_SET
  }
};

} // namespace

size_t mutate(const Format &format, uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  Choices choices(seed);
  const size_t prefix = format.prefixBytes;
  google::protobuf::LogSilencer quiet;
  if (choices.below(4) == 0 || size < prefix ||
      !format.message.ParsePartialFromArray(data + prefix, static_cast<int>(size - prefix)))
    return LLVMFuzzerMutate(data, size, maxSize);
  for (uint64_t steps = 1 + choices.below(3); steps > 0; --steps)
    Mutator(format.message, format.words, choices).step();
  std::string bytes = format.message.SerializePartialAsString();
  if (prefix + bytes.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::memcpy(data + prefix, bytes.data(), bytes.size());
  return prefix + bytes.size();
}

} // namespace gfs::fuzz
