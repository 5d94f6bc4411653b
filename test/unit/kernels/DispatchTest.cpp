// SPDX-License-Identifier: Apache-2.0
// GFS_KERNEL chooses the variant, and says what it takes when it is wrong.
#include "runtime/base/CpuVariant.h"
#include "runtime/base/Error.h"
#include "runtime/kernels/Kernels.h"

#include <cstdlib>
#include <gtest/gtest.h>

namespace gfs {
namespace {

class Dispatch : public testing::Test {
protected:
  void TearDown() override { unsetenv("GFS_KERNEL"); }
  static void request(const char *value) { setenv("GFS_KERNEL", value, 1); }
};

TEST_F(Dispatch, OffersPortableFirstAndNamesEachVariantAsTheVariableDoes) {
  auto variants = supportedVariants();
  auto kernels = availableKernels();
  ASSERT_EQ(variants.size(), kernels.size());
  EXPECT_EQ(variants.front(), CpuVariant::Portable);
  for (size_t i = 0; i < variants.size(); ++i)
    EXPECT_STREQ(kernels[i]->name, variantName(variants[i]));
}

TEST_F(Dispatch, TakesTheHighestVariantWithoutARequest) {
  EXPECT_EQ(selectedVariant(), supportedVariants().back());
  request("");
  EXPECT_EQ(selectedVariant(), supportedVariants().back());
}

TEST_F(Dispatch, TakesTheRequestedVariant) {
  for (CpuVariant variant : supportedVariants()) {
    request(variantName(variant));
    EXPECT_EQ(selectedVariant(), variant);
  }
}

TEST_F(Dispatch, RefusesAnUnknownVariant) {
  request("sse9");
  try {
    selectedVariant();
    FAIL() << "accepted an unknown variant";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Usage);
    EXPECT_STREQ(error.what(), "GFS_KERNEL: unknown kernel variant 'sse9'");
    EXPECT_EQ(error.hint(), "use one of portable, avx2, avx512, amx, or unset it");
  }
}

} // namespace
} // namespace gfs
