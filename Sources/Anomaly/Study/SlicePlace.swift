import Files

/// The place of a scan in a series of slices: the pages of a file, or the files of a folder whose names differ only in
/// their last number.
package struct SlicePlace: Sendable, Equatable {
  let series: String
  let number: Int
  /// The smallest difference of numbers in the series; slices may be numbered 1, 3, 5.
  let step: Int

  package init(series: String, number: Int, step: Int) {
    (self.series, self.number, self.step) = (series, number, step)
  }

  /// How many steps lie between this scan and another of the series, rounded up; `nil` for a scan of another series.
  package func steps(to other: SlicePlace) -> Int? {
    series == other.series ? (abs(other.number - number) + step - 1) / step : nil
  }

  /// The places of the scans of one case; `nil` for scans that are in no series.
  ///
  /// - Parameter scans: path and page of all scans of the case, whether they can be read or not.
  package static func places(of scans: [(path: String, page: Int?)]) -> [SlicePlace?] {
    let found = scans.map { named($0.path, page: $0.page) }
    let numbers = Dictionary(grouping: found.compactMap { $0 }) { $0.series }.mapValues {
      Set($0.map(\.number)).sorted()
    }
    return found.map { place in
      guard let place, let all = numbers[place.series], all.count > 1 else { return nil }
      let step = zip(all.dropFirst(), all).map { $0 - $1 }.min()!
      return SlicePlace(series: place.series, number: place.number, step: step)
    }
  }

  /// Digits of a number that is taken for the number of a slice; longer ones are dates or identifiers.
  private static let mostDigits = 6

  private static func named(_ path: String, page: Int?) -> (series: String, number: Int)? {
    if let page { return (path, page) }
    let folder = FilePath.folder(of: path)
    // A file that lies in no folder is a case of its own.
    guard !folder.isEmpty else { return nil }
    let name = Array(FilePath.name(of: FilePath.withoutEnding(path)).utf8)
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let last = name.lastIndex(where: digits.contains) else { return nil }
    let first = name[...last].lastIndex { !digits.contains($0) }.map { $0 + 1 } ?? 0
    guard last - first < mostDigits, let number = Int(String(decoding: name[first...last], as: UTF8.self)) else {
      return nil
    }
    let before = String(decoding: name[..<first], as: UTF8.self)
    let after = String(decoding: name[(last + 1)...], as: UTF8.self)
    return ("\(folder)/\(before)#\(after)", number)
  }
}

extension [SourceScan] {
  /// The places of the scans, which are all scans of a case; see `SlicePlace.places`.
  package var slicePlaces: [SlicePlace?] { SlicePlace.places(of: map { ($0.path, $0.page) }) }
}
