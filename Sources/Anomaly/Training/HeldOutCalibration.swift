import Compute
import Files
import Foundation
import Numerics
import Threads

/// Calibrates a trained network on the held-out healthy cases: the meaning of its scores, and references for latents
/// and for the appearance of cases.
struct HeldOutCalibration {
  let book: ScoreBook
  /// Calibrations of all scores in `book`.
  let calibrations: [Score: Calibration]
  let latents: LatentReference
  let domain: DomainReference
  /// `nil` where no texture was measured.
  let texture: TextureReference?
  /// Names of the held-out cases that look as most do, and warnings about the others.
  private let usual: [String]
  private let oddities: [String]

  /// With fewer healthy cases, no case can be flagged at a false-positive rate of 5 %.
  private static let fewestCases = 19

  /// - Parameters:
  ///   - network: the network with the chosen weights.
  ///   - scoreNetwork: network of the learned score, if the model has one.
  ///   - spread: the likelihood's spread as estimated in training, one number per channel.
  ///   - planted: planted lesions, by which the scores of the ensemble are chosen.
  ///   - features: what says how unusual features are, if the model has that score.
  ///   - progress: called after every held-out slide with the number of its case and the number of all cases.
  init(
    of network: VAE, scoreNetwork: ScoreNetwork?, on set: TrainingSet, settings: TrainingSettings, spread: [Float],
    planted: PlantedScans, features: LocalFeatures?, progress: (Int, Int) throws -> Void
  ) throws {
    // Computing gradients over a slide would take longer than the training did.
    let hasSlides = set.heldOut.contains { !$0.slides.isEmpty }
    let inference = Inference(
      network: network, scoreNetwork: scoreNetwork, preparation: set.preparation, settings: settings.inference,
      takesGradient: !hasSlides,
      restoration: hasSlides
        ? nil
        : Restoration(objective: settings.objective, spread: spread, range: set.preparation.normalization.range),
      features: features)
    let views = set.heldOut.flatMap(\.views)
    let maps = try inference.maps(of: views)
    latents = LatentReference(
      training: try inference.encodings(of: set.training.flatMap(\.views)),
      heldOut: maps.map(\.encoding).divided(into: set.heldOut.map(\.views.count)).map { $0.filter { !$0.isEmpty } })
    domain = DomainReference(of: set, heldOutMaps: maps, latents: latents)
    let texture = try set.texture(seed: settings.seed, features: features)
    let shift = DomainShift(domain)
    let odd = texture == nil ? shift?.odd ?? [] : []
    let names = set.heldOut.map(\.name)
    usual = names.indices.filter { !odd.contains($0) }.map { names[$0] }
    oddities = odd.sorted().compactMap { shift?.warning(ofHeldOut: $0, named: names[$0]) }

    let fitted = Fitted(to: set.heldOut, without: odd, maps: maps)
    book = try ScoreBook(
      healthy: fitted.groups, maps: fitted.maps, planted: planted.scans,
      plantedMaps: try inference.maps(of: planted.scans), lesions: planted.lesions, rule: settings.rule,
      followsSlices: set.hasNeighbours, sharesUnits: views.allSatisfy { $0.sharedUnits != nil })
    self.texture = texture?.reference
    calibrations = try Self.calibrations(
      of: set.heldOut, by: book, books: Self.crossFitted(book, to: set.heldOut, without: odd, maps: maps),
      texture: texture,
      detection: texture == nil ? [:] : Self.detection(of: planted, by: book, inference: inference), odd: odd,
      inference: inference, maps: maps, progress: progress)
  }

  /// The held-out scans that a book is fitted to, with their maps.
  private struct Fitted {
    let groups: [[PreparedScan]]
    let maps: [InferenceMaps]

    /// - Parameters:
    ///   - odd: indices of cases that are left out.
    ///   - maps: maps of the views of all cases, in order.
    init(to cases: [TrainingSet.Member], without odd: Set<Int>, maps: [InferenceMaps]) {
      let maps = maps.divided(into: cases.map(\.views.count))
      let chosen = cases.indices.filter { !odd.contains($0) }
      groups = chosen.flatMap { cases[$0].groups }
      self.maps = chosen.flatMap { maps[$0] }
    }
  }

  /// Warnings for the user, as sentences.
  var warnings: [String] {
    let count = calibrations[.ensemble]?.caseScores.count ?? usual.count
    guard count >= Self.fewestCases else {
      let smallest = 100 / Double(count + 1)
      let kind = texture == nil ? "held-out case" : "healthy case"
      return oddities + [
        "Calibrated on \(Count.of(count, kind)): no case can be flagged at a false-positive rate below "
          + String(format: smallest < 10 ? "%.1f %%. " : "%.0f %%. ", smallest)
          + "\(Count.of(Self.fewestCases, kind)) are needed for 5 %."
      ]
    }
    return oddities + [calibrations[.ensemble]?.outlier(among: usual)].compactMap { $0 }
  }

  /// The held-out cases are divided among so many books, where there are enough of them to fit a book to the rest.
  private static let folds = 5
  private static let fewestCrossFitted = 10

