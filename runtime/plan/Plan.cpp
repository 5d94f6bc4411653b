// SPDX-License-Identifier: Apache-2.0
// plan.bin to memory and back, and how its steps are named.
#include "runtime/plan/Plan.h"

#include "runtime/base/Error.h"
#include "runtime/plan/Files.h"
#include "runtime/plan/ReadFile.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

namespace gfs::plan {

LoadedPlan readPlan(const std::filesystem::path &path) {
  SecretVector<uint8_t> bytes = readWholeFile(path);
  return parsePlan({reinterpret_cast<const char *>(bytes.data()), bytes.size()}, path.string());
}

LoadedPlan parsePlan(std::string_view bytes, const std::string &name) {
  if (!bytes.starts_with(fileMagic))
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: not a plan (it does not begin with {})", name, fileMagic),
                "make a plan with gfscc");
  google::protobuf::LogSilencer quiet; // the error below says it all
  LoadedPlan loaded;
  std::string_view message = bytes.substr(fileMagic.size());
  if (message.size() > INT32_MAX ||
      !loaded.plan.ParseFromArray(message.data(), static_cast<int>(message.size())))
    throw Error(ExitCode::InvalidInput, fmt::format("{}: the plan is truncated or damaged", name),
                "copy it again from where gfscc wrote it");
  verifyPlan(loaded.plan, name);
  loaded.hash = sha256({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()});
  return loaded;
}

std::string serializePlan(const Plan &plan) {
  std::string bytes(fileMagic);
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  check(plan.SerializeToCodedStream(&coded), "a plan cannot be serialised");
  coded.Trim();
  return bytes;
}

uint64_t elements(const Value &value) {
  uint64_t count = 1;
  for (uint64_t size : value.shape())
    count *= size;
  return count;
}

const char *gateName(const Step &step) {
  switch (step.gate_case()) {
#define GFS_GATE(Name)                                                                             \
  case Step::k##Name:                                                                              \
    return #Name;
#include "runtime/plan/Gates.def"
  case Step::GATE_NOT_SET:
    break;
  }
  return "no gate";
}

std::string describeStep(const Plan &plan, uint32_t step) {
  const Step &it = plan.steps(static_cast<int>(step));
  if (it.name().empty())
    return fmt::format("step {} ({})", step, gateName(it));
  return fmt::format("{} ({})", it.name(), gateName(it));
}

static unsigned comparisonPhases(const SignWindow &window) {
  switch (window.protocol()) {
  case SignWindow::TABLE:
    return 2;
  case SignWindow::ONE_HOT:
    return 2 + oneHotLevels(window.high() - window.low());
  default: // DCF
    return 1;
  }
}

unsigned phaseCount(const Step &step) {
  switch (step.gate_case()) {
  case Step::kOpen:
    return 2;
  case Step::kRelu:
    return comparisonPhases(step.relu().window());
  case Step::kSpline:
    return comparisonPhases(step.spline().window());
  default:
    return 1;
  }
}

} // namespace gfs::plan
