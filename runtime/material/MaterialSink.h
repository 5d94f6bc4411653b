// SPDX-License-Identifier: Apache-2.0
// What the dealer does with the records of one party: seal each, and hand all of them on in order.
#pragma once

#include "runtime/base/Secret.h"
#include "runtime/material/MaterialInfo.h"
#include "runtime/material/RecordCipher.h"

namespace gfs {

/// Makes the sealed records of one set and party. Any thread.
class RecordSealer {
public:
  RecordSealer(const MaterialInfo &info, const SecretSeed &setSeed)
      : about(info), cipher(setSeed, info) {}

  const MaterialInfo &info() const { return about; }
  /// A record to be filled in at payload() and then sealed.
  SecretVector<uint8_t> blank() const { return SecretVector<uint8_t>(about.recordBytes()); }
  static std::span<uint8_t> payload(std::span<uint8_t> record) {
    return RecordCipher::payload(record);
  }
  /// Encrypts the payload of the record of serial firstSerial + `record`, where it lies.
  void seal(uint64_t record, std::span<uint8_t> bytes) const {
    cipher.seal(about.firstSerial + record, bytes);
  }

private:
  MaterialInfo about;
  RecordCipher cipher;
};

/// Where sealed records go: a file, or a server.
class MaterialSink {
public:
  MaterialSink() = default;
  MaterialSink(MaterialSink &&) = default;
  MaterialSink &operator=(MaterialSink &&) = default;
  virtual ~MaterialSink() = default;

  /// The next record, info.recordBytes() long.
  virtual void append(std::span<const uint8_t> sealed) = 0;
  /// All records were appended: they are durable there when this returns.
  virtual void finish() = 0;
};

} // namespace gfs
