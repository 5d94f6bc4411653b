// SPDX-License-Identifier: Apache-2.0
// How far a changed network is from the original, on samples that no fit sees.
#pragma once

#include "compiler/calibrate/OptionSearch.h"
#include "compiler/choose/Choose.h"

namespace gfs {

/// Samples and the original's outputs for them.
class Judge {
public:
  /// `labels` is empty, or holds the index of the right answer of each sample.
  Judge(mlir::func::FuncOp function, SampleBatch samples, std::vector<int64_t> labels = {});

  /// Agreement, divergence and error of the variant, accuracy if there are labels; neither share
  /// nor cost.
  ChoosePoint measure(const Variant &variant) const;

private:
  std::vector<OutputSamples> outputsOf(const Variant &variant) const;

  mlir::func::FuncOp function;
  SampleBatch samples;
  std::vector<int64_t> labels;
  std::vector<OutputSamples> reference;
};

/// The relative error (see Deviation) over `samples` but for those, less than half, that are more
/// than ten times as far off as the median one: polynomials let a sample outside the data grow
/// without bound, and what that one gets says nothing about the precision that the others need.
/// Infinite if half of them grow without bound.
double typicalError(const std::vector<OutputSamples> &reference,
                    const std::vector<OutputSamples> &candidate, size_t samples);

/// Mean over rows of KL(softmax(reference) || softmax(candidate)), in nats. Rows of one element
/// have no distribution: 0.
double meanDivergence(const OutputSamples &reference, const OutputSamples &candidate);

} // namespace gfs
