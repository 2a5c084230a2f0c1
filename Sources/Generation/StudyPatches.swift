import Anomaly
import Compute
import Imaging
import Numerics

/// Patches of a healthy study, prepared for a model; training and held-out cases are kept separate.
package struct StudyPatches: Sendable {
  package let training: [Image]
  package let heldOut: [Image]
  /// Scans that could not be used, each with its reason.
  package let faults: [ScanFault]
  /// Names of the cases whose files the model did not learn from and was not calibrated on; empty where it does not know
  /// its files.
  package let strangers: [String]

  /// Draws patches with tissue at their center, the same for the same seed.
  ///
  /// - Parameter perGroup: most patches of each group, training and held-out.
  package init(_ study: Study, model: Model, perGroup: Int, seed: UInt64, limits: TIFFLimits = .default) {
    let heldOutCases = Set(model.record.heldOutCases)
    var faults: [ScanFault] = []
    var strangers: [String] = []
    var groups: [Bool: [Image]] = [:]
    var random = RandomGenerator(seed: seed ^ 0x9A7C)
    let counts = Dictionary(grouping: study.cases) { heldOutCases.contains($0.name) }.mapValues(\.count)
    for item in study.cases {
      let isHeldOut = heldOutCases.contains(item.name)
      let share = max(1, (perGroup + counts[isHeldOut]! - 1) / counts[isHeldOut]!)
      let (scans, digests, found) = Self.views(of: item, in: study, model: model, limits: limits)
      faults += found
      if let known = model.record.known, !known.holds(digests) { strangers.append(item.name) }
      guard !scans.isEmpty else { continue }
      // A scan that is no larger than a patch has only one patch.
      var seen: Set<[Int]> = []
      for _ in 0..<share {
        let number = random.integer(below: scans.count)
        let edge = model.architecture.patchSize
        guard let place = Self.place(in: scans[number], edge: edge, using: &random),
          seen.insert([number, place.x, place.y]).inserted
        else { continue }
        groups[isHeldOut, default: []].append(scans[number].image.patch(atX: place.x, y: place.y, edge: edge))
      }
    }
    func chosen(_ isHeldOut: Bool) -> [Image] {
      Array((groups[isHeldOut] ?? []).shuffled(using: &random).prefix(perGroup))
    }
    training = chosen(false)
    heldOut = chosen(true)
    self.faults = faults
    self.strangers = strangers
  }

  private static func views(
    of item: Study.Case, in study: Study, model: Model, limits: TIFFLimits
  ) -> (scans: [PreparedScan], digests: [String], faults: [ScanFault]) {
    var images: [Image] = []
    var digests: [String: String] = [:]
    var scans: [PreparedScan] = []
    var faults: [ScanFault] = []
    var reading = model.preparation.reading(limits: limits)
    reading.takesSynthetic = false
    for source in study.scans(of: item, reading: reading) where source.origins == nil {
      if let digest = source.sha256 { digests[source.path] = digest }
      switch source.content {
      case .success(.image(let image)): images.append(image)
      case .success(.slide(let slide)):
        do throws(ScanFault) {
          scans += model.preparation.prepare(try model.preparation.survey(slide), keepsOverview: false).fields
        } catch { faults.append(error) }
      case .failure(let fault): faults.append(fault)
      }
    }
    return (scans + model.preparation.prepare(images).map(\.scan), Array(digests.values), faults)
  }

  /// Corner of a patch with tissue at its center; `nil` where a few tries find none.
  private static func place(
    in scan: PreparedScan, edge: Int, using random: inout RandomGenerator
  ) -> (x: Int, y: Int)? {
    let (width, height) = (scan.image.width, scan.image.height)
    for _ in 0..<16 {
      let x = random.integer(below: max(width - edge, 0) + 1)
      let y = random.integer(below: max(height - edge, 0) + 1)
      let middle = min(y + edge / 2, height - 1) * width + min(x + edge / 2, width - 1)
      if scan.tissue.values[middle] { return (x, y) }
    }
    return nil
  }
}

extension Image {
  /// A square part of the image. Beyond the right or the lower edge it continues by reflection; missing data becomes 0.
  package func patch(atX x: Int, y: Int, edge: Int) -> Image {
    var result = Image(width: edge, height: edge, channels: channels)
    for row in 0..<edge {
      for column in 0..<edge {
        let from =
          (PatchGrid.reflected(y + row, in: height) * width + PatchGrid.reflected(x + column, in: width)) * channels
        for c in 0..<channels {
          let value = samples[from + c]
          result.samples[(row * edge + column) * channels + c] = value.isNaN ? 0 : value
        }
      }
    }
    return result
  }
}
