import Files
import Foundation
import Threads

/// The output of `norma inspect`: what a file says about itself and statistics of its pixels.
package struct ScanInspection: Sendable, Equatable, Codable {
  package struct Channel: Sendable, Equatable, Codable {
    /// Name of the channel; `nil` if the file gives none.
    package var name: String?
    /// Minimum of the decoded samples, before normalization, leaving out samples without data; `nil` if no sample has
    /// data. `max` and `mean` are of the same samples.
    package var min: Double?
    package var max: Double?
    package var mean: Double?
  }

  package struct Page: Sendable, Equatable, Codable {
    package var number: Int
    package var width: Int
    package var height: Int
    /// Number of channels of the decoded picture; `nil` if the page cannot be decoded.
    package var channels: Int?
    package var bits: Int
    package var sampleFormat: String
    package var photometric: String
    package var compression: String
    package var layout: String
    package var orientation: String
    package var role: String
    /// Edge lengths in micrometers; `nil` if unknown.
    package var pixelSize: PixelSize?
    package var pixelSizeSource: String?
    /// Why a size that the file states is not believed; `nil` if it is, or if it states none.
    package var pixelSizeDoubt: String?
    package var statistics: [Channel]
    /// Share of the page's strips or tiles that are missing or broken, in 0...1, if that is tolerated.
    package var missingShare: Double
    /// Why the page cannot be decoded; `nil` if it can.
    package var problem: String?
  }

  package var path: String
  /// Names of the formats that recognize the file, in the order in which they are asked; the last is "generic".
  package var formats: [String]
  package var pages: [Page]
  /// Clauses on the file's notes that could not be used; empty if all were understood.
  package var notes: [String]
  /// Why the file has no further pages, if it breaks off.
  package var problem: String?

  /// Decodes every page, one after the other.
  package init(of file: TIFFFile) {
    path = file.path
    formats = file.vendors
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
    notes = file.notes
    problem = file.defect?.description
  }

  /// JSON with `snake_case` keys; the same file always gives the same bytes.
  package func json() throws -> String { try ReadableJSON.text(self) }

  /// Names of the channels of each page, by page number.
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

  /// Statistics of a page, computed a few rows at a time, so that a slide needs no more memory than a photograph.
  private static func statistics(
    of page: TIFFPage, in file: TIFFFile
  ) throws(NormaError) -> (channels: [Channel], missing: Double) {
    var sums = [RunningStatistics](repeating: RunningStatistics(), count: page.channels ?? 0)
    let missing = try file.readBands(ofPage: page.number) { RunningStatistics.add($0, to: &sums) }
    return (sums.map(\.channel), missing)
  }

  private struct RunningStatistics {
    private var low = Float.infinity
    private var high = -Float.infinity
    private var sum = 0.0
    private var count = 0

    /// Number of parts of an image that are summed separately; fixed, so that the sum does not depend on the number of
    /// threads.
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
    /// Number of vectors that are added up in single precision before the sum is added in double precision.
    private static let run = 256

    /// Uses as many vectors side by side as there are channels, so that every lane always holds the same channel.
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
            // If the sum overflows single precision, add the numbers in double precision.
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
      pixelSizeDoubt: page.pixelSizeDoubt, statistics: statistics, missingShare: missingShare, problem: problem)
  }
}
