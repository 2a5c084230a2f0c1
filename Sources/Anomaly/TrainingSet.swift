import Compute
import Crypto
import Foundation
import Imaging

/// The healthy scans of a study on the model's grid, and batches of corrupted and clean patches cut from them.
package struct TrainingSet: Sendable {
  package struct Member: Sendable {
    package var name: String
    package var scans: [PreparedScan]
    package var slides: [PreparedSlide] = []
    /// Cases that norma made its scans of: such a case is learned from, never held out. `nil` for real scans.
    package var origins: Set<String>?

    /// Scans, each by itself, and slides as fields of them.
    package var groups: [[PreparedScan]] { scans.map { [$0] } + slides.map(\.fields) }
    /// All of them that patches can be cut from.
    package var views: [PreparedScan] { Array(groups.joined()) }

    var appearance: Appearance {
      Appearance(of: scans.compactMap(\.appearance) + slides.map(\.appearance))
    }
  }

  package let preparation: Preparation
  package let training: [Member]
  package let heldOut: [Member]
  /// SHA-256 over the names and contents of the files that were read.
  package let digest: String
  /// Files that could not be used, each with its reason.
  package let faults: [String]
  /// Scans of which a part is missing, as sentences.
  package let incomplete: [String]

  /// How the scans of a study are read and divided.
  package struct Settings: Sendable {
    package var normalization = Normalization(method: .percentile(99), scope: .wholeCase)
    /// `nil` chooses the largest whole factor that leaves the shorter edge of half the scans at least 128 pixels.
    package var reduction: Int?
    /// Share of the cases that is kept from training, to choose the checkpoint and to calibrate.
    package var heldOutShare = 0.4
    package var seed: UInt64 = 0
    /// Direction of a lesion, a number a channel; tissue is read off the channels that have a weight.
    package var channelWeights: [Float]?
    /// See `Preparation.localContrast`.
    package var localContrast: Float?
    package var tissueAppearance = TissueMask.Appearance.bright
    package var limits = TIFFLimits.default
    /// See `ScanReading`.
    package var level: Int?
    package var micrometersPerPixel: Double?
    package var largestWhole = ScanReading().largestWhole
    /// See `ScanReading`.
    package var takesSynthetic = false

    package init() {}
  }

  private static let grid = 128
  /// Of a slide nothing is left to see on as small a grid.
  private static let slideGrid = 2048
  /// Networks, planted lesions and learning rates are made for intensities of about 0 to 1.
  private static let largestIntensity: Float = 10

  /// Reads and prepares all scans of a study.
  ///
  /// - Parameter progress: called with the number of cases read and of all cases.
  /// - Throws: `StudyError` where too little is left to learn from.
  package init(
    _ study: Study, settings: Settings, progress: (Int, Int) -> Void = { _, _ in }
  ) throws(StudyError) {
    var sources: [Source] = []
    var hash = SHA256()
    var faults: [String] = []
    var incomplete: [String] = []
    var channels: Int?
    var reading = ScanReading(
      limits: settings.limits, level: settings.level, micrometersPerPixel: settings.micrometersPerPixel)
    // What looks far around has to see all of a scan.
    reading.largestWhole = settings.localContrast == nil ? settings.largestWhole : settings.limits.maximumPixels
    reading.takesSynthetic = settings.takesSynthetic
    for (index, item) in study.cases.enumerated() {
      var source = Source(name: item.name)
      for scan in study.scans(of: item, reading: reading) {
        hash.update(data: Data("\(scan.path)\u{0}\(scan.sha256 ?? "")\u{0}".utf8))
        switch scan.content {
        case .success(let content):
          let expected = channels ?? content.channels
          channels = expected
          guard content.channels == expected else {
            faults.append(
              "\(study.path)/\(scan.path): it has \(content.channels) channels, the scans before it have \(expected). "
                + "Train on scans of one kind.")
            continue
          }
          if let origins = scan.origins { source.origins = (source.origins ?? []).union(origins) }
          switch content {
          case .image(let image): source.images.append(image)
          case .slide(let slide): source.slides.append(slide)
          }
          if let note = scan.incompleteness(in: study) { incomplete.append(note) }
        case .failure(let fault): faults.append(fault.description)
        }
      }
      if !source.isEmpty { sources.append(source) }
      progress(index + 1, study.cases.count)
    }
    guard let channels, !sources.isEmpty else {
      throw StudyError(
        path: study.path,
        found:
          "none of the scans in \(study.cases.count) cases can be read; the first says: \(faults.first ?? "nothing")",
        remedy: "Give a study of readable TIFF scans")
    }
    if let weights = settings.channelWeights, weights.count != channels {
      throw StudyError(
        path: study.path,
        found: "its scans have \(channels) channels, --channel-weights or the preset gives \(weights.count) numbers",
        remedy: "Give one number a channel, or another --preset")
    }
    if let needed = settings.normalization.neededChannels, needed != channels {
      throw StudyError(
        path: study.path,
        found:
          "its scans have \(channels) channel\(channels == 1 ? "" : "s"), the normalization of stained slides needs "
          + "\(needed)", remedy: "Choose another --normalization or --preset")
    }
    var preparation = Preparation(
      normalization: settings.normalization, reduction: settings.reduction ?? Self.reduction(for: sources),
      channels: channels,
      tissueChannels: settings.channelWeights.map { weights in weights.indices.filter { weights[$0] != 0 } },
      localContrast: settings.localContrast, tissueAppearance: settings.tissueAppearance, level: settings.level,
      micrometersPerPixel: settings.micrometersPerPixel)
    // What has to be learned of all slides has to wait for all; else each is prepared as it is read.
    let isLearned = settings.normalization.isLearned
    var samples: [[SlideSample]] = []
    var slides: [[PreparedSlide]] = []
    for source in sources {
      var read: [SlideSample] = []
      var prepared: [PreparedSlide] = []
      for slide in source.slides {
        do throws(ScanFault) {
          let sample = try preparation.sample(slide)
          if isLearned {
            read.append(sample)
          } else {
            prepared.append(preparation.prepare(sample, keepsOverview: false))
          }
        } catch { faults.append(error.description) }
      }
      samples.append(read)
      slides.append(prepared)
    }
    if isLearned {
      let images = zip(sources, samples).map { source, slides in
        source.images.map { $0.reduced(by: preparation.factor(for: $0.pixelSize)) } + slides.flatMap(\.fields)
      }.filter { !$0.isEmpty }
      guard !images.isEmpty else {
        throw StudyError(
          path: study.path,
          found: "none of its scans shows tissue; the first that was left out says: "
            + (faults.first ?? "nothing"), remedy: "Give healthy scans, or another --tissue")
      }
      preparation.normalization = settings.normalization.learned(from: images, appearing: settings.tissueAppearance)
      slides = samples.map { $0.map { preparation.prepare($0, keepsOverview: false) } }
    }
    var members: [Member] = []
    for (source, slides) in zip(sources, slides) {
      let member = Member(
        name: source.name,
        scans: preparation.prepare(source.images).map(\.scan).filter { $0.tissue.share > 0.02 },
        slides: slides.filter { !$0.fields.isEmpty }, origins: source.origins)
      if !member.groups.isEmpty { members.append(member) }
    }
    let real = members.indices.filter { members[$0].origins == nil }
    guard real.count >= 2 else {
      throw StudyError(
        path: study.path,
        found: "\(real.count) case\(real.count == 1 ? "" : "s") with tissue in it; at least 2 are needed, "
          + "one to learn from and one to calibrate on, and 40 or more are recommended",
        remedy: faults.isEmpty
          ? "Add healthy cases" : "Add healthy cases; the first that was left out says: \(faults[0])")
    }
    let reach = members.flatMap(\.views).reduce(Float(0)) { $1.image.samples.reduce($0) { max($0, abs($1)) } }
    if reach > Self.largestIntensity {
      throw StudyError(
        path: study.path,
        found: "its intensities reach \(reach), which are not normalized; about 0 to 1 was expected",
        remedy: "Choose a --normalization that brings them there, such as robust")
    }
    // The split must not follow the order of names, which often is that of scanners or dates.
    var random = RandomGenerator(seed: settings.seed ^ 0x5EED)
    let order = real.shuffled(using: &random)
    let count = min(max(1, Int((Double(real.count) * settings.heldOutShare).rounded())), real.count - 1)
    let chosen = Set(order.prefix(count))
    heldOut = members.indices.filter(chosen.contains).map { members[$0] }
    // What was made of a held-out case would give it away; so may what does not say what it was made of.
    let hidden = Set(heldOut.map(\.name))
    training = members.indices.filter { !chosen.contains($0) }.map { members[$0] }
      .filter { member in member.origins.map { !$0.isEmpty && hidden.isDisjoint(with: $0) } ?? true }
    digest = hash.finalize().map { String(format: "%02x", $0) }.joined()
    self.preparation = preparation
    self.faults = faults
    self.incomplete = incomplete
  }

  /// What was read of a case.
  private struct Source {
    var name: String
    var images: [Image] = []
    var slides: [Slide] = []
    var origins: Set<String>?

    var isEmpty: Bool { images.isEmpty && slides.isEmpty }
  }

  /// The largest whole factor that leaves the shorter edge of half the scans long enough.
  private static func reduction(for sources: [Source]) -> Int {
    let edges =
      sources.flatMap(\.images).map { (min($0.width, $0.height), grid) }
      + sources.flatMap(\.slides).map { (min($0.level.width, $0.level.height), slideGrid) }
    let factors = edges.map { edge, least in edge / least }.sorted()
    return min(max(1, factors[factors.count / 2]), largestReduction)
  }
  package static let largestReduction = 64

  /// A patch edge that suits the scans: 128, or less where they are smaller.
  package func patchSize(granularity: Int) -> Int {
    let largest = training.flatMap(\.views).map { max($0.image.width, $0.image.height) }.max() ?? Self.grid
    return min(Self.grid, (largest + granularity - 1) / granularity * granularity)
  }
}

