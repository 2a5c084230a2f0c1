import Files
import Imaging

/// The properties of a file's first scan, as its header states them, by which masks and other pictures differ from the
/// scans of a study.
struct ScanKind: Sendable, Hashable, CustomStringConvertible {
  let channels: Int
  let bits: Int
  let format: TIFFSampleFormat?

  init?(of file: TIFFFile) {
    guard let scan = file.scans.first else { return nil }
    let page = file.pages[scan.pages[0] - 1]
    (channels, bits, format) = (file.levels(of: scan)[0].channels, page.bitsPerSample, page.sampleFormat)
  }

  var description: String {
    "\(Count.of(channels, "channel")) of \(bits)-bit \(format?.name ?? "samples")"
  }
}

extension Image {
  /// Whether the finite samples have at most this many values.
  ///
  /// - Parameter varies: whether a picture of one value, or of none, does not count.
  func hasAtMost(_ count: Int, andVaries varies: Bool = false) -> Bool {
    var values: Set<Float> = []
    for sample in samples where sample.isFinite && values.insert(sample).inserted && values.count > count {
      return false
    }
    return !varies || values.count > 1
  }
}
