// SPDX-License-Identifier: Apache-2.0
// The types of the secure dialect: additive shares, masked values and weights.
#ifndef GFS_DIALECTS_SECURE_SECURETYPES_TD
#define GFS_DIALECTS_SECURE_SECURETYPES_TD

include "dialects/secure/SecureDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Secure_Tensor<string name, string typeMnemonic> : TypeDef<Secure_Dialect, name> {
  let mnemonic = typeMnemonic;
  let parameters = (ins ArrayRefParameter<"int64_t", "extent of each axis, at least 1">:$shape,
                        "int32_t":$scale);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Secure_Share : Secure_Tensor<"Share", "share"> {
  let summary = "Additively shared fixed-point tensor.";
  let description = [{
    `!secure.share<1x64x8x8, scale = 12>`: each server holds one summand of round(v * 2^12) modulo 2^l.
    Security: each summand alone is uniform.
  }];
}

def Secure_Masked : Secure_Tensor<"Masked", "masked"> {
  let summary = "Masked fixed-point tensor, known to both servers.";
  let description = [{
    `!secure.masked<1x64x8x8, scale = 12>`: both servers hold x + r; the dealer knows r, each server an
    additive share of it that it expands from its own seed.
    Security: r was drawn for this value, or is the image of such masks under the same linear map as x.
  }];
}

def Secure_Weight : Secure_Tensor<"Weight", "weight"> {
  let summary = "Parameters of the model.";
  let description = [{
    `!secure.weight<64x3x3x3, scale = 8>`: integers that the weight mode hides from both servers ("shared"),
    from server 1 ("server") or from nobody ("public").
  }];
}

def Secure_Value : AnyTypeOf<[Secure_Share, Secure_Masked], "shared or masked value">;

#endif
