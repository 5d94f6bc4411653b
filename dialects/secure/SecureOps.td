// SPDX-License-Identifier: Apache-2.0
// The operations of the secure dialect. Costs are per element and server, l = ring bits, n = window bits.
#ifndef GFS_DIALECTS_SECURE_SECUREOPS_TD
#define GFS_DIALECTS_SECURE_SECUREOPS_TD

include "dialects/secure/SecureTypes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Secure_Ones : DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">;
def Secure_Pads : DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">;

//===-- The ladder --===//

class Secure_Op<string mnemonic, list<Trait> traits = []> : Op<Secure_Dialect, mnemonic, [Pure] # traits>;

/// One value in, one value out.
class Secure_UnaryOp<string mnemonic, TypeConstraint from, TypeConstraint to, dag attributes>
    : Secure_Op<mnemonic> {
  let arguments = !con((ins from:$operand), attributes);
  let results = (outs to:$result);
  let assemblyFormat =
      "$operand attr-dict `:` qualified(type($operand)) `->` qualified(type($result))";
  let hasVerifier = 1;
}

/// Two values of one type in, the same type out.
class Secure_BinaryOp<string mnemonic> : Secure_Op<mnemonic, [SameOperandsAndResultType]> {
  let arguments = (ins Secure_Value:$lhs, Secure_Value:$rhs);
  let results = (outs Secure_Value:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` qualified(type($result))";
}

/// Masked value times weight.
class Secure_LinearOp<string mnemonic, dag attributes> : Secure_Op<mnemonic> {
  let arguments = !con((ins Secure_Masked:$operand, Secure_Weight:$weight, Optional<Secure_Weight>:$bias),
                       attributes, (ins OptionalAttr<I64Attr>:$key));
  let results = (outs Secure_Value:$result);
  let assemblyFormat = [{
    $operand `,` $weight (`,` $bias^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Secure_Protocol : I32EnumAttr<"Protocol", "how a comparison finds its carry", [
  I32EnumAttrCase<"Table", 0, "table">,
  I32EnumAttrCase<"OneHot", 1, "one_hot">,
  I32EnumAttrCase<"Dcf", 2, "dcf">
]> {
  let cppNamespace = "::gfs::secure";
}

//===-- Weights --===//

def Secure_WeightOp : Secure_Op<"weight"> {
  let summary = "Parameters of the model.";
  let description = [{
    Integers (i32 or i64, signed) at the scale of the result type; their contents go to `plan.weights` in the form that the weight mode asks for.

    Security: no message. Cost: none online.

    ```mlir
    %w = secure.weight dense<[[1, -2]]> : tensor<1x2xi64> -> !secure.weight<1x2, scale = 8>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Secure_Weight:$result);
  let assemblyFormat = "$value attr-dict `->` qualified(type($result))";
  let hasVerifier = 1;
}

//===-- Interactive and secret-dependent steps --===//

def Secure_OpenOp : Secure_UnaryOp<"open", Secure_Share, Secure_Masked,
    (ins I64Attr:$mask, DefaultValuedAttr<I64Attr, "0">:$dropped, OptionalAttr<DenseI64ArrayAttr>:$exchange)> {
  let summary = "Make a shared value masked.";
  let description = [{
    Each server sends x_i + r_i; both add up to x + r. The `dropped` low bits, d, are not sent: the result is x + r + e with
    an error |e| < 2^d of mean 0.

    Security: r is uniform, used here only (`mask` is its number, unique in the program), and no server knows it:
    what is sent is uniform. Cost: one exchange, (l - d)/8 bytes each way, nothing dealt.

    ```mlir
    %1 = secure.open %0 {mask = 0 : i64} : !secure.share<4, scale = 12> -> !secure.masked<4, scale = 12>
    ```
  }];
}

