// SPDX-License-Identifier: Apache-2.0
// CudaLibrary.h on any backend of Session.h that also has `Error`, countDevices() and describe().
#pragma once

#include "runtime/kernels/cuda/CudaLibrary.h"
#include "runtime/kernels/cuda/Session.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <vector>

namespace gfs::cuda {

template <class Backend> class LibraryTable {
public:
  static constexpr Library make() {
    return {Library::currentVersion,
            countDevices,
            describe,
            [](int device) { selected() = device; },
            functions<uint32_t>(),
            functions<uint64_t>(),
            [](void *weights) { delete static_cast<ResidentWeights<Backend> *>(weights); },
            [](const uint8_t *roundKeys, uint64_t nonce, uint64_t firstBlock, uint8_t *out,
               size_t count) {
              return withSession([&](auto &session) {
                session.counterMode(roundKeys, nonce, firstBlock, out, count);
              });
            },
            [] { return latestError().c_str(); }};
  }

private:
  /// A stream with its scratch memory.
  struct Lane {
    Backend backend;
    Session<Backend> session{backend};
    explicit Lane(int device) : backend(device) {}
  };

  /// Lanes outlive the threads that use them: making one takes longer than a layer.
  class Lease {
  public:
    Lease() {
      {
        std::lock_guard guard(mutex());
        if (!idle().empty()) {
          lane = std::move(idle().back());
          idle().pop_back();
          return;
        }
      }
      lane = std::make_unique<Lane>(selected());
    }
    ~Lease() {
      std::lock_guard guard(mutex());
      if (sound)
        idle().push_back(std::move(lane));
    }
    Lease(const Lease &) = delete;
    Lease &operator=(const Lease &) = delete;

    /// Runs body(session); a lane that failed is not used again.
    template <class Body> auto use(Body body) {
      sound = false;
      lane->backend.adopt();
      auto result = body(lane->session);
      sound = true;
      return result;
    }

  private:
    static std::mutex &mutex() {
      static std::mutex one;
      return one;
    }
    static std::vector<std::unique_ptr<Lane>> &idle() {
      static std::vector<std::unique_ptr<Lane>> lanes;
      return lanes;
    }
    std::unique_ptr<Lane> lane;
    bool sound = true;
  };

  static std::atomic<int> &selected() {
    static std::atomic<int> device = 0;
    return device;
  }
  static std::string &latestError() {
    thread_local std::string text;
    return text;
  }

  /// Exceptions end here: the caller may be built by another compiler.
  template <class Body> static Status guarded(Body body) {
    try {
      return body();
    } catch (const typename Backend::Error &error) {
      latestError() = error.message;
    } catch (const std::exception &error) {
      latestError() = error.what();
    }
    return Status::DeviceFailed;
  }

  static Status countDevices(int *count) {
    return guarded([&] {
      *count = Backend::countDevices();
      return Status::Ok;
    });
  }
  static Status describe(int device, DeviceDescription *description) {
    return guarded([&] {
      *description = Backend::describe(device);
      return Status::Ok;
    });
  }
  /// Calls `operation` with a session.
  template <class Operation> static Status withSession(Operation operation) {
    return guarded([&] {
      return Lease().use([&](Session<Backend> &session) {
        operation(session);
        return Status::Ok;
      });
    });
  }

  template <class Word> static constexpr RingFunctions<Word> functions() {
    return {
        .makeWeights = makeWeights<Word>,
        .convolve = convolve<Word>,
        .pack =
            [](unsigned bits, const Word *in, size_t n, uint8_t *out) {
              return withSession([&](auto &session) {
                session.maskAndPack(bits, in, static_cast<const Word *>(nullptr), n, out);
              });
            },
        .unpack =
            [](unsigned bits, const uint8_t *in, size_t n, Word *out) {
              return withSession([&](auto &session) {
                const Word *none = nullptr;
                session.unpackAndOpen(bits, none, none, in, n, out);
              });
            },
        .maskAndPack =
            [](unsigned bits, const Word *share, const Word *maskShare, size_t n, uint8_t *out) {
              return withSession(
                  [&](auto &session) { session.maskAndPack(bits, share, maskShare, n, out); });
            },
        .unpackAndOpen =
            [](unsigned bits, const Word *share, const Word *maskShare, const uint8_t *peer,
               size_t n, Word *masked) {
              return withSession([&](auto &session) {
                session.unpackAndOpen(bits, share, maskShare, peer, n, masked);
              });
            },
        .tableLookup =
            [](WindowShape window, unsigned, const Word *masked, const uint8_t *tables, size_t n,
               uint8_t *out) {
              return withSession(
                  [&](auto &session) { session.tableLookup(window, masked, tables, n, out); });
            },
        .truncate =
            [](RescaleShape shape, bool addsPublic, const Word *masked,
               const TruncateShares<Word> &shares, size_t n, Word *out) {
              return withSession([&](auto &session) {
                session.truncate(shape, addsPublic, masked, shares, n, out);
              });
            },
        .square =
            [](RescaleShape shape, bool addsPublic, const Word *masked,
               const SquareShares<Word> &shares, size_t n, Word *out) {
              return withSession([&](auto &session) {
                session.square(shape, addsPublic, masked, shares, n, out);
              });
            },
        .reluSelect =
            [](RescaleShape shape, bool addsPublic, const Word *masked, const uint8_t *g,
               const ReluShares<Word> &shares, size_t n, Word *out) {
              return withSession([&](auto &session) {
                session.reluSelect(shape, addsPublic, masked, g, shares, n, out);
              });
            },
    };
  }

  template <class Word>
  static Status makeWeights(const ConvShape &shape, const Word *weight, void **weights) {
    return guarded([&] {
      *weights = Lease().use([&](Session<Backend> &session) {
        return session.template makeWeights<Word>(shape, weight).release();
      });
      return Status::Ok;
    });
  }
  template <class Word>
  static Status convolve(const ConvShape &shape, const Word *input, const void *weights,
                         Word *output) {
    return guarded([&] {
      const auto &resident = *static_cast<const ResidentWeights<Backend> *>(weights);
      const bool fits = Lease().use([&](Session<Backend> &session) {
        return session.template convolve<Word>(shape, input, resident, output);
      });
      return fits ? Status::Ok : Status::WrongWeights;
    });
  }
};

} // namespace gfs::cuda
