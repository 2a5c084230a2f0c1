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
  /// A label image has few values; a scan has more.
  static let mostLabels = 16
  /// Samples of so many bits have few values, whatever they show.
  private static let fewBits = 4
  /// In a label image, so many of the neighbours along a row are equal where one of them is no background.
  private static let flatShare = 0.6

  /// Why the picture seems to be a mask or a label image, as a clause; `nil` if it does not.
  ///
  /// - Parameter bits: bits of a sample in the file.
  func labelling(bits: Int) -> String? {
    if hasAtMost(2, andVaries: true) { return "its pixels have two values, as those of a mask" }
    guard bits > Self.fewBits, channels == 1, hasAtMost(Self.mostLabels, andVaries: true) else { return nil }
    var counts: [Float: Int] = [:]
    for sample in samples where sample.isFinite { counts[sample, default: 0] += 1 }
    guard let background = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key,
      counts.keys.allSatisfy({ $0 == $0.rounded() })
    else { return nil }
    var (pairs, equal) = (0, 0)
    for y in 0..<height {
      for i in y * width + 1..<(y + 1) * width where samples[i] != background || samples[i - 1] != background {
        pairs += 1
        if samples[i] == samples[i - 1] { equal += 1 }
      }
    }
    guard pairs > 0, Double(equal) >= Self.flatShare * Double(pairs) else { return nil }
    return "its pixels have \(counts.count) values in flat areas, as those of a label image"
  }

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
