// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM over one material record. Not for header use outside this folder.
#pragma once

#include "runtime/base/Secret.h"
#include "runtime/material/MaterialInfo.h"

#include <memory>
#include <span>

struct evp_cipher_ctx_st; // OpenSSL's EVP_CIPHER_CTX

namespace gfs {

/// Seals and opens the records of one file. The key is derived from a seed that the dealer and this
/// party hold: that of the set, or for this one the party's. Associated data: plan hash, model id,
/// material id, party and serial, so that a flipped, moved or foreign record does not open. The
/// nonce is random, not the serial: a resumed dealer may seal one serial twice, and GCM must never
/// see one nonce with two messages.
class RecordCipher {
public:
  RecordCipher(const SecretSeed &seed, const MaterialInfo &info);

  /// Where the payload lies in a record.
  static std::span<uint8_t> payload(std::span<uint8_t> record);
  /// Seals payload(record) where it lies; record: info.recordBytes(). Thread-safe.
  void seal(uint64_t serial, std::span<uint8_t> record) const;
  /// What a record holds around its payload: a nonce before it, a tag behind it.
  static constexpr size_t nonceBytes = 12, tagBytes = 16;
  /// Opens payload(record) where it lies. False if it is not authentic; it is then wiped.
  bool open(uint64_t serial, std::span<uint8_t> record) const;

  /// Opens a payload piece by piece, in order, so that nobody has to hold it sealed and in clear.
  /// Nothing of it may be used before finish() has said that all of it is authentic.
  class Opening {
  public:
    Opening(const RecordCipher &cipher, uint64_t serial,
            std::span<const uint8_t, nonceBytes> nonce);
    /// `clear` has room for sealed.size() bytes; it may be where `sealed` lies.
    void next(std::span<const uint8_t> sealed, uint8_t *clear);
    bool finish(std::span<const uint8_t, tagBytes> tag);

  private:
    std::unique_ptr<evp_cipher_ctx_st, void (*)(evp_cipher_ctx_st *)> context;
  };

private:
  std::array<uint8_t, 32 + 16 + 16 + 1 + 8> associatedData(uint64_t serial) const;
  SecretSeed key;
  MaterialInfo info;
};

} // namespace gfs
