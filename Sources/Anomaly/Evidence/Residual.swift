import Imaging

/// Evidence about one scan before it is calibrated, such as what the model could not reconstruct of it, on the model's grid.
struct Residual: Sendable {
  let width: Int
  let height: Int
  let channels: Int
  /// Smoothed, `[height, width, channels]`.
  let values: [Float]
  /// Distance to the tissue's edge in pixels; 0 outside tissue and where there is no data.
  let depth: [Float]

  /// - Parameters:
  ///   - scan: on the model's grid.
  ///   - reconstruction: same size; `nil` takes the scan itself, which is what an untrained baseline looks at.
  init(of scan: PreparedScan, reconstruction: Image?, rule: EvidenceRule) {
    width = scan.image.width
    height = scan.image.height
    channels = scan.image.channels
    var difference = scan.image
    difference.samples.withUnsafeMutableBufferPointer { values in
      if let reconstruction {
        reconstruction.samples.withUnsafeBufferPointer { for i in values.indices { values[i] -= $0[i] } }
      }
      for i in values.indices where values[i].isNaN { values[i] = 0 }
    }
    values = rule.smoothing > 0 ? difference.blurred(sigma: rule.smoothing).samples : difference.samples
    depth = scan.depth
  }

  /// - Parameter map: a number a pixel, `[height, width, 1]`.
  init(of scan: PreparedScan, map: Image, rule: EvidenceRule) {
    width = scan.image.width
    height = scan.image.height
    channels = 1
    var finite = map
    finite.samples.withUnsafeMutableBufferPointer { for i in $0.indices where $0[i].isNaN { $0[i] = 0 } }
    values = finite.blurred(sigma: rule.smoothing).samples
    depth = scan.depth
  }

  /// - Parameter body: takes a pixel's place, its depth and the values of its channels.
  @inline(__always)
  func forEachTissuePixel(_ body: (Int, Float, UnsafePointer<Float>) -> Void) {
    depth.withUnsafeBufferPointer { depth in
      values.withUnsafeBufferPointer { values in
        for pixel in depth.indices where depth[pixel] > 0 {
          body(pixel, depth[pixel], values.baseAddress! + pixel &* channels)
        }
      }
    }
  }
}
