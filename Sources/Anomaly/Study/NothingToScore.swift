import Files
import Imaging

/// Why a scan that can be read is neither scored nor learned from: it holds nothing to look at.
///
/// A score of such a scan would say that nothing was found where nothing was looked at. So the scan has no score, no
/// p-value and no verdict, and counts in no rate.
package enum NothingToScore: Sendable, Equatable {
  /// The scan has fewer pixels than `leastTissue`. Its size is that on the model's grid.
  case tooSmall(width: Int, height: Int)
  /// No pixel has a finite value in every channel.
  case noData
  /// Every pixel with data has the same value, in each channel that shows tissue.
  case constant
  /// No pixel is tissue.
  case noTissue
  /// So few pixels are tissue and have data.
  case littleTissue(pixels: Int)

  /// Least number of tissue pixels, on the model's grid, of a scan that is scored: the area of the smallest region that
  /// counts. Less tissue cannot show a region, whatever it looks like.
  package static let leastTissue = 12

  /// Two values of a channel are the same if they differ by at most this share of the larger one: eight rounding errors
  /// of a float. The means that reduce a scan round.
  private static let sameness = 8 * Float.ulpOfOne

  /// Looks at the data alone.
  ///
  /// - Parameters:
  ///   - image: a scan, or its overview, before normalization.
  ///   - channels: the channels that show tissue; `nil` for all.
  init?(dataOf image: Image, channels: [Int]?) {
    let shown = channels ?? Array(0..<image.channels)
    var reference: Int?
    for first in stride(from: 0, to: image.samples.count, by: image.channels) {
      guard shown.allSatisfy({ image.samples[first + $0].isFinite }) else { continue }
      guard let known = reference else {
        reference = first
        continue
      }
      let isSame = shown.allSatisfy { channel in
        let (a, b) = (image.samples[known + channel], image.samples[first + channel])
        return abs(a - b) <= Self.sameness * max(abs(a), abs(b))
      }
      guard isSame else { return nil }
    }
    self = reference == nil ? .noData : .constant
  }

  /// - Parameters:
  ///   - tissue: number of pixels of the model's grid that are tissue and have data.
  ///   - width: width of the scan on the model's grid.
  package init?(tissuePixels tissue: Int, width: Int, height: Int) {
    guard tissue < Self.leastTissue else { return nil }
    self =
      width * height < Self.leastTissue
      ? .tooSmall(width: width, height: height) : tissue == 0 ? .noTissue : .littleTissue(pixels: tissue)
  }
}

extension NothingToScore: CustomStringConvertible {
  /// The reason in a few words: `no tissue found`.
  package var description: String {
    switch self {
    case .tooSmall(let width, let height):
      "\(width) x \(height) pixels on the model's grid, fewer than the \(Self.leastTissue) of the smallest region"
    case .noData: "no pixel has data"
    case .constant: "all pixels have the same value"
    case .noTissue: "no tissue found"
    case .littleTissue(let pixels):
      "\(Count.of(pixels, "pixel")) of tissue on the model's grid, fewer than the \(Self.leastTissue) of the "
        + "smallest region"
    }
  }
}
