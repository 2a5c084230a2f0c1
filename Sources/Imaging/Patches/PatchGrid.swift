/// Positions of the square patches of an image; cuts the patches out.
///
/// Patches lie `patchSize - overlap` apart. The last patch of a row or column is shifted back to end at the border, so
/// it overlaps more. An image smaller than a patch is extended by reflection to the right and downwards.
package struct PatchGrid: Sendable, Equatable {
  package let width: Int
  package let height: Int
  package let patchSize: Int
  package let overlap: Int
  /// Left edges of the columns of patches; `rows` holds the top edges of the rows.
  package let columns: [Int]
  package let rows: [Int]

  package var count: Int { columns.count * rows.count }

  package init(width: Int, height: Int, patchSize: Int, overlap: Int) {
    precondition(width > 0 && height > 0 && patchSize > 0, "patches of \(patchSize) on \(width)x\(height)")
    precondition((0..<patchSize).contains(overlap), "overlap \(overlap) of patches of \(patchSize)")
    self.width = width
    self.height = height
    self.patchSize = patchSize
    self.overlap = overlap
    columns = Self.starts(length: width, patchSize: patchSize, step: patchSize - overlap)
    rows = Self.starts(length: height, patchSize: patchSize, step: patchSize - overlap)
  }

  /// - Parameter share: fraction of a patch's edge that overlaps with the next patch, in 0..<1.
  package init(width: Int, height: Int, patchSize: Int, overlapShare share: Double) {
    self.init(width: width, height: height, patchSize: patchSize, overlap: Int(Double(patchSize) * share))
  }

  /// The top left corner of a patch in the image; patches are numbered row by row.
  package func origin(of patch: Int) -> (x: Int, y: Int) {
    (columns[patch % columns.count], rows[patch / columns.count])
  }

  /// Cuts out all patches, `[n, h, w, c]`.
  package func patches(of image: Image) -> [Float] {
    var result = [Float](repeating: 0, count: count * patchSize * patchSize * image.channels)
    result.withUnsafeMutableBufferPointer { cut(image, into: $0, patches: 0..<count) }
    return result
  }

  /// Cuts out a range of patches and writes them to `output`, `[n, h, w, c]`.
  package func cut(_ image: Image, into output: UnsafeMutableBufferPointer<Float>, patches: Range<Int>) {
    precondition(image.width == width && image.height == height, "image is \(image.width)x\(image.height)")
    let channels = image.channels
    let rowSamples = patchSize * channels
    precondition(output.count >= patches.count * patchSize * rowSamples, "\(output.count) samples for \(patches)")
    image.samples.withUnsafeBufferPointer { source in
      var target = 0
      for patch in patches {
        let (left, top) = origin(of: patch)
        for y in 0..<patchSize {
          let line = Self.reflected(top + y, in: height) * width
          if left + patchSize <= width {
            let start = (line + left) * channels
            for index in 0..<rowSamples { output[target + index] = source[start + index] }
          } else {
            for x in 0..<patchSize {
              let start = (line + Self.reflected(left + x, in: width)) * channels
              for channel in 0..<channels { output[target + x * channels + channel] = source[start + channel] }
            }
          }
          target += rowSamples
        }
      }
    }
  }

  private static func starts(length: Int, patchSize: Int, step: Int) -> [Int] {
    guard length > patchSize else { return [0] }
    return Array(stride(from: 0, to: length - patchSize, by: step)) + [length - patchSize]
  }

  /// Reflects an index into `0..<length`. The border pixels are not repeated; any distance on either side is allowed.
  package static func reflected(_ place: Int, in length: Int) -> Int {
    if place >= 0, place < length { return place }
    if length == 1 { return 0 }
    let period = 2 * (length - 1)
    let rest = ((place % period) + period) % period
    return rest < length ? rest : period - rest
  }
}
