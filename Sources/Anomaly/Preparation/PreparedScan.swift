import Foundation
import Imaging
import Numerics

/// A scan on the model's grid.
package struct PreparedScan: Sendable {
  /// Normalized and reduced image, nominally 0...1; `NaN` where there is no data.
  package let image: Image
  package let tissue: TissueMask
  /// Distance to the tissue's edge in pixels; 0 outside tissue and where there is no data.
  package let depth: Plane<Float>
  /// Appearance before normalization, which knows nothing of the study's units; `nil` where the image is not a whole
  /// scan.
  private let measured: Appearance?
  /// Texture before normalization; `nil` where the image is not a whole scan, or the preparation measures none.
  package let texture: TextureDescriptor?
  /// `nil` for a scan that is in no series.
  package var place: SlicePlace?
  /// `nil` where the study's scans have no units in common, see `TextureScale`.
  package var sharedUnits: SharedUnits?

  /// - Parameter depth: depth measured within a larger scan; by default it is computed from the tissue.
  package init(
    image: Image, tissue: TissueMask, depth: Plane<Float>? = nil, appearance: Appearance? = nil,
    texture: TextureDescriptor? = nil, sharedUnits: SharedUnits? = nil
  ) {
    self.texture = texture
    self.sharedUnits = sharedUnits
    self.image = image
    self.tissue = tissue
    measured = appearance
    var depth = depth ?? tissue.depth
    let channels = image.channels
    for pixel in depth.values.indices where depth.values[pixel] > 0 {
      for c in 0..<channels where image.samples[pixel * channels + c].isNaN { depth.values[pixel] = 0 }
    }
    self.depth = depth
  }

  /// Appearance before normalization; `nil` where the image is not a whole scan.
  package var appearance: Appearance? {
    guard var result = measured, let sharedUnits else { return measured }
    let units = (0..<image.channels).map { tissueIntensity(ofChannel: $0, in: sharedUnits) }
    for (place, feature) in AppearanceFeature.all(channels: image.channels).enumerated() {
      guard let channel = feature.channel, let (middle, spread) = units[channel] else { continue }
      switch feature.kind {
      case .brightness: result.values[place] = Double(middle)
      case .contrast where spread > 0: result.values[place] = log(Double(spread))
      default: break
      }
    }
    return result
  }

  /// Median and robust standard deviation of a channel's tissue in the study's units; `nil` for too little tissue.
  private func tissueIntensity(ofChannel channel: Int, in units: SharedUnits) -> (middle: Float, spread: Float)? {
    let values = tissue.values.indices.compactMap { pixel -> Float? in
      guard tissue.values[pixel] else { return nil }
      let value = image.samples[pixel * image.channels + channel]
      return value.isFinite ? value * units.gains[channel] + units.offsets[channel] : nil
    }
    guard values.count >= Appearance.fewestPixels else { return nil }
    let middle = values.median()
    return (middle, 1.4826 * values.map { abs($0 - middle) }.median())
  }
}

extension Appearance {
  /// The appearance of a case. `scans` must be all scans of the case; scans with next to no tissue are left out.
  package init(of scans: [PreparedScan]) { self.init(of: scans.compactMap(\.appearance)) }
}

extension Image {
  /// Enlarges a layer from the model's grid to the scan's own. The grid may reach past the scan's edge by part of a
  /// pixel.
  func enlarged(by factor: Int, over scan: Image) -> Image {
    guard factor > 1 else { return self }
    let wide = resized(width: width * factor, height: height * factor)
    guard wide.width != scan.width || wide.height != scan.height else { return wide }
    var result = Image(width: scan.width, height: scan.height, channels: channels, pixelSize: scan.pixelSize)
    let row = scan.width * channels
    for y in 0..<scan.height {
      let start = y * wide.width * channels
      result.samples.replaceSubrange(y * row..<(y + 1) * row, with: wide.samples[start..<start + row])
    }
    return result
  }
}
