// SPDX-License-Identifier: Apache-2.0
// Secrets as types: memory wiped when released, values not printed or compared by accident.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <vector>

namespace gfs {

/// Overwrites memory with zeros in a way the compiler may not remove.
void secureWipe(void *data, size_t bytes);

/// 64-byte aligned memory; large blocks come from BlockPool. Throws std::bad_alloc.
void *allocateSecret(size_t bytes);
/// Wipes and frees what allocateSecret(bytes) returned.
void releaseSecret(void *data, size_t bytes) noexcept;

/// 64-byte aligned allocator that wipes before it frees.
template <class T> struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U> WipingAllocator(const WipingAllocator<U> &) {}
  T *allocate(size_t n) {
    if (n > SIZE_MAX / sizeof(T) - 64)
      throw std::bad_alloc();
    return static_cast<T *>(allocateSecret(n * sizeof(T)));
  }
  void deallocate(T *p, size_t n) { releaseSecret(p, n * sizeof(T)); }
  // Shares and masks are always written before they are read: skip zeroing on resize.
  template <class U> void construct(U *p) noexcept { ::new (static_cast<void *>(p)) U; }
  template <class U, class... Args> void construct(U *p, Args &&...args) {
    ::new (static_cast<void *>(p)) U(static_cast<Args &&>(args)...);
  }
  bool operator==(const WipingAllocator &) const { return true; }
};

/// Shares, masks and material. `SecretVector<T>(n)` is *uninitialised*; use `(n, 0)` for zeros.
template <class T> using SecretVector = std::vector<T, WipingAllocator<T>>;

/// A 32-byte master seed or key. Move-only, wiped, never printable; `bytes()` is the one way in, so that
/// a search for `.bytes()` on seeds lists every use.
class SecretSeed {
public:
  static constexpr size_t size = 32;
  SecretSeed() { data.fill(0); }
  explicit SecretSeed(std::span<const uint8_t, size> from) {
    std::copy(from.begin(), from.end(), data.begin());
  }
  SecretSeed(SecretSeed &&other) noexcept : data(other.data) { other.wipe(); }
  SecretSeed &operator=(SecretSeed &&other) noexcept {
    if (this != &other) {
      data = other.data;
      other.wipe();
    }
    return *this;
  }
  SecretSeed(const SecretSeed &) = delete;
  SecretSeed &operator=(const SecretSeed &) = delete;
  ~SecretSeed() { wipe(); }

  /// A fresh seed from the operating system's CSPRNG (throws if it fails).
  static SecretSeed random();
  /// An explicit second copy, for handing a seed to another owner.
  SecretSeed clone() const { return SecretSeed(bytes()); }
  std::span<const uint8_t, size> bytes() const { return data; }

private:
  void wipe() { secureWipe(data.data(), data.size()); }
  std::array<uint8_t, size> data;
};

/// All bits of Word if `bit` is 1, none if it is 0, to select with. Compilers know that
/// `(0 - bit) & f()` needs f() only sometimes, and branch on the secret bit; behind this they cannot see it
/// (test/e2e/test_secret_flow.py finds where they do).
template <class Word> Word allOnesIf(Word bit) {
  Word ones = Word(0) - bit;
  asm volatile("" : "+r"(ones));
  return ones;
}

/// Fills `out` from getrandom(2); throws Internal if the system has no entropy source.
void randomBytes(std::span<uint8_t> out);

} // namespace gfs
