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
  Filter,    ///< The same with 3x3 taps of stride 1: kernels have shorter ways (FastConv.h).
  Thin,      ///< Fewer than 64 multiplications for each output: a first layer.
  Depthwise, ///< Every channel by itself.
  Matrix,    ///< No image: each weight is used once.
};
constexpr std::array<const char *, 5> linearShapeNames = {"dense", "filter", "thin", "depthwise",
                                                          "matrix"};

/// Rings whose layers differ in speed: words of 32 bits, or products of 52 in words of 64, each
/// with two bits to spare and without; and more.
constexpr std::array<unsigned, 5> ringClassBits = {30, 32, 50, 52, 64}; ///< Rings of up to so many.
constexpr std::array<const char *, ringClassBits.size()> ringClassNames = {"30", "32", "50", "52",
                                                                           "64"};
constexpr size_t ringClass(unsigned ringBits) {
  size_t ring = 0;
  while (ringBits > ringClassBits[ring])
    ++ring;
  return ring;
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
constexpr int machineFileVersion = 2;

/// As JSON. Throws OutputUnwritable.
void writeMachineProfile(const MachineProfile &machine, const std::filesystem::path &path);
std::string machineProfileText(const MachineProfile &machine);
/// Throws InputUnreadable, or InvalidInput that names what is missing, negative or no number.
MachineProfile readMachineProfile(const std::filesystem::path &path);
MachineProfile parseMachineProfile(const std::string &text, const std::string &where);

} // namespace gfs
