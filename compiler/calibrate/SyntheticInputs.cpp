// SPDX-License-Identifier: Apache-2.0
// Inputs to calibrate on when the user has none at hand.
#include "compiler/calibrate/SyntheticInputs.h"

#include "runtime/crypto/Prg.h"

#include <algorithm>
#include <numeric>

namespace gfs {

/// Public: these numbers are no secret, only the same everywhere.
static constexpr uint8_t publicKey[16] = {'g', 'f', 's', ' ', 'c', 'a', 'l', 'i',
                                          'b', 'r', 'a', 't', 'i', 'o', 'n', 0};

namespace {
struct Image {
  size_t planes, height, width;
};
} // namespace

static Image imageOf(std::span<const int64_t> shape) {
  size_t rank = shape.size();
  if (rank < 3)
    return {1, 1,
            static_cast<size_t>(
                std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>()))};
  auto planes = std::accumulate(shape.begin(), shape.end() - 2, int64_t(1), std::multiplies<>());
  return {static_cast<size_t>(planes), static_cast<size_t>(shape[rank - 2]),
          static_cast<size_t>(shape[rank - 1])};
}

/// A mosaic of tiles of `tile` x `tile` pixels (in a vector, where height is 1: of single numbers).
static void drawMosaic(Prg &prg, const Image &image, size_t tile, InputRange range,
                       std::span<float> sample) {
  size_t rows = (image.height + tile - 1) / tile, columns = (image.width + tile - 1) / tile;
  std::vector<uint32_t> words(rows * columns);
  for (size_t plane = 0; plane < image.planes; ++plane) {
    prg.fillWords(std::span(words));
    for (size_t y = 0; y < image.height; ++y)
      for (size_t x = 0; x < image.width; ++x) {
        float unit = static_cast<float>(words[y / tile * columns + x / tile] >> 8) * 0x1p-24f;
        sample[(plane * image.height + y) * image.width + x] =
            range.low + unit * (range.high - range.low);
      }
  }
}

std::vector<float> syntheticInputs(std::span<const int64_t> shape, size_t count, InputRange range) {
  Image image = imageOf(shape);
  size_t elements = image.planes * image.height * image.width;
  std::vector<size_t> tiles = {1};
  while (image.height > 1 && tiles.back() < std::max(image.height, image.width))
    tiles.push_back(2 * tiles.back());
  float middle = (range.low + range.high) / 2, quarter = (range.high - range.low) / 4;
  InputRange inner{middle - quarter, middle + quarter};

  AesKey key{std::span<const uint8_t, 16>(publicKey)};
  std::vector<float> samples(count * elements);
  for (size_t i = 0; i < count; ++i) {
    Prg prg(key, i);
    bool narrow = i / tiles.size() % 3 == 2;
    drawMosaic(prg, image, tiles[i % tiles.size()], narrow ? inner : range,
               std::span(samples).subspan(i * elements, elements));
  }
  return samples;
}

} // namespace gfs
