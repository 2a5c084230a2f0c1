import Compute
import Files
import Imaging
import Numerics
import Threads

/// The healthy scans of a study, prepared on the model's grid and divided into training and held-out cases.
package struct TrainingSet: Sendable {
  package struct Member: Sendable {
    package var name: String
    package var scans: [PreparedScan]
    package var slides: [PreparedSlide] = []
    /// Names of the cases from which norma made this case's scans; `nil` for real scans. A case with origins is only
    /// trained on, never held out.
    package var origins: Set<String>?

    /// One group per scan, and one group of fields per slide.
    package var groups: [[PreparedScan]] { scans.map { [$0] } + slides.map(\.fields) }
    /// All scans and fields that patches can be cut from.
    package var views: [PreparedScan] { Array(groups.joined()) }

    fileprivate mutating func removeSharedUnits() { for k in scans.indices { scans[k].sharedUnits = nil } }

    var appearance: Appearance { appearance(of: groups.map { $0.compactMap(\.appearance) }) }

    /// The appearance of the case from the appearances of its groups: every scan counts once, and so does every slide.
    func appearance(of groups: [[Appearance]]) -> Appearance {
      Appearance(
        of: groups.prefix(scans.count).flatMap { $0 } + groups.dropFirst(scans.count).map { Appearance(of: $0) })
    }
  }

  package let preparation: Preparation
  package let training: [Member]
  package let heldOut: [Member]
  /// Whether scans that follow each other in a case are neighbouring slices, see `NeighbouringSlices.areFound`.
  let hasNeighbours: Bool
  /// SHA-256 of the names and contents of the files that were read.
  package let digest: String
  /// See `KnownScans`.
  let known: KnownScans
  /// Files that could not be used, each with its reason.
  package let faults: [ScanFault]
  /// Sentences about scans with missing parts.
  package let incomplete: [String]
  package let padding: PaddingCount
  /// Names of the cases at least half of whose scans are those of other cases, pixel by pixel, whatever the files are
  /// called and however they are compressed. They are left out: held out, they would be known.
  package let duplicates: [String]
  /// Scans that were read and in which there is nothing to learn from, by reason.
  package let empty: [String: [String]]
  /// Why every pixel counts as tissue, as a sentence; `nil` where only some do, or where the user said so.
  package let tissueNote: String?

  /// How the scans of a study are read and divided.
  package struct Settings: Sendable {
    package var normalization = Normalization(method: .percentile(99), scope: .wholeCase)
    /// Factor of the reduction. `nil` chooses the largest whole factor that leaves the shorter edge of half the scans
    /// at least 128 pixels.
    package var reduction: Int?
    /// Share of the cases that is held out of training, to choose the checkpoint and to calibrate.
    package var heldOutShare = 0.4
    package var seed: UInt64 = 0
    /// Direction of a lesion, one number per channel. Tissue is found in the channels that have a weight.
    package var channelWeights: [Float]?
    /// See `Preparation.localContrast`.
    package var localContrast: Float?
    package var tissueAppearance = TissueLook.bright
    /// Whether tissue that is told by its brightness becomes `everywhere`, see `backgroundSpread`.
    package var choosesTissue = false
    package var limits = TIFFLimits.default
    /// See `ScanReading`.
    package var level: Int?
    package var micrometersPerPixel: Double?
    package var largestWhole = ScanReading().largestWhole
    /// See `ScanReading`.
    package var takesSynthetic = false
    package var memory = MemoryBudget.unlimited
    /// Whether the scans are photographs, whose light varies: then channels are not predicted from each other, and
    /// texture around pixels is not described, see `ChannelExpectation` and `LocalTexture`.
    package var variesLight = false
    /// See `Preparation.takesFeatures`.
    package var takesFeatures = false

    package init() {}
  }

  private static let grid = 128
  /// Least shorter edge of a reduced slide: on a grid of 128 pixels, nothing of a slide would be left to see.
  private static let slideGrid = 2048
  /// Largest intensity allowed: networks, planted lesions and learning rates are made for intensities of about 0 to 1.
  private static let largestIntensity: Float = 10

  /// Reads and prepares all scans of a study.
  /// - Parameter progress: called with the number of cases read and the number of all cases.
  /// - Throws: `NormaError` where too little is left to learn from, `Stopped` where the user stopped it.
  package init(
    _ study: Study, settings: Settings, progress: (Int, Int) -> Void = { _, _ in }
  ) throws {
    var sources: [Source] = []
    var contents = Digest()
    var faults: [ScanFault] = []
    var incomplete: [String] = []
    var padding = PaddingCount()
    var channels = try study.commonChannels(limits: settings.limits)
    var reading = ScanReading(
      limits: settings.limits, level: settings.level, micrometersPerPixel: settings.micrometersPerPixel)
    // As in `Preparation.needsWholeScans`, which is made after the scans were read.
    let needsWhole = settings.localContrast != nil || settings.takesFeatures
    reading.largestWhole = needsWhole ? settings.limits.maximumPixels : settings.largestWhole
    reading.takesSynthetic = settings.takesSynthetic
    var bytes = 0
    var seen: Set<String> = []
    var known = KnownScans()
    var duplicates: [String] = []
    for (index, item) in study.cases.enumerated() {
      if let signal = Interruption.signal {
        throw Stopped(
          signal: signal,
          description:
            "\(study.path): norma was asked to end while it read case \(index + 1) of \(study.cases.count). Run "
            + "the same command again.")
      }
      var source = Source(name: item.name)
      let scans = study.scans(of: item, reading: reading)
      let digestsOfAll = scans.map(\.contentDigest)
      for (scan, digest) in zip(scans, digestsOfAll) where digest != nil { known.add(sha256: scan.sha256) }
      let contentDigests = digestsOfAll.compactMap { $0 }
      guard contentDigests.isEmpty || 2 * contentDigests.count(where: seen.contains) < contentDigests.count else {
        duplicates.append(item.name)
        progress(index + 1, study.cases.count)
        continue
      }
      seen.formUnion(contentDigests)
      for (scan, place) in zip(scans, scans.slicePlaces) {
        contents.add("\(scan.path)\u{0}\(scan.sha256 ?? "")\u{0}")
        switch scan.content {
        case .success(let content):
          let expected = channels ?? content.channels
          channels = expected
          guard content.channels == expected else {
            faults.append(
              ScanFault(
                NormaError(
                  subject: "\(study.path)/\(scan.path)",
                  found: "it has \(Count.of(content.channels, "channel")), most scans of the study have \(expected)",
                  remedy: "Train on scans of one kind, or leave it out with --exclude")))
            continue
          }
          if let origins = scan.origins { source.origins = (source.origins ?? []).union(origins) }
          switch content {
          case .image(let image):
            source.images.append(image)
            source.paths.append(scan.name(in: study))
            source.places.append(place)
            bytes += 4 * image.samples.count
          case .slide(let slide): source.slides.append(slide)
          }
          if let note = scan.incompleteness(in: study) { incomplete.append(note) }
          padding.add(scan.padding)
        case .failure(let fault): faults.append(fault)
        }
      }
      guard bytes <= settings.memory.read else {
        throw NormaError(
          subject: study.path,
          found:
            "its first \(index + 1) of \(Count.of(study.cases.count, "case")) take \(bytes / 1_000_000) MB as they are "
            + "read, more than --memory-limit leaves room for",
          remedy: "Raise the limit, or train on fewer or smaller scans")
      }
      if !source.isEmpty { sources.append(source) }
      progress(index + 1, study.cases.count)
    }
    guard let channels, !sources.isEmpty else {
      throw NormaError(
        subject: study.path,
        found:
          "none of the scans in \(Count.of(study.cases.count, "case")) can be read; the first says: "
          + (faults.first?.error.quoted ?? "nothing"),
        remedy: "Give a study of readable TIFF scans")
    }
    if let weights = settings.channelWeights, weights.count != channels {
      throw NormaError(
        subject: study.path,
        found: "its scans have \(Count.of(channels, "channel")), --channel-weights or the preset gives "
          + "\(weights.count) numbers",
        remedy: "Give one number a channel, or another --preset")
    }
    if let needed = settings.normalization.neededChannels, needed != channels {
      throw NormaError(
        subject: study.path,
        found:
          "its scans have \(Count.of(channels, "channel")), the normalization of stained slides needs "
          + "\(needed)", remedy: "Choose another --normalization or --preset")
    }
    var preparation = Preparation(
      normalization: settings.normalization, reduction: settings.reduction ?? Self.reduction(for: sources),
      channels: channels,
      tissueChannels: settings.channelWeights.map { weights in weights.indices.filter { weights[$0] != 0 } },
      localContrast: settings.localContrast, tissueAppearance: settings.tissueAppearance, level: settings.level,
      micrometersPerPixel: settings.micrometersPerPixel)
    preparation.takesFeatures = settings.takesFeatures ? true : nil
    preparation.noData = settings.limits.stated.noData
    let spread = settings.choosesTissue ? Self.backgroundSpread(of: sources, preparation) : nil
    if let spread, spread > Self.largestBackgroundSpread {
      preparation.tissueAppearance = .everywhere
      tissueNote =
        spread == 1
        ? "every pixel counts as tissue: most scans show nothing that is dark enough for a background"
        : String(
          format: "every pixel counts as tissue: what is darker varies %.2f times as much as the rest, and an empty "
            + "background less than %.1f times", spread, Self.largestBackgroundSpread)
    } else {
      tissueNote = nil
    }
    // A normalization that is learned from all slides needs all of them first. Otherwise each slide is prepared as it
    // is read.
    let isLearned = settings.normalization.isLearned
    var surveys: [[SlideSurvey]] = []
    var slides: [[PreparedSlide]] = []
    for source in sources {
      var read: [SlideSurvey] = []
      var prepared: [PreparedSlide] = []
      for slide in source.slides {
        do throws(ScanFault) {
          let survey = try preparation.survey(slide)
          if isLearned {
            read.append(survey)
          } else {
            prepared.append(preparation.prepare(survey, keepsOverview: false))
          }
        } catch { faults.append(error) }
      }
      surveys.append(read)
      slides.append(prepared)
    }
    if isLearned {
      let images = zip(sources, surveys).map { source, slides in
        source.images.map { $0.reduced(by: preparation.factor(for: $0.pixelSize)) }
          .filter { NothingToScore(dataOf: $0, channels: preparation.tissueChannels) == nil } + slides.flatMap(\.fields)
      }.filter { !$0.isEmpty }
      guard !images.isEmpty else {
        throw NormaError(
          subject: study.path,
          found: "none of its scans shows tissue; the first that was left out says: "
            + (faults.first?.error.quoted ?? "nothing"), remedy: "Give healthy scans, or another --tissue")
      }
      preparation.normalization = settings.normalization.learned(
        from: images, appearing: preparation.tissueAppearance ?? .bright)
      slides = surveys.map { $0.map { preparation.prepare($0, keepsOverview: false) } }
    }
    preparation.texture = Self.textureScale(of: sources, preparation)
    var members: [Member] = []
    var empty: [String: [String]] = [:]
    for (k, slides) in slides.enumerated() {
      let prepared = preparation.prepare(sources[k].images).at(sources[k].places)
      for (image, path) in zip(prepared, sources[k].paths) {
        if let reason = image.nothingToLearn { empty[reason, default: []].append(path) }
      }
      for slide in slides {
        if let reason = slide.nothingToScore { empty["\(reason)", default: []].append(slide.slide.path) }
      }
      // The images as read are released case by case, as the prepared scans take their place.
      sources[k].images = []
      let member = Member(
        name: sources[k].name, scans: prepared.filter { $0.nothingToLearn == nil }.map(\.scan),
        slides: slides.filter { $0.nothingToScore == nil }, origins: sources[k].origins)
      if !member.groups.isEmpty { members.append(member) }
    }
    let real = members.indices.filter { members[$0].origins == nil }
    guard real.count >= 2 else {
      throw NormaError(
        subject: study.path,
        found: "\(Count.of(real.count, "case")) with tissue in it; at least 2 are needed, "
          + "one to learn from and one to calibrate on, and 40 or more are recommended",
        remedy: (faults.first?.error.quoted ?? empty.first.map { "\($1[0]): \($0)" })
          .map { "Add healthy cases; the first that was left out says: \($0)" } ?? "Add healthy cases")
    }
    let reach = members.flatMap(\.views).reduce(Float(0)) { $1.image.samples.reduce($0) { max($0, abs($1)) } }
    if reach > Self.largestIntensity {
      throw NormaError(
        subject: study.path,
        found: "its intensities reach \(reach), which are not normalized; about 0 to 1 was expected",
        remedy: "Choose a --normalization that brings them there, such as robust")
    }
    // The split must not follow the order of names, which often is the order of scanners or dates.
    var random = RandomGenerator(seed: settings.seed ^ 0x5EED)
    let order = real.shuffled(using: &random)
    let count = min(max(1, Int((Double(real.count) * settings.heldOutShare).rounded())), real.count - 1)
    let chosen = Set(order.prefix(count))
    var heldOut = members.indices.filter(chosen.contains).map { members[$0] }
    // A synthetic case made from a held-out case would reveal it. One without known origins might, so both are left
    // out.
    let hidden = Set(heldOut.map(\.name))
    var training = members.indices.filter { !chosen.contains($0) }.map { members[$0] }
      .filter { member in member.origins.map { !$0.isEmpty && hidden.isDisjoint(with: $0) } ?? true }
    hasNeighbours = NeighbouringSlices.areFound(in: real.map { members[$0].scans })
    digest = contents.finish().hexadecimal
    // Slices at different heights differ more than healthy ones do from abnormal ones, and a lesion is in few of them.
    if hasNeighbours || !TextureReference.suffices(Self.realByName(heldOut + training).map(\.scans.count)) {
      preparation.texture = nil
      for k in heldOut.indices { heldOut[k].removeSharedUnits() }
      for k in training.indices { training[k].removeSharedUnits() }
    }
    (self.heldOut, self.training) = (heldOut, training)
    preparation.expectation =
      settings.variesLight ? nil : ChannelExpectation(of: training.flatMap(\.views))
    preparation.localTexture = settings.variesLight ? nil : LocalTexture(of: training.flatMap(\.views))
    self.preparation = preparation
    self.faults = faults
    self.incomplete = incomplete
    self.padding = padding
    self.known = known
    self.duplicates = duplicates
    self.empty = empty
  }

  /// A background that varies more than this share of what tissue does is no empty one.
  private static let largestBackgroundSpread: Float = 0.2
  /// The most scans whose background is looked at.
  private static let mostBackgrounds = 100

  /// How much the intensities outside tissue that is told by its brightness vary, as a share of those within it: the
  /// ratio of interquartile ranges, the middle one of all scans and channels. It counts as 1 where there is nothing
  /// outside. Channels that do not vary in tissue say nothing. Around a head there is next to nothing; the dark parts of
  /// an ultrasound picture are tissue too, and a lesion may be dark.
  ///
  /// - Returns: `nil` where no scan is held whole.
  private static func backgroundSpread(of sources: [Source], _ preparation: Preparation) -> Float? {
    let images = sources.flatMap(\.images)
    let chosen = Array(stride(from: 0, to: images.count, by: max(1, images.count / mostBackgrounds)))
    let spreads = Parallel.map(chosen.count) { k -> [Float] in
      let image = images[chosen[k]].reduced(by: preparation.factor(for: images[chosen[k]].pixelSize))
      guard NothingToScore(dataOf: image, channels: preparation.tissueChannels) == nil else { return [] }
      let mask = Normalization.tissue(of: [image], channels: preparation.tissueChannels)[0]
      let known = Normalization.tissue(of: [image], channels: preparation.tissueChannels, appearing: .everywhere)[0]
      return (preparation.tissueChannels ?? Array(0..<image.channels)).compactMap { channel in
        func range(inTissue: Bool) -> Float? {
          let values = mask.values.indices.filter { mask.values[$0] == inTissue && known.values[$0] }
            .map { image.samples[$0 * image.channels + channel] }.sortedByBits()
          return values.count < Appearance.fewestPixels
            ? nil : values[values.count * 3 / 4] - values[values.count / 4]
        }
        guard let inside = range(inTissue: true), inside > 0 else { return nil }
        return range(inTissue: false).map { $0 / inside } ?? 1
      }
    }.flatMap { $0 }
    return spreads.isEmpty ? nil : spreads.median()
  }

  /// The units of texture; `nil` where the study has slides, which are not held whole, or too many channels, or where too
  /// few scans show tissue.
  private static func textureScale(of sources: [Source], _ preparation: Preparation) -> TextureScale? {
    guard sources.allSatisfy(\.slides.isEmpty), preparation.channels <= TextureScale.mostChannels else { return nil }
    let cases = sources.map { source in
      let pairs = source.images.map { (original: $0, image: $0.reduced(by: preparation.factor(for: $0.pixelSize))) }
        .filter { NothingToScore(dataOf: $0.image, channels: preparation.tissueChannels) == nil }
      let masks = Normalization.tissue(
        of: pairs.map(\.image), channels: preparation.tissueChannels,
        appearing: preparation.tissueAppearance ?? .bright)
      return zip(pairs, masks).map { TextureScale.Sample(original: $0.original, image: $0.image, tissue: $1) }
    }.filter { !$0.isEmpty }
    guard cases.joined().count >= TextureReference.fewestScans else { return nil }
    return TextureScale(of: cases) { preparation.factor(for: $0.pixelSize) }
  }

  /// The scans and slides that were read of a case.
  private struct Source {
    var name: String
    var images: [Image] = []
    /// Where the images come from, for messages.
    var paths: [String] = []
    var places: [SlicePlace?] = []
    var slides: [Slide] = []
    var origins: Set<String>?

    var isEmpty: Bool { images.isEmpty && slides.isEmpty }
  }

  /// The largest whole factor that leaves the shorter edge of half the scans at least as long as its grid's least edge.
  private static func reduction(for sources: [Source]) -> Int {
    let edges =
      sources.flatMap(\.images).map { (min($0.width, $0.height), grid) }
      + sources.flatMap(\.slides).map { (min($0.level.width, $0.level.height), slideGrid) }
    let factors = edges.map { edge, least in edge / least }.sorted()
    return min(max(1, factors[factors.count / 2]), ScanReading.largestReduction)
  }

  /// The texture of whole scans.
  struct Texture {
    var reference: TextureReference
    /// Distances of the scans of each held-out case, and of each case that is trained on, from the others. Synthetic
    /// cases have none.
    var heldOut: [[Double]]
    var training: [[Double]]
  }

  /// A network looks at no more scans than these, besides those held out.
  private static let mostScansWithFeatures = 1_000

  /// - Parameter features: what describes scans by features too; it takes some of the cases that are trained on where
  ///   these have more than 1,000 scans, and the others then count nowhere.
  /// - Returns: `nil` where texture was not measured.
  func texture(seed: UInt64, features: LocalFeatures?) throws -> Texture? {
    guard preparation.texture != nil else { return nil }
    let members = Self.realByName(heldOut + training)
    let held = Set(heldOut.map(\.name))
    let scans = members.reduce(0) { $0 + (held.contains($1.name) ? 0 : $1.scans.count) }
    let step = features == nil ? 1 : max(1, (scans + Self.mostScansWithFeatures - 1) / Self.mostScansWithFeatures)
    var taken = members.indices.map { held.contains(members[$0].name) || $0 % step == 0 }
    // Where few cases have all the scans, those left are too few to learn from.
    if !TextureReference.suffices(zip(members, taken).map { $1 ? $0.scans.count : 0 }) {
      taken = members.map { _ in true }
    }
    let descriptors = try zip(members, taken).map { member, isTaken -> [TextureDescriptor] in
      guard isTaken else { return [] }
      return try member.scans.compactMap { scan in
        guard var descriptor = scan.texture else { return nil }
        descriptor.features = try features?.whole(of: scan)
        return descriptor
      }
    }
    guard let found = TextureReference.crossFitted(to: descriptors, seed: seed) else { return nil }
    let distances = Dictionary(uniqueKeysWithValues: zip(members.map(\.name), found.distances))
    return Texture(
      reference: found.reference, heldOut: heldOut.map { distances[$0.name] ?? [] },
      training: training.compactMap { distances[$0.name] })
  }

  /// The members that are no synthetic cases, in the order of their names. Held-out members never are.
  private static func realByName(_ members: [Member]) -> [Member] {
    members.filter { $0.origins == nil }.sorted { NaturalOrder.precedes($0.name, $1.name) }
  }

  /// Patch edge for these scans: 128, or less where they are smaller.
  package func patchSize(granularity: Int) -> Int {
    let largest = training.flatMap(\.views).map { max($0.image.width, $0.image.height) }.max() ?? Self.grid
    return min(Self.grid, (largest + granularity - 1) / granularity * granularity)
  }
}

extension PreparedImage {
  /// Why nothing can be learned from the scan, in a few words; `nil` where something can. A scan that is scored may
  /// show too little tissue to learn from.
  fileprivate var nothingToLearn: String? {
    switch nothingToScore {
    case nil, .littleTissue:
      guard nothingToScore != nil || scan.tissue.share <= Appearance.leastTissueShare else { return nil }
      return "tissue in \(Int(Appearance.leastTissueShare * 100)) % of the pixels or less"
    case .some(let reason): return "\(reason)"
    }
  }
}