  /// For each held-out case a book that was fitted to other held-out cases; `nil` where these are too few, or all are
  /// slides. A case would lie within the tails that its own pixels shape; a new case does not shape them, and scores
  /// higher on average.
  ///
  /// - Parameter odd: indices of the cases that no book is fitted to; theirs is `book`. Were they in some of the books,
  ///   the cases scored by the others would seem more abnormal.
  private static func crossFitted(
    _ book: ScoreBook, to heldOut: [TrainingSet.Member], without odd: Set<Int>, maps: [InferenceMaps]
  ) throws -> [ScoreBook]? {
    let usual = heldOut.indices.filter { !odd.contains($0) }
    guard heldOut.count >= Self.fewestCrossFitted, usual.contains(where: { !heldOut[$0].scans.isEmpty }) else {
      return nil
    }
    var result = [ScoreBook](repeating: book, count: heldOut.count)
    for fold in 0..<folds {
      let own = usual.indices.filter { $0 % folds == fold }.map { usual[$0] }
      let fitted = Fitted(to: heldOut, without: odd.union(own), maps: maps)
      let other = try book.refitted(to: fitted.groups, maps: fitted.maps)
      for k in own { result[k] = other }
    }
    return result
  }

  /// - Parameters:
  ///   - books: the book by which the scans of each case get their scores; `nil` takes `book`. Levels and masses of
  ///     regions, and the growth of scores with the number of scans, are those by `book`.
  ///   - odd: indices of the held-out cases that look unlike all others.
  ///   - maps: the network's maps of all views of the held-out cases, in order.
  private static func calibrations(
    of heldOut: [TrainingSet.Member], by book: ScoreBook, books: [ScoreBook]?, texture: TrainingSet.Texture?,
    detection: [Score: Double], odd: Set<Int>, inference: Inference, maps: [InferenceMaps],
    progress: (Int, Int) throws -> Void
  ) throws -> [Score: Calibration] {
    var extremes: [Score: [[ScanExtremes]]] = [:]
    var scores: [Score: [[Double]]] = [:]
    for score in book.available {
      extremes[score] = heldOut.map { _ in [] }
      scores[score] = heldOut.map { _ in [] }
    }
    let slideScorer = SlideScorer(book: book, scores: book.available)
    var next = 0
    for (k, member) in heldOut.enumerated() {
      try Interruption.check()
      let own = Array(maps[next..<next + member.scans.count])
      next += member.scans.count
      for (scan, heats) in zip(member.scans, book.heatmaps(book.available, of: member.scans, maps: own)) {
        for (score, heat) in heats { extremes[score]![k].append(ScanExtremes(of: heat, in: scan)) }
      }
      if let books {
        for (scan, heats) in zip(member.scans, books[k].heatmaps(book.available, of: member.scans, maps: own)) {
          for (score, heat) in heats { scores[score]![k].append(ScanScore(of: heat, in: scan).value) }
        }
      }
      for slide in member.slides {
        let found = try slideScorer.extremes(
          of: slide, fieldMaps: Array(maps[next..<next + slide.fields.count]), by: inference)
        for score in book.available {
          extremes[score]![k].append(found[score]!)
          // To stream a slide again would take as long as the networks took.
          scores[score]![k].append(found[score]!.score)
        }
        next += slide.fields.count
        try progress(k + 1, heldOut.count)
      }
    }
    let slides = heldOut.reduce(0) { $0 + $1.slides.count }
    return extremes.reduce(into: [:]) { result, item in
      result[item.key] = Calibration(
        extremes: item.value, scores: books == nil ? nil : scores[item.key], textures: texture?.heldOut,
        otherTextures: texture?.training ?? [], detection: detection[item.key] ?? 1, slides: slides, odd: odd)
    }
  }

  /// By score, how well its scan scores tell patches with planted lesions from the same patches without: AUROC, in 0...1.
  private static func detection(
    of planted: PlantedScans, by book: ScoreBook, inference: Inference
  ) throws -> [Score: Double] {
    let scans = planted.clean + planted.scans
    let maps = try inference.maps(of: scans)
    let truth = scans.indices.map { $0 >= planted.clean.count }
    var scores: [Score: [Float]] = [:]
    for (scan, maps) in zip(scans, maps) {
      for (score, heat) in book.heatmaps(book.available, of: scan, maps: maps) {
        scores[score, default: []].append(Float(ScanScore(of: heat, in: scan).value))
      }
    }
    return scores.compactMapValues { Metrics.Ranking(scores: $0, truth: truth).auroc }
  }
}

extension DomainReference {
  /// Measures how the cases of a training set look.
  ///
  /// - Parameter maps: the trained network's maps of the held-out cases' views, in order.
  fileprivate init(of set: TrainingSet, heldOutMaps maps: [InferenceMaps], latents: LatentReference) {
    var next = 0
    let heldOut = set.heldOut.map { member in
      let groups = member.groups.map { group in
        group.compactMap { scan in
          defer { next += 1 }
          return scan.appearance(maps: maps[next], latents: latents)
        }
      }
      return member.appearance(of: groups)
    }
    self.init(
      channels: set.preparation.channels, training: set.training.map(\.appearance), heldOut: heldOut)
  }
}
