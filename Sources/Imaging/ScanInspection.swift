import Foundation

/// What a file says about itself and what its pixels hold: the answer of `norma inspect`.
package struct ScanInspection: Sendable, Equatable, Codable {
  package struct Channel: Sendable, Equatable, Codable {
    /// `nil` where the file gives none.
    package var name: String?
    /// Of the decoded samples, before normalization, without those that hold no data; `nil` where none does.
    package var min: Double?
    package var max: Double?
    package var mean: Double?
  }

  package struct Page: Sendable, Equatable, Codable {
    package var number: Int
    package var width: Int
    package var height: Int
    /// Of the decoded picture; `nil` where the page cannot be decoded.
    package var channels: Int?
    package var bits: Int
    package var sampleFormat: String
    package var photometric: String
    package var compression: String
    package var layout: String
    package var orientation: String
    package var role: String
    /// Edge lengths in micrometers; `nil` where unknown.
    package var pixelSize: PixelSize?
    package var pixelSizeSource: String?
    package var statistics: [Channel]
    /// Share of its strips or tiles that are missing or broken, as far as that is tolerated.
    package var missingShare: Double
    /// Why the page cannot be decoded.
    package var problem: String?
  }

  package var path: String
  package var pages: [Page]
  /// Why there are no further pages, where the file breaks off.
  package var problem: String?

  /// Decodes every page in turn.
  package init(of file: TIFFFile) {
    path = file.path
    let names = Self.channelNames(in: file)
    pages = file.pages.map { page in
      do throws(ImagingError) {
        let image = try file.image(page: page.number)
        var statistics = Self.statistics(of: image)
        for (c, name) in (names[page.number] ?? []).enumerated() where c < statistics.count {
          statistics[c].name = name
        }
        return Page(page, statistics: statistics, missingShare: image.missingShare, problem: nil)
      } catch {
        return Page(page, statistics: [], missingShare: 0, problem: error.description)
      }
    }
    problem = file.defect?.description
  }

  /// JSON with `snake_case` keys, the same bytes for the same file.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// Names of each page's channels, by the number of the page.
  private static func channelNames(in file: TIFFFile) -> [Int: [String]] {
    var result: [Int: [String]] = [:]
    for scan in file.scans where !scan.channelNames.isEmpty {
      var next = scan.channelNames[...]
      for page in scan.pages {
        let count = file.pages[page - 1].channels ?? 0
        result[page] = Array(next.prefix(count))
        next = next.dropFirst(count)
      }
    }
    return result
  }

  private static func statistics(of image: Image) -> [Channel] {
    (0..<image.channels).map { channel in
      var (low, high, sum, count) = (Float.infinity, -Float.infinity, 0.0, 0)
      for index in stride(from: channel, to: image.samples.count, by: image.channels) {
        let value = image.samples[index]
        guard value.isFinite else { continue }
        low = Swift.min(low, value)
        high = Swift.max(high, value)
        sum += Double(value)
        count += 1
      }
      return count == 0
        ? Channel(min: nil, max: nil, mean: nil)
        : Channel(min: Double(low), max: Double(high), mean: sum / Double(count))
    }
  }
}

extension ScanInspection.Page {
  fileprivate init(
    _ page: TIFFPage, statistics: [ScanInspection.Channel], missingShare: Double, problem: String?
  ) {
    self.init(
      number: page.number, width: page.width, height: page.height, channels: page.channels, bits: page.bitsPerSample,
      sampleFormat: page.sampleFormat?.name ?? "unknown", photometric: page.photometric.name,
      compression: page.compression.name, layout: page.layoutDescription, orientation: page.orientation.name,
      role: page.role.rawValue, pixelSize: page.pixelSize, pixelSizeSource: page.pixelSizeSource?.rawValue,
      statistics: statistics, missingShare: missingShare, problem: problem)
  }
}
