// SPDX-License-Identifier: Apache-2.0
// How fast a machine is, in the units that gates state their work in. Written by gfs-bench
// --calibrate, read by whoever predicts times.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>

namespace gfs {

/// Shapes of layers whose speed differs.
enum class LinearShape {
  Dense,     ///< Many multiplications for each output, over an image.
  Thin,      ///< Fewer than 64 of them: a first layer.
  Depthwise, ///< Every channel by itself.
  Matrix,    ///< No image: each weight is used once.
};
constexpr std::array<const char *, 4> linearShapeNames = {"dense", "thin", "depthwise", "matrix"};

/// Rings whose multiplications differ: up to 32 bits, up to 52, more.
constexpr std::array<const char *, 3> ringClassNames = {"32", "52", "64"};
constexpr unsigned ringClass(unsigned ringBits) {
  return ringBits <= 32 ? 0 : ringBits <= 52 ? 1 : 2;
}

/// What a message passes through beside the network itself.
enum class Transport {
  Memory, ///< Two threads of one process.
  Plain,  ///< A socket.
  Tls,    ///< A socket with TLS.
};
constexpr std::array<const char *, 3> transportNames = {"memory", "plain", "tls"};

/// Work of gates beside multiplications; the unit is in UnitWork of TimeModel.cpp.
constexpr std::array<const char *, 13> workNames = {
    "input",  "output",   "open",   "unmask",   "relu_table", "relu_one_hot", "truncate",
    "square", "multiply", "spline", "sum_pool", "add_weight", "local"};

struct MachineProfile {
  std::string cpu = "unknown", kernels = "unknown";
  /// Every phase of a step, however small.
  double phaseNs = 0;
  /// By LinearShape and ring class: a multiplication and its addition.
  std::array<std::array<double, ringClassNames.size()>, linearShapeNames.size()> multiplicationNs{};
  /// By kind of work: a unit, in rings up to 32 bits and in wider ones.
  std::map<std::string, std::array<double, 2>> unitNs;
  /// One AES call of a comparison key.
  double aesBlockNs = 0;
  struct Exchange {
    double fixedUs = 0;   ///< An exchange of empty messages over a network without delay.
    double nsPerByte = 0; ///< Each way at the same time.
  };
  std::array<Exchange, transportNames.size()> exchanges{};

  /// Figures of one x86-64 server core with AVX-512 (docs/benchmarks.md): for machines that are not
  /// calibrated.
  static MachineProfile standard();
};

/// Version of the file: a reader refuses others.
constexpr int machineFileVersion = 1;

/// As JSON. Throws OutputUnwritable.
void writeMachineProfile(const MachineProfile &machine, const std::filesystem::path &path);
std::string machineProfileText(const MachineProfile &machine);
/// Throws InputUnreadable, or InvalidInput that names what is missing, negative or no number.
MachineProfile readMachineProfile(const std::filesystem::path &path);
MachineProfile parseMachineProfile(const std::string &text, const std::string &where);

} // namespace gfs
