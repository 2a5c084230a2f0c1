import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Reporting

/// Compares the heatmaps and verdicts of a report, and untrained baselines, with masks of abnormal tissue and with a
/// table of abnormal cases.
package struct Evaluate {
  package struct Settings: Sendable {
    /// Folder of the report.
    package var report: String
    /// Folder of the masks; `nil` where only `labels` say what is abnormal.
    package var masks: String?
    /// Table of cases, see `CaseLabels`.
    package var labels: String?
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

    package init(report: String, masks: String? = nil) {
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

    /// Figures over the cases with one value of a covariate.
    package struct Group: Encodable, Sendable {
      package var covariate: String
      package var value: String
      package var cases: Int
      package var figures: Evaluation.Figures
    }

    package var scans = 0
    /// Whether lesions were delineated at all.
    package var hasMasks = true
    package var lesionScans = 0
    package var cases = 0
    /// Share of healthy cases that were to be flagged, in 0...1.
    package var promisedRate = 0.0
    package var rows: [Row] = []
    package var groups: [Group] = []
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
  private let rate: Double
  private let labels: CaseLabels?
  private let masks: LesionMasks?
  /// Limits for masks and heatmaps.
  private let pictureLimits: TIFFLimits
  /// What the report's model has not learned, as sentences.
  private let ignorance: [String]
  /// Whether its results are those of one complete run, as sentences.
  private let standing: [String]
  /// Computes the maps of every score of the model; `nil` where only the report's score is compared.
  private let scorer: Scorer?

  /// Opens the report and the model it was made with.
  package init(_ settings: Settings) throws {
    self.settings = settings
    guard settings.masks != nil || settings.labels != nil else {
      throw NormaError(
        subject: settings.report, found: "nothing says which of its cases are abnormal",
        remedy: "Give --masks, --labels, or both")
    }
    // What means no data in scans is a value of masks and heatmaps.
    var pictureLimits = settings.limits
    pictureLimits.stated = .ignoringNotes
    self.pictureLimits = pictureLimits
    masks = settings.masks.map { [pictureLimits] in LesionMasks(folder: $0, limits: pictureLimits) }
    labels = try settings.labels.map { path throws(NormaError) in try CaseLabels(path: path) }
    if let path = settings.labels, settings.masks == nil, labels?.hasLabels == false {
      throw NormaError(
        subject: path, found: "it has no column \"abnormal\", and there are no masks",
        remedy: "Add the column, 1 for abnormal cases and 0 for healthy ones, or give --masks")
    }
    folder = ReportFolder(settings.report)
    index = try CaseIndex(readingFrom: folder.index)
    guard let run = try index.latestRun() else {
      throw NormaError(subject: settings.report, found: "its index holds no run", remedy: "Run `norma analyze` first")
    }
    let found = try index.standing()
    if let clause = found.outdatedClause {
      throw NormaError(
        subject: settings.report, found: clause, remedy: "Run norma analyze on the whole study again")
    }
    standing = found.warnings + [try index.alterationWarning()].compactMap { $0 }
    let context = try run.context
    threshold = context.threshold
    ignorance = context.ignorance
    rate = context.rate?.reached ?? 1
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
    /// The scan by the report. Its heat has no pixels where nobody delineated the lesions.
    let own: Evaluation.Scan
    let maps: [(method: Method, heat: Plane<Float>, score: Double)]

    func scan(_ map: (method: Method, heat: Plane<Float>, score: Double)) -> Evaluation.Scan {
      guard map.method != .report else { return own }
      var scan = own
      if !own.heat.values.isEmpty { scan.heat = map.heat }
      (scan.score, scan.verdict) = (map.score, nil)
      return scan
    }
  }

  /// Reads heatmaps, masks and scans, and computes the figures.
  ///
  /// The maps of one case are held at a time. Cases with lesions are read twice: `Evaluation` asks for the heat of all
  /// lesion pixels before it counts.
  package func run() throws -> Outcome {
    let study = try Study(path: self.study, taking: selection)
    let rest = try masks?.remainder(
      besides: index.cases(sort: .name).map { ($0.name, try index.scans(of: $0.id)) })
    let hidden = rest?.abnormalCases ?? []
    var lesions: [Table: Evaluation.LesionHeat] = [:]
    if settings.masks != nil {
      try visit(study, onlyLesions: true, alsoAbnormal: hidden) { compared in
        for map in compared.maps {
          let scan = compared.scan(map)
          for table in tables(of: map.method, in: scan.caseName) { lesions[table, default: .init()].add(scan) }
        }
      }
    }
    var result = Outcome(promisedRate: rate)
    var evaluations: [Table: Evaluation] = [:]
    var counts: [Method: Int] = [:]
    var names: [String] = []
    let tally = try visit(study, onlyLesions: false, alsoAbnormal: hidden) { compared in
      result.scans += 1
      result.lesionScans += compared.own.hasLesion ? 1 : 0
      if names.last != compared.own.caseName { names.append(compared.own.caseName) }
      for map in compared.maps {
        counts[map.method, default: 0] += 1
        let scan = compared.scan(map)
        for table in tables(of: map.method, in: scan.caseName) {
          evaluations[
            table,
            default: Evaluation(lesions[table] ?? .init(), threshold: map.method == .report ? threshold : nil)
          ].add(scan)
        }
      }
    }
    if let masks = settings.masks, tally.masked == 0 {
      throw NormaError(
        subject: masks,
        found: "no mask was found for \(Count.of(result.scans, "scan")); MASKS/CASE/SCAN_mask.tif was expected",
        remedy: "Give the folder that holds the masks of this study")
    }
    guard !names.isEmpty else {
      throw NormaError(
        subject: settings.labels ?? settings.report, found: "it says of no scored case whether it is abnormal",
        remedy: "Give a table whose column \"case\" holds the names of the study's cases")
    }
    guard evaluations.values.allSatisfy(\.isComplete) else {
      throw NormaError(
        .system, subject: settings.report, found: "its heatmaps, or scans or masks, changed while they were read",
        remedy: "Run again when nothing writes to them")
    }
    result.notes += standing + notes(on: tally)
    result.hasMasks = settings.masks != nil
    if settings.masks != nil, let first = tally.unmasked.first {
      result.notes.append(
        Count.of(tally.unmasked.count, "scan has no mask and is taken", "scans have no mask and are taken")
          + " as free of lesions: \(first)" + (tally.unmasked.count == 1 ? "." : " first."))
    }
    if tally.unexamined > 0 {
      result.notes.append(
        "\(Count.of(tally.unexamined, "scan")) failed or had nothing to score in the analysis: no figure counts them.")
    }
    let counted = hidden.intersection(names).sorted()
    if !counted.isEmpty {
      result.notes.append(
        Count.of(counted.count, "case has", "cases have") + " lesions in scans that were not scored, and "
          + (counted.count == 1 ? "counts" : "count") + " as abnormal: \(NameList.text(counted)).")
    }
    if let strays = rest?.strays, let masks = settings.masks, !strays.isEmpty {
      result.notes.append(
        "\(masks): " + Count.of(strays.count, "file belongs", "files belong")
          + " to no scan of the report: \(NameList.text(strays)). MASKS/CASE/SCAN_mask.tif was expected.")
    }
    result.notes += ignorance
    result.notes += try OwnCases(in: index).notes(of: model.record)
    result.cases = names.count
    // Scans of abnormal cases alone would be missing from the figures.
    func figures(_ evaluation: Evaluation) -> Evaluation.Figures {
      var figures = evaluation.figures(resamples: settings.resamples)
      if !tally.undecided.isEmpty { (figures.scanAUROC, figures.scanAP) = (nil, nil) }
      return figures
    }
    for group in labels?.allGroups ?? [] {
      guard let evaluation = evaluations[Table(method: .report, group: group)] else { continue }
      result.groups.append(
        .init(
          covariate: group.covariate, value: group.value,
          cases: names.count { labels?.groups(of: $0).contains(group) == true },
          figures: figures(evaluation)))
    }
    func add(_ name: String, _ method: Method) {
      guard let evaluation = evaluations[Table(method: method)] else { return }
      result.rows.append(.init(name: name, figures: figures(evaluation)))
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

  /// What was met on the way through the report.
  private struct Tally {
    /// Number of scans with a mask, and of those whose mask is 0 everywhere.
    var masked = 0
    var emptyMasks = 0
    /// Paths of masks with values between 0 and half of the largest.
    var faintMasks: Set<String> = []
    /// Paths of masks that are lesion almost everywhere.
    var fullMasks: Set<String> = []
    /// Paths of scans without a mask that are taken as free of lesions.
    var unmasked: [String] = []
    /// Paths of scans of abnormal cases without a mask.
    var undelineated: [String] = []
    /// Paths of scans of abnormal cases of which nothing says whether they are abnormal themselves.
    var undecided: [String] = []
    /// Paths of scans with a lesion in cases that the table calls healthy.
    var contradicted: [String] = []
    /// Names of the cases that have a score.
    var names: [String] = []
    /// Scans that the table names and the report does not have.
    var unknownScans: [String] = []
    /// Number of scans that the analysis did not score.
    var unexamined = 0
    /// Number of scans whose regions have no place.
    var unplaced = 0
  }

  /// Where the table of cases, the masks and the report do not say the same, as sentences.
  private func notes(on tally: Tally) -> [String] {
    var result = labels?.notes ?? []
    result += labels?.gaps(to: tally.names, scans: tally.unknownScans, hasMasks: settings.masks != nil) ?? []
    if tally.masked > 0, tally.masked == tally.emptyMasks { result.append("No mask shows a lesion.") }
    if !tally.faintMasks.isEmpty {
      result.append(
        "Pixels up to half of a mask's largest value count as healthy, and "
          + Count.of(tally.faintMasks.count, "mask has", "masks have")
          + " some above 0: \(NameList.text(tally.faintMasks.sorted())).")
    }
    if !tally.fullMasks.isEmpty {
      result.append(
        Count.of(tally.fullMasks.count, "mask is", "masks are")
          + " lesion almost everywhere: \(NameList.text(tally.fullMasks.sorted())). Where the scan is not, export the mask "
          + "with 0 outside lesions, and 0 as black.")
    }
    if tally.unplaced > 0 {
      result.append(
        "No figure says which lesions are found: the regions of \(Count.of(tally.unplaced, "scan")) have no place, or one "
          + "outside the scan.")
    }
    if settings.masks != nil, !tally.undelineated.isEmpty {
      result.append(
        "No figure of pixels or lesions counts \(Count.of(tally.undelineated.count, "scan")) of abnormal cases without "
          + "a mask: \(NameList.text(tally.undelineated)).")
    }
    if !tally.undecided.isEmpty {
      result.append(
        "No figure of scans is given: of \(Count.of(tally.undecided.count, "scan")) of abnormal cases nothing says whether "
          + "\(tally.undecided.count == 1 ? "it is" : "they are") abnormal: \(NameList.text(tally.undecided)). Say so in "
          + "a column \"scan\" of the table, or with masks.")
    }
    if !tally.contradicted.isEmpty {
      result.append(
        "The table calls cases healthy whose masks show lesions, in \(Count.of(tally.contradicted.count, "scan")): "
          + "\(NameList.text(tally.contradicted)).")
    }
    return result
  }

  /// What figures are made of: a method, over all cases or over one group of them.
  private struct Table: Hashable {
    var method: Method
    var group: CaseLabels.Group?
  }

  private func tables(of method: Method, in name: String) -> [Table] {
    [Table(method: method)]
      + (method == .report ? (labels?.groups(of: name) ?? []).map { Table(method: method, group: $0) } : [])
  }

  /// Compares the scans of the report one case after the other. Cases of which nothing says whether they are abnormal
  /// are left out.
  ///
  /// - Parameters:
  ///   - onlyLesions: whether scans without a lesion are left out.
  ///   - hidden: names of cases with lesions in scans that were not scored.
  @discardableResult
  private func visit(
    _ study: Study, onlyLesions: Bool, alsoAbnormal hidden: Set<String>, each: (Compared) throws -> Void
  ) throws -> Tally {
    let files = Dictionary(uniqueKeysWithValues: study.cases.map { ($0.name, $0) })
    var tally = Tally()
    for row in try index.cases(sort: .name) {
      let recorded = try index.scans(of: row.id)
      if !onlyLesions { tally.unexamined += recorded.count { $0.status != .done } }
      guard row.score != nil else { continue }
      tally.names.append(row.name)
      tally.unknownScans += labels?.unknownScans(of: row.name, among: recorded) ?? []
      guard settings.masks != nil || recorded.first.flatMap({ labels?.label(of: $0, in: row.name) }) != nil else {
        continue
      }
      var found: [(scan: ScanRow, heat: Plane<Float>, score: Double, truth: Plane<Bool>?, label: Evaluation.Label?)] =
        []
      for scan in recorded {
        guard scan.status == .done else { continue }
        guard let heatmapPath = scan.heatmapPath, let score = scan.score,
          let digest = Study.digest(ofFile: folder.file(heatmapPath)), digest == scan.heatmapSHA256 ?? digest
        else {
          throw NormaError(
            .malformed, subject: settings.report, found: "the heatmap of \(scan.path) is missing, or is another file",
            remedy: "`norma verify` says what else is; analyze again")
        }
        let heat = Plane(try TIFFFile(path: folder.file(heatmapPath), limits: pictureLimits).image(page: 1))
        let mask = try masks?.mask(of: scan, among: recorded, width: heat.width, height: heat.height)
        let hasLesion = mask.map { $0.lesions.values.contains(true) }
        var label = label(of: scan, in: row, hasLesion: hasLesion, scans: recorded)
        let isDelineated = masks != nil && (mask != nil || label?.wholeCase != true)
        if let mask {
          tally.masked += 1
          tally.emptyMasks += mask.isEmpty ? 1 : 0
          if mask.isFaint { tally.faintMasks.insert(mask.path) }
          if mask.isFull { tally.fullMasks.insert(mask.path) }
        } else if isDelineated {
          tally.unmasked.append(scan.path)
        } else {
          tally.undelineated.append(scan.path)
        }
        if label?.wholeCase == true, label?.scan == nil { tally.undecided.append(scan.path) }
        if hasLesion == true, label?.wholeCase == false { tally.contradicted.append(scan.path) }
        if label == nil, hidden.contains(row.name) { label = .init(wholeCase: true, scan: hasLesion ?? false) }
        guard !onlyLesions || hasLesion == true else { continue }
        let healthy = isDelineated ? Plane(width: heat.width, height: heat.height, filledWith: false) : nil
        found.append((scan, heat, score, mask?.lesions ?? healthy, label))
      }
      guard !found.isEmpty else { continue }
      let others = try otherMaps(of: files[row.name], in: study)
      for item in found {
        let verdict = try verdict(on: item.scan, in: row, heat: item.heat)
        if verdict.peaks == nil { tally.unplaced += 1 }
        let key = "\(item.scan.path) \(item.scan.page ?? 0)"
        let fitting = (others[key] ?? []).filter {
          $0.map.heatmap.width == item.heat.width && $0.map.heatmap.height == item.heat.height
            && $0.sha256 == item.scan.sha256
        }
        let none = Plane<Float>(width: 0, height: 0, values: [])
        try each(
          Compared(
            own: Evaluation.Scan(
              caseName: row.name, heat: item.truth == nil ? none : item.heat,
              truth: item.truth ?? none.map { _ in false }, score: item.score, label: item.label, verdict: verdict),
            maps: [(.report, item.heat, item.score)] + fitting.map { ($0.method, $0.map.heatmap, $0.map.score) }))
      }
    }
    return tally
  }

  /// Where the table does not say which scans of a case are abnormal, their masks do. The only scan of a case is as
  /// abnormal as the case.
  ///
  /// - Parameter hasLesion: whether the scan's mask has a lesion; `nil` without a mask.
  private func label(of scan: ScanRow, in row: CaseRow, hasLesion: Bool?, scans: [ScanRow]) -> Evaluation.Label? {
    guard var label = labels?.label(of: scan, in: row.name) else { return nil }
    label.scan = label.scan ?? (scans.count == 1 ? label.wholeCase : hasLesion)
    return label
  }

  private func verdict(on scan: ScanRow, in row: CaseRow, heat: Plane<Float>) throws -> Evaluation.Verdict {
    func step(_ recorded: Double?, _ full: Int?, _ size: Int) throws -> Double {
      let whole = Double(full ?? size) / Double(size)
      guard let recorded else { return whole }
      // The last pixel of a heatmap may reach past the scan.
      guard recorded > 0, abs(Double(full ?? size) / recorded - Double(size)) <= 1 else {
        throw NormaError(
          .malformed, subject: folder.index,
          found: "a heatmap pixel of \(scan.path) covers \(recorded) of the scan's; \(whole) were expected",
          remedy: "Run norma analyze on this folder again")
      }
      return recorded
    }
    let wide = try step(scan.downsample, scan.width, heat.width)
    let high = try step(scan.downsampleY, scan.height, heat.height)
    let regions = try index.regions(of: scan.id)
    let peaks = regions.compactMap { region -> LesionFindings.Peak? in
      guard let x = region.peakX, let y = region.peakY else { return nil }
      let peak = LesionFindings.Peak(
        x: Region.heatmapPixel(of: x, downsample: wide), y: Region.heatmapPixel(of: y, downsample: high),
        heat: region.peak)
      return (0..<heat.width).contains(peak.x) && (0..<heat.height).contains(peak.y) ? peak : nil
    }
    return Evaluation.Verdict(
      caseScore: row.score, isFlagged: row.flagged, peaks: peaks.count == regions.count ? peaks : nil,
      pixelArea: wide * high)
  }

  /// The maps of the baselines, and of the model's scores where they are asked for, by path and page of the scan.
  private func otherMaps(
    of item: Study.Case?, in study: Study
  ) throws -> [String: [(method: Method, map: ScoredHeatmap, sha256: String?)]] {
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
      let maps: [(method: Method, map: ScoredHeatmap)] =
        [(.plain, baseline.plain[k]), (.standardized, baseline.standardized[k])]
        + (scores.indices.contains(k) ? scores[k].map { (.score($0.key), $0.value) } : [])
      result["\(sources[k].path) \(sources[k].page ?? 0)"] = maps.map { ($0.method, $0.map, sources[k].sha256) }
    }
  }
}
