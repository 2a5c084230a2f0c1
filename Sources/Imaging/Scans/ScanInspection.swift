import Files
import Foundation
import Threads

/// What a file says about itself and what its pixels hold: the answer of `norma inspect`.
package struct ScanInspection: Sendable, Equatable, Codable {
  package struct Channel: Sendable, Equatable, Codable {
    /// `nil` where the file gives none.
    package var name: String?
    /// Statistics of the decoded samples before normalization, without samples that hold no data; `nil` where all are such.
    package var min: Double?
    package var max: Double?
    package var mean: Double?
  }

  package struct Page: Sendable, Equatable, Codable {
    package var number: Int
    package var width: Int
    package var height: Int
    /// Channels of the decoded picture; `nil` where the page cannot be decoded.
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
      do throws(NormaError) {
        var (statistics, missing) = try Self.statistics(of: page, in: file)
        for (c, name) in (names[page.number] ?? []).enumerated() where c < statistics.count {
          statistics[c].name = name
        }
        return Page(page, statistics: statistics, missingShare: missing, problem: nil)
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

  /// Page by page a few rows at a time, so that a slide costs no more memory than a photograph.
  private static func statistics(
    of page: TIFFPage, in file: TIFFFile
  ) throws(NormaError) -> (channels: [Channel], missing: Double) {
    // What may be missing is a share of the whole.
    let bands = file.limits.toleratedMissing == 0 ? try file.bands(ofPage: page.number) : [0..<page.height]
    var sums = [RunningStatistics](repeating: RunningStatistics(), count: page.channels ?? 0)
    var missing = 0.0
    for band in bands {
      let image = try file.region(page: page.number, x: 0, y: band.lowerBound, width: page.width, height: band.count)
      missing += image.missingShare * Double(band.count) / Double(page.height)
      RunningStatistics.add(image, to: &sums)
    }
    return (sums.map(\.channel), missing)
  }

  private struct RunningStatistics {
    private var low = Float.infinity
    private var high = -Float.infinity
    private var sum = 0.0
    private var count = 0

    /// Parts of an image that are added up apart, fixed so that the sum does not depend on the number of threads.
    private static let parts = 8

    static func add(_ image: Image, to totals: inout [RunningStatistics]) {
      let channels = image.channels
      let pixels = image.samples.count / channels
      let parts = pixels < 1 << 16 ? 1 : parts
      var found = [RunningStatistics](repeating: RunningStatistics(), count: parts * channels)
      found.withSplitBuffer { found in
        Parallel.run(chunks: parts) { part in
          let range = pixels * part / parts * channels..<pixels * (part + 1) / parts * channels
          image.samples.withUnsafeBufferPointer { samples in
            add(UnsafeBufferPointer(rebasing: samples[range]), to: found.part(part, of: parts))
          }
        }
      }
      for (k, own) in found.enumerated() { totals[k % channels].add(own) }
    }

    private typealias Lanes = SIMD8<Float>
    /// Samples that are added up in single precision before the sum is.
    private static let run = 256

    /// As many vectors side by side as there are channels: then every lane keeps to one channel.
    private static func add(
      _ samples: UnsafeBufferPointer<Float>, to own: UnsafeMutableBufferPointer<RunningStatistics>
    ) {
      let channels = own.count
      let step = channels * Lanes.scalarCount
      let whole = samples.count / step
      for vector in 0..<channels {
        var (low, high) = (Lanes(repeating: .infinity), Lanes(repeating: -.infinity))
        var sums = SIMD8<Double>.zero
        var counts = SIMD8<Int32>.zero
        for first in stride(from: 0, to: whole, by: run) {
          var sum = Lanes.zero
          for k in first..<Swift.min(first + run, whole) {
            let place = samples.baseAddress! + k * step + vector * Lanes.scalarCount
            let value = UnsafeRawPointer(place).loadUnaligned(as: Lanes.self)
            let isNumber = value .== value
            low.replace(with: value, where: value .< low)
            high.replace(with: value, where: value .> high)
            sum += Lanes.zero.replacing(with: value, where: isNumber)
            counts &-= SIMD8<Int32>.zero.replacing(with: -1, where: isNumber)
          }
          if sum.sum().isFinite {
            sums += SIMD8<Double>(sum)
          } else {
            // The largest numbers that single precision holds cannot be added up in it.
            for k in first..<Swift.min(first + run, whole) {
              for lane in 0..<Lanes.scalarCount {
                let value = samples[k * step + vector * Lanes.scalarCount + lane]
                if !value.isNaN { sums[lane] += Double(value) }
              }
            }
          }
        }
        for lane in 0..<Lanes.scalarCount where counts[lane] > 0 {
          var found = RunningStatistics()
          (found.low, found.high) = (low[lane], high[lane])
          (found.sum, found.count) = (sums[lane], Int(counts[lane]))
          own[(vector * Lanes.scalarCount + lane) % channels].add(found)
        }
      }
      for i in whole * step..<samples.count where !samples[i].isNaN {
        var found = RunningStatistics()
        (found.low, found.high, found.sum, found.count) = (samples[i], samples[i], Double(samples[i]), 1)
        own[i % channels].add(found)
      }
    }

    private mutating func add(_ other: RunningStatistics) {
      low = Swift.min(low, other.low)
      high = Swift.max(high, other.high)
      sum += other.sum
      count += other.count
    }

    var channel: Channel {
      count == 0
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
