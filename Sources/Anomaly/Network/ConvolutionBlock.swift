import Compute
import Numerics

/// A convolution of 3 x 3, a normalization over channels, and SiLU.
///
/// - Parameter readers: the kinds of layers that read the output.
func convolutionBlock(
  _ name: String, from: Int, to: Int, stride: Int = 1, readBy readers: Tensor.Readers = .convolutions, engine: Engine,
  using random: inout RandomGenerator
) -> [any Layer] {
  [
    Convolution("\(name).conv", from: from, to: to, stride: stride, gain: 1.4, engine: engine, using: &random),
    NormalizedActivation("\(name).norm", channels: to, readBy: readers, engine: engine),
  ]
}

/// The same block for an input that is first doubled in height and width by repeating every pixel, so that each occurs
/// four times.
func doublingBlock(
  _ name: String, from: Int, to: Int, engine: Engine, using random: inout RandomGenerator
) -> [any Layer] {
  [
    DoublingConvolution("\(name).conv", from: from, to: to, gain: 1.4, engine: engine, using: &random),
    NormalizedActivation("\(name).norm", channels: to, readsDoubled: true, engine: engine),
  ]
}
