import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Reporting

/// Compares the heatmaps of a report, and untrained baselines, with masks of abnormal tissue.
package struct Evaluate {
  package struct Settings: Sendable {
    /// Folder of the report.
    package var report: String
    /// Folder of the masks.
    package var masks: String
    /// Model and study, if they have moved since the analysis.
    package var model: String?
    package var study: String?
    /// Channel weights of the plain intensity baseline; `nil` for the model's own, or equal weights.
    package var baselineWeights: [Float]?
    /// Whether to compare every score of the model instead of only the one that the report shows.
    package var takesAllScores = false
    /// How many times cases are resampled for the 95 % intervals.
    package var resamples = 2000
    package var limits = TIFFLimits.default

    package init(report: String, masks: String) {
      self.report = report
      self.masks = masks
    }
  }

  /// The figures of the model and of its baselines.
  package struct Outcome: Encodable, Sendable {
    package struct Row: Encodable, Sendable {
      package var name: String
      package var figures: Evaluation.Figures
      /// By how much the pixel AP of the report is larger; `nil` for the report itself and without resamples.
      package var difference: PairedDifference?
    }

    package var scans = 0
    package var lesionScans = 0
    package var cases = 0
    package var rows: [Row] = []
    package var notes: [String] = []

    /// Compares the first row, the report's, with every other.
    fileprivate mutating func addDifferences() {
      guard let own = rows.first?.figures.pixelAP else { return }
      for k in rows.indices.dropFirst() {
        rows[k].difference = rows[k].figures.pixelAP.flatMap { PairedDifference(own, minus: $0) }
      }
    }
  }

  private let settings: Settings
  private let index: CaseIndex
  private let folder: ReportFolder
  private let study: String
  /// Which files of the study the run took.
  private var selection: StudySelection
  private let model: Model
  private let threshold: Double
  /// What the report's model has not learned, as sentences.
  private let ignorance: [String]
  /// Computes the maps of every score of the model; `nil` where only the report's score is compared.
  private let scorer: Scorer?

  /// Opens the report and the model it was made with.
  package init(_ settings: Settings) throws {
    self.settings = settings
    folder = ReportFolder(settings.report)
    index = try CaseIndex(readingFrom: folder.index)
    guard let run = try index.latestRun() else {
      throw NormaError(subject: settings.report, found: "its index holds no run", remedy: "Run `norma analyze` first")
    }
    let context = try run.context
    threshold = context.threshold
    ignorance = context.ignorance
    let inputs = RecordedInputs(report: settings.report, run: run, record: context.record)
    study = try inputs.study(given: settings.study)
    selection = context.record?.selection ?? StudySelection()
    selection.cases = nil
    let path = try inputs.model(given: settings.model)
    model = try Model(path: path)
    try model.checkAlgorithm(path: path)
    let precision = context.record?.precision ?? model.precision
    scorer =
      settings.takesAllScores
      ? try Scorer(model, path: path, others: model.book.available, engine: try Engine(precision: precision.available))
      : nil
  }

  /// A map that is compared with masks.
  private enum Method: Hashable { case report, score(Score), standardized, plain }

  /// One scan with its mask and all maps that there are of it.
  private struct Compared {
    let caseName: String
    let truth: [Bool]
    let maps: [(method: Method, heat: [Float], score: Double)]
    /// The case's score in the report.
    let caseScore: Double?

    func scan(_ map: (method: Method, heat: [Float], score: Double)) -> Evaluation.Scan {
      Evaluation.Scan(
        caseName: caseName, heat: map.heat, truth: truth, score: map.score,
        caseScore: map.method == .report ? caseScore : nil)
    }
  }

  /// Reads heatmaps, masks and scans, and computes the figures.
  ///
  /// The maps of one case are held at a time. Cases with lesions are read twice: `Evaluation` asks for the heat of all
  /// lesion pixels before it counts.
  package func run() throws -> Outcome {
    let study = try Study(path: self.study, taking: selection)
    var lesions: [Method: Evaluation.LesionHeat] = [:]
    try visit(study, onlyLesions: true) { compared in
      for map in compared.maps { lesions[map.method, default: .init()].add(compared.scan(map)) }
    }
    var result = Outcome()
    var evaluations: [Method: Evaluation] = [:]
    var counts: [Method: Int] = [:]
    let tally = try visit(study, onlyLesions: false) { compared in
      result.scans += 1
      result.lesionScans += compared.truth.contains(true) ? 1 : 0
      for map in compared.maps {
        counts[map.method, default: 0] += 1
        evaluations[
          map.method,
          default: Evaluation(lesions[map.method] ?? .init(), threshold: map.method == .report ? threshold : nil)
        ].add(compared.scan(map))
      }
    }
    guard tally.masked > 0 else {
      throw NormaError(
        subject: settings.masks,
        found: "no mask was found for \(Count.of(result.scans, "scan")); MASKS/CASE/SCAN_mask.tif was expected",
        remedy: "Give the folder that holds the masks of this study")
    }
    guard evaluations.values.allSatisfy(\.isComplete) else {
      throw NormaError(
        .system, subject: settings.report, found: "its heatmaps, or scans or masks, changed while they were read",
        remedy: "Run again when nothing writes to them")
    }
    if let first = tally.unmasked.first {
      result.notes.append(
        Count.of(tally.unmasked.count, "scan has no mask and is taken", "scans have no mask and are taken")
          + " as free of lesions: \(first)" + (tally.unmasked.count == 1 ? "." : " first."))
    }
    if tally.unexamined > 0 {
      result.notes.append(
        "\(Count.of(tally.unexamined, "scan")) failed or had nothing to score in the analysis: no figure counts them.")
    }
    result.notes += ignorance
    result.cases = tally.cases
    func add(_ name: String, _ method: Method) {
      guard let evaluation = evaluations[method] else { return }
      result.rows.append(.init(name: name, figures: evaluation.figures(resamples: settings.resamples)))
    }
    add("norma", .report)
    let lack = result.scans - counts[.plain, default: 0]
    guard lack == 0 else {
      result.notes.append(
        "The baselines are left out: "
          + Count.of(lack, "scan is a slide, was analyzed", "scans are slides, were analyzed")
          + " at another resolution, or \(lack == 1 ? "is" : "are") no longer in \(self.study) as before.")
      return result
    }
    for score in model.book.available {
      let weight = model.book.weights[score].map { String(format: ", weight %.2f", $0) } ?? ""
      add(score.rawValue + weight, .score(score))
    }
    add("untrained, standardized", .standardized)
    add("untrained intensity", .plain)
    result.addDifferences()
    return result
  }

  /// Compares the scans of the report one case after the other.
  ///
  /// - Parameter onlyLesions: whether scans without a lesion are left out.
  /// - Returns: how many scans have a mask, the paths of those that have none, the number of cases, and
  ///   the number of scans that the analysis did not score.
  @discardableResult
  private func visit(
    _ study: Study, onlyLesions: Bool, each: (Compared) throws -> Void
  ) throws -> (masked: Int, unmasked: [String], cases: Int, unexamined: Int) {
    let files = Dictionary(uniqueKeysWithValues: study.cases.map { ($0.name, $0) })
    var tally = (masked: 0, unmasked: [String](), cases: 0, unexamined: 0)
    for row in try index.cases(sort: .name) {
      let recorded = try index.scans(of: row.id)
      if !onlyLesions { tally.unexamined += recorded.count { $0.status != .done } }
      var found: [(scan: ScanRow, heat: Image, score: Double, truth: [Bool])] = []
      for scan in recorded {
        guard let heatmapPath = scan.heatmapPath, let score = scan.score else { continue }
        let heat = try TIFFFile(path: folder.file(heatmapPath), limits: settings.limits).image(page: 1)
        let truth = try truth(of: scan, among: recorded, width: heat.width, height: heat.height)
        if truth == nil { tally.unmasked.append(scan.path) } else { tally.masked += 1 }
        guard !onlyLesions || truth?.contains(true) == true else { continue }
        found.append((scan, heat, score, truth ?? [Bool](repeating: false, count: heat.samples.count)))
      }
      guard !found.isEmpty else { continue }
      tally.cases += 1
      let others = try otherMaps(of: files[row.name], in: study)
      for item in found {
        let key = "\(item.scan.path) \(item.scan.page ?? 0)"
        let fitting = (others[key] ?? []).filter {
          $0.map.heatmap.width == item.heat.width && $0.map.heatmap.height == item.heat.height
        }
        try each(
          Compared(
            caseName: row.name, truth: item.truth,
            maps: [(.report, item.heat.samples, item.score)]
              + fitting.map { ($0.method, $0.map.heatmap.values, $0.map.score) }, caseScore: row.score))
      }
    }
    return tally
  }

  /// The maps of the baselines, and of the model's scores where they are asked for, by path and page of the scan.
  private func otherMaps(
    of item: Study.Case?, in study: Study
  ) throws -> [String: [(method: Method, map: ScoredHeatmap)]] {
    guard let item else { return [:] }
    let all = study.scans(of: item, reading: model.preparation.reading(limits: settings.limits))
    let readable = zip(all, all.slicePlaces).filter { $0.0.image != nil }
    let sources = readable.map(\.0)
    let images = sources.compactMap(\.image)
    let scores =
      try scorer?.heatmaps(
        by: model.book.available, of: images,
        prepared: model.preparation.prepare(images).at(readable.map(\.1))) ?? []
    let baseline = BaselineScores(model: model, weights: settings.baselineWeights).scores(of: images)
    return sources.indices.reduce(into: [:]) { result, k in
      result["\(sources[k].path) \(sources[k].page ?? 0)"] =
        [(.plain, baseline.plain[k]), (.standardized, baseline.standardized[k])]
        + (scores.indices.contains(k) ? scores[k].map { (.score($0.key), $0.value) } : [])
    }
  }

  /// Which pixels of a scan's heatmap are lesion; `nil` if the scan has no mask.
  private func truth(of scan: ScanRow, among recorded: [ScanRow], width: Int, height: Int) throws -> [Bool]? {
    guard let path = maskPath(of: scan.path, page: scan.page) else { return nil }
    return try lesionPixels(
      in: path, page: scan.page,
      ordinal: recorded.filter { $0.path == scan.path }.firstIndex { $0.page == scan.page }, width: width,
      height: height, full: (scan.width ?? width, scan.height ?? height))
  }

  private func maskPath(of scan: String, page: Int?) -> String? {
    let folder = FilePath.folder(of: scan)
    let stem = FilePath.withoutEnding(FilePath.name(of: scan))
    for name in ["\(stem)_mask", "\(stem).mask", "\(stem)-mask", stem] {
      for ending in ["tif", "tiff", "TIF", "TIFF"] {
        for base in [folder, stem] {
          let path = [settings.masks, base, "\(name).\(ending)"].filter { !$0.isEmpty }.joined(separator: "/")
          if FileManager.default.fileExists(atPath: path) { return path }
        }
      }
    }
    return nil
  }

  /// - Parameter ordinal: zero-based position of the scan among the scans of its file.
  private func lesionPixels(
    in path: String, page: Int?, ordinal: Int?, width: Int, height: Int, full: (width: Int, height: Int)
  ) throws -> [Bool] {
    let file = try TIFFFile(path: path, limits: settings.limits)
    // A stack has a stack of masks, one page per scan. A single mask belongs to a single scan.
    let number = page == nil || file.pages.count == 1 ? 1 : (ordinal ?? 0) + 1
    guard file.pages.indices.contains(number - 1) else {
      throw NormaError(
        subject: path,
        found: "the mask has \(Count.of(file.pages.count, "page")), scan \(number) of its stack has none",
        remedy: "Export a mask a scan")
    }
    let image = try file.image(page: number)
    guard (image.width, image.height) == (width, height) || (image.width, image.height) == full else {
      let other = full == (width, height) ? "" : ", its heatmap \(width) x \(height)"
      throw NormaError(
        subject: path,
        found: "the mask is \(image.width) x \(image.height) pixels, its scan \(full.width) x \(full.height)\(other)",
        remedy: "Export the mask at the scan's size" + (other.isEmpty ? "" : " or the heatmap's"))
    }
    let largest = (0..<image.width * image.height).reduce(Float(0)) { max($0, image.samples[$1 * image.channels]) }
    // A heatmap smaller than its scan is compared with the mask at the centers of its pixels.
    return (0..<width * height).map { pixel in
      let x = (2 * (pixel % width) + 1) * image.width / (2 * width)
      let y = (2 * (pixel / width) + 1) * image.height / (2 * height)
      return largest > 0 && image.samples[(y * image.width + x) * image.channels] > largest / 2
    }
  }
}