def Secure_Conv2dOp : Secure_LinearOp<"conv2d", (ins Secure_Ones:$strides, Secure_Ones:$dilations,
    Secure_Pads:$pads, DefaultValuedAttr<I64Attr, "1">:$groups)> {
  let summary = "Convolution of a masked value, with bias.";
  let description = [{
    NCHW, weights [O][I/groups][kh][kw], pads top, left, bottom, right. Scales add: the bias has the result's scale.
    With hidden weights the result is shared: z_i = w_i * x̂ - K_i + b_i, K = W * r prepared before the input exists.
    With public weights it is masked by W * r.

    Security: no message. Cost: one ring convolution; hidden weights: l/8 bytes dealt per output element.

    ```mlir
    %2 = secure.conv2d %1, %w {pads = array<i64: 1, 1, 1, 1>, key = 0 : i64}
      : (!secure.masked<1x3x8x8, scale = 8>, !secure.weight<4x3x3x3, scale = 8>) -> !secure.share<1x4x8x8, scale = 16>
    ```
  }];
}

def Secure_LinearMapOp : Secure_LinearOp<"linear", (ins)> {
  let summary = "Matrix product of a masked value, with bias.";
  let description = [{
    Operand [M][K], weights [N][K], result [M][N] = x * w^T + b. Otherwise like `secure.conv2d`.

    Security: no message. Cost: as `secure.conv2d`.

    ```mlir
    %2 = secure.linear %1, %w {key = 0 : i64} : (!secure.masked<1x64, scale = 8>, !secure.weight<10x64, scale = 8>)
      -> !secure.share<1x10, scale = 16>
    ```
  }];
}

