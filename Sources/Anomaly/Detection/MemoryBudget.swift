import Files
import Imaging

/// Divides a memory limit among the parts of a run: what it holds at a time, and what it reads twice or in pieces
/// instead.
///
/// The sizes are estimates from measurements. A run aims at the limit, but nothing enforces it. Scans that fit give the
/// same results as without a limit.
package struct MemoryBudget: Sendable {
  /// Memory limit of the whole process, in bytes.
  package let limit: Int

  package init(limit: Int) { self.limit = limit }

  package static let unlimited = MemoryBudget(limit: .max)
  /// The smallest limit allowed, in bytes: a smaller one leaves too little memory beside the networks.
  package static let least = 256_000_000
  /// Bytes taken by the program, the networks and the buffers of their batches.
  private static let fixed = 128_000_000

  private var free: Int { limit - Self.fixed }

  /// Most threads that run networks side by side, where each takes some 25 MB; two are part of `fixed`.
  var lanes: Int { min(Inference.mostLanes, 2 + free / 8 / 25_000_000) }
  /// Bytes for all scans of a training study as read. What is learned from them takes as much again.
  var read: Int { free / 2 }
  /// Bytes for the scans of a case as read, not counting those that are being scored.
  var pictures: Int { free / 5 }
  /// Bytes for all scans of a case while they are prepared; half of it is kept while they are scored.
  var prepared: Int { free / 5 * 3 }
  /// Bytes for the scans that are being scored, with all their layers.
  private var scored: Int { free / 2 }

  /// Most pixels of a scan that is held whole; scans with more do not fit and are read as slides. The number is a power
  /// of two, so that a little more or less memory does not change which scans of a study are read as slides.
  package func largestWhole(for scorer: Scorer) -> Int {
    let most = ScanReading().largestWhole
    guard limit != .max else { return most }
    let pixels = scored / scorer.bytesPerPixel(reducedBy: scorer.preparation.reduction)
    return min(most, 1 << (Int.bitWidth - 1 - max(pixels, 1).leadingZeroBitCount))
  }

  /// Whether scans that take this many bytes can be scored at once.
  func canScore(_ bytes: Int) -> Bool { bytes <= scored }

  /// The fault that says the slide needs more memory than the limit; `nil` where the slide fits.
  package func fault(of slide: PreparedSlide) -> ScanFault? {
    let bytes = Self.fixed + Self.bytes(ofSlide: slide.width, channels: slide.channels)
    guard bytes > limit else { return nil }
    return ScanFault(
      NormaError(
        subject: slide.slide.path,
        found: "it takes about \(bytes / 1_000_000) MB to be read piece by piece, more than --memory-limit allows",
        remedy: "Raise the limit, or choose a smaller --level"))
  }

  /// Bytes to stream a slide: its overviews and fields, which take the same whatever the slide's size, and some rows of
  /// all layers.
  private static func bytes(ofSlide width: Int, channels: Int) -> Int {
    60_000_000 + 40_000_000 * channels + width * 3500 * (1 + channels)
  }

  /// Bytes of a scan while its case is prepared: on the model's grid before and after normalization, with mask and
  /// depth, and once on every grid of texture.
  static func bytes(of scan: Image, preparedBy preparation: Preparation) -> Int {
    let factor = preparation.factor(for: scan.pixelSize)
    let textured = preparation.texture?.grids.map { $0.factor(beside: factor) } ?? []
    let pixels = scan.width * scan.height
    return pixels / (factor * factor) * (8 * scan.channels + 9)
      + textured.reduce(0) { $0 + pixels / ($1 * $1) * 4 * scan.channels }
  }
}

extension Scorer {
  /// Keeps the memory of the networks within a budget.
  package func keep(to budget: MemoryBudget) { inference.lanesAllowed = budget.lanes }

  /// Bytes per pixel of a scan while it is scored and drawn: its layers at their own size, and on the model's grid the
  /// networks' outputs and what is computed from them.
  func bytesPerPixel(reducedBy factor: Int) -> Int {
    let c = preparation.channels
    return 24 + 16 * c + (48 + 8 * c + 12 * mapsPerPixel) / (factor * factor)
  }
}
