import Anomaly
import Files
import Foundation
import Generation
import Imaging

/// The page of one model, or of several side by side: its training data, the course of its training, and the effects of
/// its latents.
package struct ModelPage {
  /// A model with the pictures that were drawn from it.
  package struct Subject: Sendable {
    let name: String
    let model: Model
    let samples: String
    let strips: String
    let traversals: [Traversal]

    /// - Parameters:
    ///   - samples: path, relative to the page, of the picture of draws from the prior.
    ///   - strips: path, relative to the page, of the picture of `traversals`, with one row for each traversal.
    package init(name: String, model: Model, samples: String, strips: String, traversals: [Traversal]) {
      self.name = name
      self.model = model
      self.samples = samples
      self.strips = strips
      self.traversals = traversals
    }
  }

  private let content: Content

  private struct Content: Sendable {
    let title: String
    let verdict: String
    let names: [String]
    let isComparison: Bool
    let facts: [Row]
    let models: [Section]
    let style = ReportFolder.style
  }

  private struct Row: Sendable {
    let name: String
    let values: [String]
  }

  private struct Section: Sendable {
    let name: String
    let anchor: String
    let isNamed: Bool
    let warnings: [String]
    let curves: [Curve]
    let latents: [Latent]
    let latentVerdict: String
    let calibration: Calibration?
    let maps: [LatentMap]
    let mapLabel: String
    let samples: String
    let strips: String
    let moves: [Move]
  }

  private struct LatentMap: Sendable {
    let title: String
    let places: [Place]
  }

  private struct Place: Sendable {
    let x: String
    let y: String
    let color: String
    let name: String
  }

  private struct Curve: Sendable {
    let title: String
    let points: String
    let first: String
    let last: String
    let low: String
    let high: String
    let label: String
  }

  private struct Latent: Sendable {
    let number: Int
    let place: String
    let nats: String
    let width: String
    let activity: String
    let isActive: Bool
  }

  private struct Calibration: Sendable {
    let points: [Point]
    let threshold: String?
    let label: String
    let low: String
    let high: String
  }

  private struct Point: Sendable {
    let x: String
    let y: String
  }

  private struct Move: Sendable {
    let number: Int
    let name: String
  }

  /// - Parameter rate: the false-positive rate whose threshold is marked among the healthy scores.
  package init(_ subjects: [Subject], rate: Double = 0.05) {
    let names = subjects.map(\.name)
    content = Content(
      title: names.joined(separator: " and "), verdict: subjects.map(Self.verdict).joined(separator: " – "),
      names: names, isComparison: subjects.count > 1, facts: Self.facts(subjects.map(\.model)),
      models: subjects.enumerated().map { number, subject in
        Self.section(subject, number: number + 1, isNamed: subjects.count > 1, rate: rate)
      })
  }

  /// Writes the page and its style into an existing folder.
  package func write(to folder: String) throws(NormaError) {
    do {
      try FileManager.default.createDirectory(atPath: folder + "/assets", withIntermediateDirectories: true)
      try AtomicFile.write(Array(PageTemplate.style), to: "\(folder)/\(ReportFolder.style)")
      try AtomicFile.write(Array(PageTemplate.model.page(content)), to: folder + "/index.html")
    } catch { throw .writing(folder, error) }
  }

  // MARK: - Words

  /// The facts of model files as text, with one line per fact and one column per model.
  package static func text(_ models: [(name: String, model: Model)]) -> String {
    let rows = [Row(name: "", values: models.map(\.name))] + facts(models.map(\.model))
    let widths = models.indices.map { k in rows.map { $0.values[k].count }.max() ?? 0 }
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let lines = rows.map { row in
      padded(row.name, 26) + zip(row.values, widths).map { padded($0, $1 + 3) }.joined()
    }
    let warnings = models.flatMap { subject in
      subject.model.record.allWarnings.map { (models.count > 1 ? "\(subject.name): " : "") + "warning: " + $0 }
    }
    return (lines.map { $0.replacing(/\s+$/, with: "") } + warnings).joined(separator: "\n")
  }

  private static func verdict(_ subject: Subject) -> String {
    guard subject.model.record.knowledge.warnings.isEmpty else { return "Has not learned enough; see the warnings" }
    let dimensions = subject.model.latentDimensions
    let active = dimensions.count(where: \.isActive)
    return "\(active) of \(Count.of(dimensions.count, "latent channel")) in use"
  }

  private static func facts(_ models: [Model]) -> [Row] {
    func row(_ name: String, _ value: (Model) -> String) -> Row { Row(name: name, values: models.map(value)) }
    return [
      row("Trained on") {
        "\(Count.of($0.record.trainingCases, "case")), \($0.record.heldOutCases.count) held out"
      },
      row("Training") {
        "\(PageText.number($0.record.minutes, digits: 1)) min, \(Count.of($0.record.steps, "step")), the score \($0.record.scoreSteps)"
      },
      row("Seed, precision") { "\($0.record.seed), \(($0.record.precision ?? .float32).rawValue)" },
      row("Scans") {
        "\(Count.of($0.preparation.channels, "channel")), \($0.preparation.gridDescription)"
      },
      row("Normalization") {
        "\($0.preparation.normalization.method), by \($0.preparation.normalization.scope.rawValue)"
      },
      row("Tissue") {
        switch $0.preparation.tissueAppearance ?? .bright {
        case .bright: "what is brighter than its background"
        case .stained: "what is colored, or darker than glass"
        case .everywhere: "every pixel with data"
        }
      },
      row("Objective") {
        "\($0.record.objective.kind.rawValue), \($0.record.objective.likelihood.rawValue) likelihood"
      },
      row("Patches") { "\($0.architecture.patchSize) × \($0.architecture.patchSize) px" },
      row("Parameters") { model in "\(model.weights.values.reduce(0) { $0 + $1.values.count })" },
      row("Latent channels in use") {
        "\($0.latentDimensions.count(where: \.isActive)) of \($0.latentDimensions.count)"
      },
      row("Information") {
        "\(PageText.number($0.record.divergences.joined().reduce(0, +), digits: 0)) nats a patch"
      },
      row("Held-out encodings") { model in
        guard let latents = model.latents else { return "–" }
        let distances = latents.heldOut.joined().map(latents.distance).sorted()
        guard !distances.isEmpty else { return "–" }
        func quantile(_ share: Double) -> String {
          PageText.number(distances[Int(share * Double(distances.count - 1))], digits: 1)
        }
        return "\(quantile(0.5)) standard deviations from the training scans' (median), \(quantile(0.95)) (95 %)"
      },
      row("Steps") { model in
        let knowledge = model.record.knowledge
        func text(_ steps: ModelKnowledge.Steps) -> String { "\(steps.taken), \(steps.needed) needed" }
        return text(knowledge.steps) + (knowledge.scoreSteps.map { "; the score \(text($0))" } ?? "")
      },
      row("Held-out tissue") { model in
        let knowledge = model.record.knowledge
        let explained = knowledge.explained.overall.map { "R² \(PageText.number($0))" } ?? "R² not defined"
        let bound = knowledge.spreadAtBound.map { shares in
          ", spread at its bound \(shares.map(PageText.percent).joined(separator: ", "))"
        }
        return explained + (bound ?? "")
      },
      row("Planted lesions found") { model in
        let found = model.book.planted[.ensemble].map { PageText.number($0, digits: 3) } ?? "–"
        let intensity = PageText.number(model.record.knowledge.planted.intensity, digits: 3)
        return "average precision \(found), intensity alone \(intensity)"
      },
      row("Score") { model in
        model.book.weights.sorted { ($0.value, $1.key.rawValue) > ($1.value, $0.key.rawValue) }
          .map { "\(PageText.percent(Double($0.value))) \($0.key.rawValue)" }.joined(separator: ", ")
      },
      row("Neighbouring slices") { $0.book.slicesSummary },
      row("Channels given each other") { $0.expectationSummary ?? "not predicted" },
      row("Texture of whole scans") { $0.textureSummary ?? "not measured" },
      row("Features of photographs") { $0.featureSummary },
      row("Tail of healthy pixels") { tail($0.book.tail(of: .ensemble)) },
      row("Tail of healthy regions") { $0.calibrations[.ensemble].map(regionTail) ?? "–" },
      row("Training set SHA-256") { $0.record.trainingSetSHA256 },
      row("Made by") { "norma \($0.record.toolVersion), \($0.record.compute)" },
    ]
  }

  private static func tail(_ tail: PixelTail) -> String {
    let fit = "\(Count.of(tail.peaks, "peak")), fit p \(PageText.pValue(tail.fitP))"
    let reach = PageText.number(tail.reach, digits: 1)
    return tail.isUsed
      ? "generalized Pareto, shape \(PageText.number(tail.shape)), \(fit), trusted up to z \(reach)"
      : "not used (\(fit)): z beyond \(reach) only orders"
  }

  private static func regionTail(_ calibration: Anomaly.Calibration) -> String {
    let tail = calibration.massTail
    let fit = "\(Count.of(tail.excesses, "case")), fit p \(PageText.pValue(tail.fitP))"
    let least = String(format: "%.2g", calibration.smallestRegionPValue)
    return tail.isUsed
      ? "exponential in log mass, \(fit), p-values down to \(least)" : "not used (\(fit)): p-values down to \(least)"
  }

  // MARK: - Figures

  private static func section(_ subject: Subject, number: Int, isNamed: Bool, rate: Double) -> Section {
    let model = subject.model
    let dimensions = model.latentDimensions
    let most = max(dimensions.map(\.divergence).max() ?? 1, 1e-9)
    let warning = Collapse.warning(divergences: model.record.divergences, activity: model.record.activity ?? [])
    return Section(
      name: subject.name, anchor: "model-\(number)", isNamed: isNamed, warnings: model.record.allWarnings,
      curves: curves(model.record.history ?? []),
      latents: dimensions.map { d in
        Latent(
          number: d.number, place: "\(d.cell) px", nats: PageText.number(d.divergence, digits: 1),
          width: PageText.number(100 * d.divergence / most, digits: 2) + "%",
          activity: d.activity.map { PageText.number($0, digits: 3) } ?? "–", isActive: d.isActive)
      },
      latentVerdict: warning
        ?? "No collapse: \(dimensions.count(where: \.isActive)) of \(Count.of(dimensions.count, "channel")) say something about a patch.",
      calibration: calibration(model, rate: rate), maps: maps(of: model),
      mapLabel: mapLabel(of: model), samples: subject.samples,
      strips: subject.strips,
      moves: subject.traversals.map { Move(number: $0.dimension.number, name: $0.name) })
  }

  private static func curves(_ history: [Model.Record.Check]) -> [Curve] {
    guard history.count > 1 else { return [] }
    let figures: [(String, (Model.Record.Check) -> Double?)] = [
      ("Average precision on planted lesions", { $0.plantedAveragePrecision }),
      ("Held-out loss, nats a value", { $0.heldOutLoss }),
      ("Held-out reconstruction, nats a value", { $0.reconstruction }),
      ("Held-out divergence, nats a patch", { $0.divergence }),
      ("Learning rate", { $0.learningRate.map(Double.init) }),
    ]
    return figures.compactMap { title, value in
      let known = history.compactMap { check in value(check).map { (step: check.step, value: $0) } }
      guard known.count > 1, let low = known.map(\.value).min(), let high = known.map(\.value).max() else { return nil }
      let last = Double(known.last!.step)
      let points = known.map { point in
        let x = 2 + 296 * Double(point.step) / max(last, 1)
        let y = 4 + 92 * (high - point.value) / max(high - low, 1e-12)
        return "\(PageText.number(x, digits: 1)),\(PageText.number(y, digits: 1))"
      }
      func text(_ value: Double) -> String { String(format: "%.3g", value) }
      return Curve(
        title: title, points: points.joined(separator: " "), first: "step \(known[0].step)",
        last: "step \(known.last!.step)",
        low: text(low), high: text(high),
        label: "\(title): from \(text(known[0].value)) to \(text(known.last!.value)) over "
          + Count.of(known.last!.step, "step"))
    }
  }

  /// Degrees of hue between one case and the next. The golden angle gives consecutive cases very different hues.
  private static let goldenAngle = 137.508

  /// The most points on a map. More could not be told apart, and the neighbour embedding would take too long.
  private static let mostPlaces = 1000

  private static func maps(of model: Model) -> [LatentMap] {
    guard let latents = model.latents, let principal = latents.map else { return [] }
    let step = max(1, (principal.joined().count + mostPlaces - 1) / mostPlaces)
    var points: [(caseNumber: Int, encoding: [Double], place: SIMD2<Double>)] = []
    var next = 0
    for (k, scans) in latents.heldOut.enumerated() {
      for (j, encoding) in scans.enumerated() {
        if next % step == 0 { points.append((k, encoding.map(Double.init), principal[k][j])) }
        next += 1
      }
    }
    func map(_ title: String, _ places: [SIMD2<Double>]) -> LatentMap {
      let (low, high) = places.reduce((places[0], places[0])) { (pointwiseMin($0.0, $1), pointwiseMax($0.1, $1)) }
      let size = max((high - low).max(), 1e-9)
      let names = model.record.heldOutCases
      return LatentMap(
        title: title,
        places: zip(points, places).map { point, place in
          let shifted = (place - (low + high) / 2) / size
          let hue = Int((Double(point.caseNumber) * goldenAngle).truncatingRemainder(dividingBy: 360))
          return Place(
            x: PageText.number(150 + 284 * shifted.x, digits: 1), y: PageText.number(150 - 284 * shifted.y, digits: 1),
            color: "hsl(\(hue) 65% 50%)", name: point.caseNumber < names.count ? names[point.caseNumber] : "")
        })
    }
    let plain = points.map(\.place)
    return [map("The two directions of most variation", plain)]
      + (points.count >= 4
        ? [map("Neighbours kept together (t-SNE)", NeighbourEmbedding.places(of: points.map(\.encoding), from: plain))]
        : [])
  }

  private static func mapLabel(of model: Model) -> String {
    let cases = model.latents?.heldOut ?? []
    return
      "Encodings of \(Count.of(cases.joined().count, "held-out scan")) of \(Count.of(cases.count, "case")), a "
      + "color a case"
  }

  /// The plot of the share of healthy cases that score at most x, over the score x.
  private static func calibration(_ model: Model, rate: Double) -> Calibration? {
    guard let scores = model.calibrations[.ensemble]?.caseScores, let low = scores.first, let high = scores.last else {
      return nil
    }
    let width = max(high - low, 1e-9)
    func x(_ score: Double) -> String { PageText.number(4 + 292 * (score - low) / width, digits: 1) }
    let threshold = model.calibrations[.ensemble]!.caseThreshold(rate: rate)
    return Calibration(
      points: scores.enumerated().map { k, score in
        Point(x: x(score), y: PageText.number(94 - 86 * Double(k + 1) / Double(scores.count), digits: 1))
      }, threshold: threshold <= high ? x(threshold) : nil,
      label: "Scores of \(Count.of(scores.count, "healthy case")), from \(PageText.number(low)) to "
        + "\(PageText.number(high)); flagged above \(PageText.number(threshold)) at a rate of \(PageText.percent(rate))",
      low: PageText.number(low), high: PageText.number(high))
  }
}
