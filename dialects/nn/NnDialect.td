// SPDX-License-Identifier: Apache-2.0
// The nn dialect: what the model computes, in real numbers.
#ifndef GFS_DIALECTS_NN_NNDIALECT_TD
#define GFS_DIALECTS_NN_NNDIALECT_TD

include "mlir/IR/OpBase.td"

def Nn_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::gfs::nn";
  let summary = "Convolutional networks in real numbers, with static shapes.";
  let description = [{
    Place in the pipeline: made from ONNX by `compiler/import`, then simplified by the passes `nn-*`, then turned into
    integers (`fixed`) by `convert-nn-to-fixed`. It says what the model means in clear and knows nothing of scales or secrets.

    Values are ranked tensors of `f32` with static, positive extents; images are NCHW. The network is the function `@main`.
    What its arguments hold is secret; what `nn.constant` holds belongs to the model. Every operation carries the name of
    the ONNX node it came from as its location.

    Attributes:
    - `nn.name : string` on arguments and results of `main`: the model's names of inputs and outputs.
    - `nn.shape : array<i64>` on results of `main` that the client computes: the model's shape, where it is another.
    - `nn.public_factor` on a product with a scalar: the scalar belongs to the model's structure and may stand in the plan; other scalars
      are weights unless they are round.

    An operation's own rules carry ids such as `conv2d_c1`, named in descriptions, checks and tests alike. What can be
    computed privately is a rule about the whole program and belongs to the pass `nn-check-securable`.
  }];
  let hasConstantMaterializer = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

def Nn_Tensor : Type<CPred<"::gfs::nn::isNnTensor($_self)">,
                     "tensor of f32 with static positive extents and at most 2^31 elements", "::mlir::RankedTensorType">;

#endif // GFS_DIALECTS_NN_NNDIALECT_TD