def Secure_ReluOp : Secure_Op<"relu"> {
  let summary = "max(z, 0) >> shift of a masked value.";
  let description = [{
    The sign is bit `high` of z, found from bits low..high of the masked value and of the mask (n = high - low);
    right while 2^(low-1) <= |z| < 2^high - 2^low (3/4 2^low where low bits are not opened), at random nearer to zero.
    Rounding is stochastic, by the mask.

    Security: the servers learn c + ρ, a carry hidden by a bit ρ of its own (`table`), or uniform shares of chunk
    comparisons and of AND operands, each with bits of its own (`one_hot`), or nothing at all (`dcf`).
    `key` numbers the dealt material, unique in the program.
    Cost, l = 32, n = 7: `table` one exchange of 1/8 byte, 31 bytes dealt; `one_hot` 1 + ceil(log2(chunks))
    exchanges of bits; `dcf` no exchange, about 26 n bytes dealt to each server.

    ```mlir
    %3 = secure.relu %2 table {shift = 8 : i64, low = 6 : i64, high = 13 : i64, key = 1 : i64}
      : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 8>
    ```
  }];
  let arguments = (ins Secure_Masked:$operand, Secure_Protocol:$protocol, I64Attr:$shift, I64Attr:$low,
                       I64Attr:$high, I64Attr:$key, OptionalAttr<DenseI64ArrayAttr>:$exchange);
  let results = (outs Secure_Share:$result);
  let assemblyFormat = [{
    $operand $protocol attr-dict `:` qualified(type($operand)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Secure_SplineOp : Secure_Op<"spline"> {
  let summary = "A piecewise polynomial of z >> shift of a masked value, of degree two.";
  let description = [{
    With v = z >> shift (stochastic rounding), the result is c0 + c1 v + c2 v^2 for the piece j with
    threshold(j-1) <= z < threshold(j); `pieces` lists c0, c1, c2 of each, at the result's scale. Comparisons as in `secure.relu`,
    right while 2^(low-1) <= |z - t| < 2^high - 2^low for each threshold t.

    Security: as `secure.relu`, for each threshold: each opened bit is hidden by bits of its own. `key` numbers the dealt material,
    which depends on the mask alone and serves all thresholds.
    Cost: the exchanges of `secure.relu`, with as many bits as thresholds; dealt are the material of one comparison and, for each
    threshold and once more, a ring element (degree 0), two and `shift` bits (degree 1), three and twice `shift` bits (degree 2).

    ```mlir
    %3 = secure.spline %2 table {shift = 8 : i64, low = 12 : i64, high = 20 : i64, key = 1 : i64,
                                 thresholds = array<i64: -65536, 65536>, pieces = array<i64: -256, 0, 0, 0, 1, 0, 256, 0, 0>}
      : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 8>
    ```
  }];
  let arguments = (ins Secure_Masked:$operand, Secure_Protocol:$protocol, I64Attr:$shift, I64Attr:$low,
                       I64Attr:$high, DenseI64ArrayAttr:$thresholds, DenseI64ArrayAttr:$pieces, I64Attr:$key,
                       OptionalAttr<DenseI64ArrayAttr>:$exchange);
  let results = (outs Secure_Share:$result);
  let assemblyFormat = [{
    $operand $protocol attr-dict `:` qualified(type($operand)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Secure_TruncateOp : Secure_UnaryOp<"truncate", Secure_Masked, Secure_Share, (ins I64Attr:$shift, I64Attr:$key)> {
  let summary = "z >> shift of a masked value.";
  let description = [{
    Right for |z| < 2^(l-2), to one unit in the last place (5/4 where low bits are not opened); rounding is stochastic,
    by the mask.

    Security: no message. Cost: no exchange, a ring element and `shift` bits per element dealt.

    ```mlir
    %3 = secure.truncate %2 {shift = 8 : i64, key = 1 : i64} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 8>
    ```
  }];
}

def Secure_SquareOp : Secure_UnaryOp<"square", Secure_Masked, Secure_Share, (ins I64Attr:$shift, I64Attr:$key)> {
  let summary = "(z >> shift)^2 of a masked value.";
  let description = [{
    The result's scale is 2 (scale - shift).

    Security: no message. Cost: no exchange; dealt are about 4 ring elements per element.

    ```mlir
    %3 = secure.square %2 {shift = 8 : i64, key = 1 : i64} : !secure.masked<4, scale = 16> -> !secure.share<4, scale = 16>
    ```
  }];
}

def Secure_MultiplyOp : Secure_Op<"multiply"> {
  let summary = "Product of two masked values, element by element.";
  let description = [{
    Scales add. With masks r and s: x y = x̂ŷ - x̂[s] - ŷ[r] + [rs].

    Security: no message. Cost: no exchange, l/8 bytes dealt.

    ```mlir
    %3 = secure.multiply %1, %2 {key = 1 : i64}
      : (!secure.masked<4, scale = 8>, !secure.masked<4, scale = 8>) -> !secure.share<4, scale = 16>
    ```
  }];
  let arguments = (ins Secure_Masked:$lhs, Secure_Masked:$rhs, I64Attr:$key);
  let results = (outs Secure_Share:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Secure_MatMulOp : Secure_Op<"mat_mul"> {
  let summary = "Products of matrices of two masked values.";
  let description = [{
    lhs is [G, M, K], rhs [G, K, N], the result [G, M, N]; scales add. With masks R and S: X Y = X̂Ŷ - X̂[S] - [R]Ŷ + [RS].

    Security: no message. Cost: no exchange, l/8 bytes dealt for each element of the result.

    ```mlir
    %3 = secure.mat_mul %1, %2 {key = 1 : i64}
      : (!secure.masked<1x3x4, scale = 8>, !secure.masked<1x4x2, scale = 8>) -> !secure.share<1x3x2, scale = 16>
    ```
  }];
  let arguments = (ins Secure_Masked:$lhs, Secure_Masked:$rhs, I64Attr:$key);
  let results = (outs Secure_Share:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Secure_UnmaskOp : Secure_UnaryOp<"unmask", Secure_Masked, Secure_Share, (ins OptionalAttr<I64Attr>:$key)> {
  let summary = "Make a masked value shared again.";
  let description = [{
    Server 0 takes x̂ - r_0, server 1 takes -r_1.

    Security: no message. Cost: no exchange; nothing dealt where the servers hold shares of the mask.

    ```mlir
    %2 = secure.unmask %1 : !secure.masked<4, scale = 12> -> !secure.share<4, scale = 12>
    ```
  }];
}

//===-- Local linear steps, the same on shares and on masked values --===//

def Secure_AddOp : Secure_BinaryOp<"add"> {
  let summary = "Sum of two values of one kind, shape and scale.";
  let description = [{
    Security: no message; masks add like values. Cost: local.

    ```mlir
    %2 = secure.add %0, %1 : !secure.share<4, scale = 12>
    ```
  }];
}

def Secure_SubOp : Secure_BinaryOp<"sub"> {
  let summary = "Difference of two values of one kind, shape and scale.";
  let description = [{
    Security: no message; masks subtract like values. Cost: local.

    ```mlir
    %2 = secure.sub %0, %1 : !secure.masked<4, scale = 12>
    ```
  }];
}

def Secure_AddWeightOp : Secure_Op<"add_weight"> {
  let summary = "Sum of a shared value and a weight.";
  let description = [{
    Security: no message. Cost: local.

    ```mlir
    %2 = secure.add_weight %0, %w : (!secure.share<4, scale = 12>, !secure.weight<4, scale = 12>) -> !secure.share<4, scale = 12>
    ```
  }];
  let arguments = (ins Secure_Share:$operand, Secure_Weight:$weight);
  let results = (outs Secure_Share:$result);
  let assemblyFormat = "$operand `,` $weight attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Secure_ScaleOp : Secure_UnaryOp<"scale", Secure_Value, Secure_Value, (ins I64Attr:$factor)> {
  let summary = "Product with a public integer.";
  let description = [{
    The result type states the new scale: factor 2^k raises it by k.

    Security: no message. Cost: local.

    ```mlir
    %1 = secure.scale %0 {factor = 16 : i64} : !secure.share<4, scale = 8> -> !secure.share<4, scale = 12>
    ```
  }];
}

def Secure_TakeOp : Secure_UnaryOp<"take", Secure_Value, Secure_Value, (ins I64Attr:$axis, DenseI64ArrayAttr:$indices)> {
  let summary = "Choose positions along an axis; -1 gives zero.";
  let description = [{
    Slices, pads, gathers and repeats.

    Security: no message. Cost: local.

    ```mlir
    %1 = secure.take %0 {axis = 0 : i64, indices = array<i64: 0, 2, -1>}
      : !secure.share<4, scale = 8> -> !secure.share<3, scale = 8>
    ```
  }];
}

def Secure_TransposeOp : Secure_UnaryOp<"transpose", Secure_Value, Secure_Value, (ins DenseI64ArrayAttr:$permutation)> {
  let summary = "Reorder the axes: result axis i is operand axis permutation[i].";
  let description = [{
    Security: no message. Cost: local.

    ```mlir
    %1 = secure.transpose %0 {permutation = array<i64: 1, 0>} : !secure.share<2x3, scale = 8> -> !secure.share<3x2, scale = 8>
    ```
  }];
}

def Secure_ConcatOp : Secure_Op<"concat"> {
  let summary = "Join values of one kind along an axis.";
  let description = [{
    Security: no message. Cost: local.

    ```mlir
    %2 = secure.concat %0, %1 {axis = 1 : i64}
      : (!secure.share<1x2, scale = 8>, !secure.share<1x3, scale = 8>) -> !secure.share<1x5, scale = 8>
    ```
  }];
  let arguments = (ins Variadic<Secure_Value>:$operands, I64Attr:$axis);
  let results = (outs Secure_Value:$result);
  let assemblyFormat = "$operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Secure_ReshapeOp : Secure_UnaryOp<"reshape", Secure_Value, Secure_Value, (ins)> {
  let summary = "The same elements under another shape or scale.";
  let description = [{
    A scale of k more divides the value by 2^k.

    Security: no message. Cost: nothing where all users read by element count (linear maps, opens, gates), else a local copy.

    ```mlir
    %1 = secure.reshape %0 : !secure.share<1x4x2x2, scale = 8> -> !secure.share<1x16, scale = 8>
    ```
  }];
}

def Secure_SumPoolOp : Secure_UnaryOp<"sum_pool", Secure_Value, Secure_Value,
    (ins DenseI64ArrayAttr:$kernel, Secure_Ones:$strides, Secure_Ones:$dilations, Secure_Pads:$pads)> {
  let summary = "Sum over windows of an NCHW value; positions outside count as zero.";
  let description = [{
    An average over 2^k elements is the sum with a scale k higher, so the result's scale may exceed the operand's.

    Security: no message. Cost: local.

    ```mlir
    %1 = secure.sum_pool %0 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}
      : !secure.share<1x4x8x8, scale = 8> -> !secure.share<1x4x4x4, scale = 10>
    ```
  }];
}

#endif
