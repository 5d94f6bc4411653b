// SPDX-License-Identifier: Apache-2.0
#include "runtime/material/RecordCipher.h"

#include "runtime/base/Error.h"
#include "runtime/crypto/Prg.h"

#include <memory>
#include <openssl/evp.h>

namespace gfs {

/// EVP takes int lengths; a multiple of the block, so that chunks join without padding.
static constexpr size_t chunkBytes = size_t(1) << 30;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

static void require(int success) {
  if (success != 1)
    throw Error(ExitCode::Internal, "internal error: AES-256-GCM failed");
}

RecordCipher::RecordCipher(const SecretSeed &seed, const MaterialInfo &info)
    : key(deriveSeed(seed, "gfs material record key")), info(info) {}

std::array<uint8_t, 32 + 16 + 16 + 1 + 8> RecordCipher::associatedData(uint64_t serial) const {
  std::array<uint8_t, 32 + 16 + 16 + 1 + 8> data;
  auto out = std::copy(info.planHash.begin(), info.planHash.end(), data.begin());
  out = std::copy(info.modelId.begin(), info.modelId.end(), out);
  out = std::copy(info.materialId.begin(), info.materialId.end(), out);
  *out++ = static_cast<uint8_t>(index(info.party));
  for (unsigned i = 0; i < 8; ++i)
    *out++ = static_cast<uint8_t>(serial >> 8 * i);
  return data;
}

/// Runs `update` over in -> out in chunks that fit an int.
template <class Update>
static void inChunks(Update update, EVP_CIPHER_CTX *context, std::span<const uint8_t> in,
                     uint8_t *out) {
  for (size_t done = 0; done < in.size();) {
    size_t now = std::min(chunkBytes, in.size() - done);
    int written = 0;
    require(update(context, out + done, &written, in.data() + done, static_cast<int>(now)));
    done += now;
  }
}

std::span<uint8_t> RecordCipher::payload(std::span<uint8_t> record) {
  return record.subspan(nonceBytes, record.size() - nonceBytes - tagBytes);
}

void RecordCipher::seal(uint64_t serial, std::span<uint8_t> record) const {
  check(record.size() == info.recordBytes(), "size of a material record");
  auto nonce = record.first(nonceBytes);
  randomBytes(nonce);
  auto associated = associatedData(serial);
  CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int written = 0;
  require(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), key.bytes().data(), nonce.data(),
                              nullptr));
  require(
      EVP_EncryptUpdate(context.get(), nullptr, &written, associated.data(), associated.size()));
  inChunks(EVP_EncryptUpdate, context.get(), payload(record), payload(record).data());
  auto tag = record.last(tagBytes);
  require(EVP_EncryptFinal_ex(context.get(), tag.data(), &written));
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tagBytes, tag.data()));
}

RecordCipher::Opening::Opening(const RecordCipher &cipher, uint64_t serial,
                               std::span<const uint8_t, nonceBytes> nonce)
    : context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
  auto associated = cipher.associatedData(serial);
  int written = 0;
  require(EVP_DecryptInit_ex2(context.get(), EVP_aes_256_gcm(), cipher.key.bytes().data(),
                              nonce.data(), nullptr));
  require(
      EVP_DecryptUpdate(context.get(), nullptr, &written, associated.data(), associated.size()));
}

void RecordCipher::Opening::next(std::span<const uint8_t> sealed, uint8_t *clear) {
  inChunks(EVP_DecryptUpdate, context.get(), sealed, clear);
}

bool RecordCipher::Opening::finish(std::span<const uint8_t, tagBytes> tag) {
  std::array<uint8_t, tagBytes> expected; // OpenSSL takes it as not const
  std::ranges::copy(tag, expected.begin());
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tagBytes, expected.data()));
  uint8_t none[16];
  int written = 0;
  return EVP_DecryptFinal_ex(context.get(), none, &written) == 1;
}

bool RecordCipher::open(uint64_t serial, std::span<uint8_t> record) const {
  check(record.size() == info.recordBytes(), "size of a material record");
  Opening opening(*this, serial, record.first<nonceBytes>());
  opening.next(payload(record), payload(record).data());
  if (opening.finish(record.last<tagBytes>()))
    return true;
  secureWipe(payload(record).data(), payload(record).size());
  return false;
}

} // namespace gfs