/// Cuts, augments and corrupts patches, batch after batch.
package final class PatchSource {
  private let scans: [PreparedScan]
  private let edge: Int
  private let channels: Int
  /// Running sum of how many patches each scan is worth, so that a large scan is drawn from more often.
  private let worth: [Float]
  private let lesions: SyntheticLesions
  private let augmentation: Augmentation
  private let range: ClosedRange<Float>

  /// - Parameters:
  ///   - edge: of a patch, in pixels of the model's grid.
  ///   - range: see `Normalization.range`.
  package init(
    _ scans: [PreparedScan], edge: Int, channels: Int, range: ClosedRange<Float>, augmentation: Augmentation = .mirror
  ) {
    self.augmentation = augmentation
    self.range = range
    self.scans = scans
    self.edge = edge
    self.channels = channels
    var sum: Float = 0
    worth = scans.map { scan in
      sum += max(1, Float(scan.image.width * scan.image.height) / Float(edge * edge) * Float(scan.tissue.share))
      return sum
    }
    lesions = SyntheticLesions(edge: edge, channels: channels, range: range)
  }

  /// Patches that make one pass over the scans.
  var patchesPerEpoch: Int { max(1, Int(worth.last ?? 1)) }

  /// Fills a batch: `clean` is what is to be reconstructed (`NaN` where there is no data), `corrupted` what the encoder
  /// sees. Both `[n, edge, edge, c]`.
  ///
  /// - Parameter corrupting: whether to corrupt it; without, the encoder sees the clean patch, 0 where there is no data.
  package func fill(
    clean: Tensor, corrupted: Tensor, corrupting: Bool = true, using random: inout RandomGenerator
  ) {
    let seeds = (0..<clean.shape.n).map { _ in random.next() }
    let values = edge * edge * channels
    Parallel.run(chunks: clean.shape.n) { k in
      var random = RandomGenerator(seed: seeds[k])
      let target = UnsafeMutableBufferPointer(rebasing: clean.values[k * values..<(k + 1) * values])
      let input = UnsafeMutableBufferPointer(rebasing: corrupted.values[k * values..<(k + 1) * values])
      let tissue = self.cut(into: target, using: &random)
      _ = input.update(fromContentsOf: target)
      if corrupting {
        tissue.withUnsafeBufferPointer { tissue in
          if random.chance(0.5) { self.lesions.plant(into: input, tissue: tissue, using: &random) }
          if random.chance(0.5) {
            self.lesions.addCoarseNoise(
              to: input, tissue: tissue, deviation: random.uniform(0.05, 0.25), using: &random)
          }
        }
      }
      for i in input.indices where input[i].isNaN { input[i] = 0 }
    }
  }

  /// Cuts a random patch in a random pose, its channels scaled a little.
  ///
  /// - Parameter target: receives the patch, `[edge, edge, c]`; `NaN` where there is no data.
  /// - Returns: 1 where it is tissue, `[edge, edge]`.
  package func cut(into target: UnsafeMutableBufferPointer<Float>, using random: inout RandomGenerator) -> [UInt8] {
    let scan = scans[draw(&random)]
    let (width, height) = (scan.image.width, scan.image.height)
    var origin = (x: 0, y: 0)
    // Empty patches teach nothing: a few tries for one with tissue at its center.
    for _ in 0..<8 {
      origin = (place(width, &random), place(height, &random))
      let middle = min(max(origin.y + edge / 2, 0), height - 1) * width + min(max(origin.x + edge / 2, 0), width - 1)
      if scan.tissue.isTissue[middle] { break }
    }
    let flips = random.chance(0.5)
    let gains = augmentation.gains(channels: channels, using: &random)
    var tissue = [UInt8](repeating: 0, count: edge * edge)
    if let limits = augmentation.pose {
      let pose = PatchPose(origin: origin, edge: edge, flips: flips, limits: limits, using: &random)
      sample(scan, in: pose, gains: gains, into: target, tissue: &tissue)
      if augmentation.variesLight {
        PatchLight.vary(target, edge: edge, channels: channels, range: range, using: &random)
      }
      return tissue
    }
    for y in 0..<edge {
      let row = PatchGrid.reflected(origin.y + y, in: height) * width
      for x in 0..<edge {
        let pixel = row + PatchGrid.reflected(origin.x + (flips ? edge - 1 - x : x), in: width)
        tissue[y * edge + x] = scan.tissue.isTissue[pixel] ? 1 : 0
        for c in 0..<channels {
          target[(y * edge + x) * channels + c] = scan.image.samples[pixel * channels + c] * gains[c]
        }
      }
    }
    return tissue
  }

  /// Bilinear for intensities, the nearest pixel for tissue. A value that would take part of its weight from missing data
  /// is missing too: none is made up.
  private func sample(
    _ scan: PreparedScan, in pose: PatchPose, gains: [Float], into target: UnsafeMutableBufferPointer<Float>,
    tissue: inout [UInt8]
  ) {
    let (width, height) = (scan.image.width, scan.image.height)
    scan.image.samples.withUnsafeBufferPointer { samples in
      scan.tissue.isTissue.withUnsafeBufferPointer { isTissue in
        tissue.withUnsafeMutableBufferPointer { tissue in
          for y in 0..<edge {
            for x in 0..<edge {
              let place = pose.place(x: x, y: y)
              let low = place.rounded(.down)
              let t = place - low
              let columns = (
                PatchGrid.reflected(Int(low.x), in: width), PatchGrid.reflected(Int(low.x) + 1, in: width)
              )
              let rows = (
                PatchGrid.reflected(Int(low.y), in: height) * width,
                PatchGrid.reflected(Int(low.y) + 1, in: height) * width
              )
              let corners = SIMD4(
                rows.0 + columns.0, rows.0 + columns.1, rows.1 + columns.0, rows.1 + columns.1)
              let weights = SIMD4((1 - t.x) * (1 - t.y), t.x * (1 - t.y), (1 - t.x) * t.y, t.x * t.y)
              let nearest = (t.y < 0.5 ? rows.0 : rows.1) + (t.x < 0.5 ? columns.0 : columns.1)
              tissue[y * edge + x] = isTissue[nearest] ? 1 : 0
              for c in 0..<channels {
                var sum: Float = 0
                for k in 0..<4 where weights[k] > 0 { sum += weights[k] * samples[corners[k] * channels + c] }
                target[(y * edge + x) * channels + c] = sum * gains[c]
              }
            }
          }
        }
      }
    }
  }

  private func draw(_ random: inout RandomGenerator) -> Int {
    let wanted = random.uniform() * worth[worth.count - 1]
    return min(worth.firstIndex { $0 > wanted } ?? 0, scans.count - 1)
  }

  /// Where a patch starts along one edge: anywhere in a larger scan, up to a sixteenth of a patch aside in a smaller one.
  private func place(_ length: Int, _ random: inout RandomGenerator) -> Int {
    let slack = max(length - edge, 0)
    let margin = edge / 16
    return random.integer(below: slack + 2 * margin + 1) - margin
  }
}
