import Files
import Imaging

/// How a run gets by with so much memory: what it holds at a time, and what it reads twice or in pieces instead.
///
/// Estimates, by what was measured; an aim to steer by, no wall. What fits gives the same results as without a limit.
package struct MemoryBudget: Sendable {
  /// For the whole process, in bytes.
  package let limit: Int

  package init(limit: Int) { self.limit = limit }

  package static let unlimited = MemoryBudget(limit: .max)
  /// Less than this leaves too little beside the networks.
  package static let least = 256_000_000
  /// Program, networks and the buffers of their batches.
  private static let fixed = 128_000_000

  private var free: Int { limit - Self.fixed }

  /// For all scans of a training study as they were read: what is learned from them takes as much again.
  var read: Int { free / 2 }
  /// For the scans of a case as they were read, beside those that are being scored.
  var pictures: Int { free / 5 }
  /// For all scans of a case while they are prepared; half of it is kept while they are scored.
  var prepared: Int { free / 5 * 3 }
  /// For the scans that are being scored, with all their layers.
  private var scored: Int { free / 2 }

  /// Scans with more pixels are read as slides: whole they would not fit. A power of two, so that a little more or less
  /// memory does not change what a study's scans are taken for.
  package func largestWhole(for scorer: Scorer) -> Int {
    let most = ScanReading().largestWhole
    guard limit != .max else { return most }
    let pixels = scored / scorer.bytesPerPixel(reducedBy: scorer.preparation.reduction)
    return min(most, 1 << (Int.bitWidth - 1 - max(pixels, 1).leadingZeroBitCount))
  }

  /// Whether so many bytes of scans can be scored at once.
  func canScore(_ bytes: Int) -> Bool { bytes <= scored }

  /// What keeps a slide from being scored, as a fault; `nil` where nothing does.
  package func fault(of slide: PreparedSlide) -> ScanFault? {
    let bytes = Self.fixed + Self.bytes(ofSlide: slide.width, channels: slide.channels)
    guard bytes > limit else { return nil }
    return ScanFault(
      NormaError(
        subject: slide.slide.path,
        found: "it takes about \(bytes / 1_000_000) MB to be read piece by piece, more than --memory-limit allows",
        remedy: "Raise the limit, or choose a smaller --level"))
  }

  /// Overviews and fields, whatever its size, and some rows of all that is made of it.
  private static func bytes(ofSlide width: Int, channels: Int) -> Int {
    60_000_000 + 40_000_000 * channels + width * 3500 * (1 + channels)
  }

  /// Of a scan on the model's grid while its case is prepared: before and after normalization, its mask and its depth.
  static func bytesPrepared(_ image: Image, reducedBy factor: Int) -> Int {
    image.width * image.height / (factor * factor) * (8 * image.channels + 9)
  }
}

extension Scorer {
  /// What a pixel of a scan takes while it is scored and drawn: its layers at their own size, and on the model's grid what
  /// the networks say and what is made of that.
  func bytesPerPixel(reducedBy factor: Int) -> Int {
    let c = preparation.channels
    return 24 + 16 * c + (48 + 8 * c + 12 * mapsPerPixel) / (factor * factor)
  }
}
