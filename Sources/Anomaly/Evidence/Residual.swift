import Imaging

/// Evidence about one scan on the model's grid before calibration, such as the residual of its reconstruction.
struct Residual: Sendable {
  let width: Int
  let height: Int
  let channels: Int
  /// Smoothed evidence, `[height, width, channels]`.
  let values: [Float]
  /// Distance to the tissue's edge in pixels; 0 outside tissue and where there is no data.
  let depth: Plane<Float>

  /// - Parameters:
  ///   - scan: the scan on the model's grid.
  ///   - reconstruction: same size; `nil` uses the scan itself as evidence, as an untrained baseline does.
  init(of scan: PreparedScan, reconstruction: Image?, rule: EvidenceRule) {
    var difference = scan.image
    difference.samples.withUnsafeMutableBufferPointer { values in
      if let reconstruction {
        reconstruction.samples.withUnsafeBufferPointer { for i in values.indices { values[i] -= $0[i] } }
      }
    }
    self.init(of: scan, signed: difference, rule: rule)
  }

  /// - Parameter signed: a signed number for every channel of every pixel of the scan.
  init(of scan: PreparedScan, signed: Image, rule: EvidenceRule) {
    width = signed.width
    height = signed.height
    channels = signed.channels
    var finite = signed
    finite.samples.withUnsafeMutableBufferPointer { for i in $0.indices where $0[i].isNaN { $0[i] = 0 } }
    values = rule.smoothing > 0 ? finite.blurred(sigma: rule.smoothing).samples : finite.samples
    depth = scan.depth
  }

  /// - Parameter map: one number per pixel of the scan.
  init(of scan: PreparedScan, map: Plane<Float>, rule: EvidenceRule) {
    width = scan.image.width
    height = scan.image.height
    channels = 1
    var finite = map
    finite.values.withUnsafeMutableBufferPointer { for i in $0.indices where $0[i].isNaN { $0[i] = 0 } }
    values = finite.blurred(sigma: rule.smoothing).values
    depth = scan.depth
  }

  /// - Parameter body: receives a pixel's index, its depth and the values of its channels.
  @inline(__always)
  func forEachTissuePixel(_ body: (Int, Float, UnsafePointer<Float>) -> Void) {
    depth.values.withUnsafeBufferPointer { depth in
      values.withUnsafeBufferPointer { values in
        for pixel in depth.indices where depth[pixel] > 0 {
          body(pixel, depth[pixel], values.baseAddress! + pixel &* channels)
        }
      }
    }
  }
}
