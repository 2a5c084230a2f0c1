import Compute
import Numerics

/// Convolution of 3 x 3, normalization over channels, SiLU.
///
/// - Parameter readers: of what comes out.
func convolutionBlock(
  _ name: String, from: Int, to: Int, stride: Int = 1, readBy readers: Tensor.Readers = .convolutions, engine: Engine,
  using random: inout RandomGenerator
) -> [any Layer] {
  [
    Convolution("\(name).conv", from: from, to: to, stride: stride, gain: 1.4, engine: engine, using: &random),
    NormalizedActivation("\(name).norm", channels: to, readBy: readers, engine: engine),
  ]
}

/// The same on a map of twice the height and width, every pixel of the input four times.
func doublingBlock(
  _ name: String, from: Int, to: Int, engine: Engine, using random: inout RandomGenerator
) -> [any Layer] {
  [
    DoublingConvolution("\(name).conv", from: from, to: to, gain: 1.4, engine: engine, using: &random),
    NormalizedActivation("\(name).norm", channels: to, readsDoubled: true, engine: engine),
  ]
}
