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
  private let model: Model
  private let threshold: Double
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
    study = settings.study ?? run.studyPath
    guard let path = settings.model ?? context.record?.model else {
      throw NormaError(
        subject: settings.report, found: "it was written by an older norma, which does not say what model made it",
        remedy: "Give --model")
    }
    model = try Model(path: path)
    let precision = context.record?.precision ?? model.precision
    scorer =
      settings.takesAllScores
      ? try Scorer(model, path: path, others: model.book.available, engine: try Engine(precision: precision.available))
      : nil
  }

  /// Reads heatmaps, masks and scans, and computes the figures.
  package func run() throws -> Outcome {
    var result = Outcome()
    var found: [Evaluation.Scan] = []
    var standardized: [Evaluation.Scan] = []
    var plain: [Evaluation.Scan] = []
    var byScore: [Score: [Evaluation.Scan]] = [:]
    var missing: [String] = []
    var masked = 0
    let study = try Study(path: self.study)
    let files = Dictionary(uniqueKeysWithValues: study.cases.map { ($0.name, $0) })
    for row in try index.cases(sort: .name) {
      let sources =
        files[row.name].map { study.scans(of: $0, reading: model.preparation.reading(limits: settings.limits)) } ?? []
      let images = sources.compactMap(\.image)
      let names = sources.filter { $0.image != nil }.map { "\($0.path) \($0.page ?? 0)" }
      let others =
        try scorer?.heatmaps(
          by: model.book.available, of: images, prepared: model.preparation.prepare(images)) ?? []
      let baseline = BaselineScores(model: model, weights: settings.baselineWeights).scores(of: images)
      let recorded = try index.scans(of: row.id)
      for scan in recorded {
        guard let heatmapPath = scan.heatmapPath, let score = scan.score else { continue }
        let heat = try TIFFFile(path: folder.file(heatmapPath), limits: settings.limits).image(page: 1)
        let truth: [Bool]
        if let path = maskPath(of: scan.path, page: scan.page) {
          truth = try lesionPixels(
            in: path, page: scan.page,
            ordinal: recorded.filter { $0.path == scan.path }.firstIndex { $0.page == scan.page },
            width: heat.width, height: heat.height, full: (scan.width ?? heat.width, scan.height ?? heat.height))
          masked += 1
        } else {
          truth = [Bool](repeating: false, count: heat.samples.count)
          missing.append(scan.path)
        }
        found.append(Evaluation.Scan(caseName: row.name, heat: heat.samples, truth: truth, score: score))
        guard let k = names.firstIndex(of: "\(scan.path) \(scan.page ?? 0)"),
          baseline.plain[k].width == heat.width, baseline.plain[k].height == heat.height
        else { continue }
        func add(_ map: Heatmap, to list: inout [Evaluation.Scan]) {
          list.append(Evaluation.Scan(caseName: row.name, heat: map.values, truth: truth, score: map.score))
        }
        add(baseline.plain[k], to: &plain)
        if others.indices.contains(k) {
          for (score, map) in others[k] { add(map, to: &byScore[score, default: []]) }
        }
        add(baseline.standardized[k], to: &standardized)
      }
    }
    guard masked > 0 else {
      throw NormaError(
        subject: settings.masks,
        found: "no mask fits any of the \(found.count) scans; MASKS/CASE/SCAN_mask.tif was expected",
        remedy: "Give the folder that holds the masks of this study")
    }
    if !missing.isEmpty {
      result.notes.append(
        missing.count == 1
          ? "1 scan has no mask and is taken as free of lesions: \(missing[0])."
          : "\(missing.count) scans have no mask and are taken as free of lesions, \(missing[0]) first.")
    }
    result.scans = found.count
    result.lesionScans = found.count { $0.truth.contains(true) }
    result.cases = Set(found.map(\.caseName)).count
    result.rows.append(
      .init(name: "norma", figures: Evaluation.figures(of: found, threshold: threshold, resamples: settings.resamples)))
    guard plain.count == found.count else {
      result.notes.append(
        "The baselines are left out: \(found.count - plain.count) scans are slides, were analyzed at another resolution, or are no longer in \(self.study) as they were."
      )
      return result
    }
    for score in model.book.available where byScore[score] != nil {
      let weight = model.book.weights[score].map { String(format: ", weight %.2f", $0) } ?? ""
      result.rows.append(
        .init(
          name: score.rawValue + weight,
          figures: Evaluation.figures(of: byScore[score]!, threshold: nil, resamples: settings.resamples)))
    }
    result.rows.append(
      .init(
        name: "untrained, standardized",
        figures: Evaluation.figures(of: standardized, threshold: nil, resamples: settings.resamples)))
    result.rows.append(
      .init(
        name: "untrained intensity",
        figures: Evaluation.figures(of: plain, threshold: nil, resamples: settings.resamples)))
    result.addDifferences()
    return result
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
        subject: path, found: "the mask has \(file.pages.count) pages, scan \(number) of its stack has none",
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
