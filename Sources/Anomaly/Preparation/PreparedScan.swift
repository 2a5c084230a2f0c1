import Imaging

/// A scan on the model's grid.
package struct PreparedScan: Sendable {
  /// Normalized and reduced image, nominally 0...1; `NaN` where there is no data.
  package let image: Image
  package let tissue: TissueMask
  /// Distance to the tissue's edge in pixels; 0 outside tissue and where there is no data.
  package let depth: Plane<Float>
  /// Appearance before normalization; `nil` where the image is not a whole scan.
  package let appearance: Appearance?
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
    self.appearance = appearance
    var depth = depth ?? tissue.depth
    let channels = image.channels
    for pixel in depth.values.indices where depth.values[pixel] > 0 {
      for c in 0..<channels where image.samples[pixel * channels + c].isNaN { depth.values[pixel] = 0 }
    }
    self.depth = depth
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
