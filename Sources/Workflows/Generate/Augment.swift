import Anomaly
import Files
import Foundation
import Generation
import Imaging
import Numerics

/// Makes new healthy scans for a study by draws around the latents of its scans.
package struct Augment {
  package struct Outcome: Sendable {
    package var written: Int
    /// Number of scans from which no new ones were made.
    package var leftOut: Int
  }

  private let open: GenerativeModel
  private let study: String
  private let factor: Int
  private let output: String
  private let observe: WorkflowObserver

  /// - Parameters:
  ///   - study: folder of healthy scans.
  ///   - factor: number of new scans for each scan.
  ///   - output: folder to write to, which must not be the study.
  package init(
    _ open: GenerativeModel, study: String, factor: Int, output: String,
    observe: @escaping WorkflowObserver = { _ in }
  ) {
    self.open = open
    self.study = study
    self.factor = factor
    self.output = output
    self.observe = observe
  }

  /// - Throws: `NormaError` where the model cannot make scans of the study.
  package func run() throws -> Outcome {
    let (model, generator) = (open.model, open.generator)
    let study = try Study(path: study)
    guard URL(fileURLWithPath: output).standardizedFileURL != URL(fileURLWithPath: study.path).standardizedFileURL
    else {
      throw NormaError(subject: output, found: "this is the study itself", remedy: "Choose another --output")
    }
    guard model.preparation.level ?? 0 == 0 else {
      throw NormaError(
        subject: open.path,
        found: "it looks at level \(model.preparation.level ?? 0) of pyramids, which copies do not have",
        remedy: "Train it with --micrometers-per-pixel")
    }
    guard model.preparation.localContrast == nil else {
      throw NormaError(
        subject: open.path, found: "it sees local contrast only, which cannot be turned back into a scan",
        remedy: "Train with --local-contrast 0")
    }
    let augmenter = Augmenter(generator, overlap: model.inference.overlap)
    var random = RandomGenerator(seed: open.seed)
    var written = 0
    var left = 0
    var previous: [Partner] = []
    let label = open.details("augment")
    for (index, item) in study.cases.enumerated() {
      observe(.beginning(item.name, index, of: study.cases.count))
      // Synthetic scans are not used as a start.
      let sources = study.scans(of: item, reading: model.preparation.reading()).filter { $0.origins == nil }
      for source in sources {
        switch source.content {
        case .failure(let fault):
          observe(.leftOut(fault))
          left += 1
        case .success(.slide):
          observe(
            .leftOut(
              ScanFault(
                NormaError(
                  .unsupported, subject: "\(study.path)/\(source.path)", found: "it is too large to be held",
                  remedy: "Augment a smaller level or parts of it"))))
          left += 1
        case .success(.image): break
        }
      }
      let known = sources.filter { $0.image != nil }
      let images = known.map { $0.image! }
      let prepared = model.preparation.prepare(images)
      let own = prepared.map { Partner(caseName: item.name, image: $0.scan.image) }
      for (k, source) in known.enumerated() {
        let grid = own[k].image
        let partners = (previous + own[..<k] + own[(k + 1)...]).filter {
          $0.image.width == grid.width && $0.image.height == grid.height
        }
        for copy in 1...factor {
          let partner = partners.isEmpty ? nil : partners[random.integer(below: partners.count)]
          let new = try augmenter.scan(like: grid, mixing: partner?.image, using: &random)
          guard let scan = prepared[k].undone(new, over: images[k]) else {
            throw NormaError(
              subject: open.path, found: "its normalization cannot be undone",
              remedy: "Train with --normalization robust, percentile, zscore, window or none")
          }
          let origins = [item.name] + (partner.map { $0.caseName == item.name ? [] : [$0.caseName] } ?? [])
          try write(scan, like: source, in: study, copy: copy, caseName: item.name, label: label, origins: origins)
          written += 1
        }
      }
      previous = own
    }
    observe(.progress("\(Count.of(study.cases.count, "case")) done", 1, isLast: true))
    return Outcome(written: written, leftOut: left)
  }

  /// A scan that may be mixed in.
  private struct Partner {
    let caseName: String
    let image: Image
  }

  /// Writes each copy of a case as a case of its own, so that no case mixes held-out data with training data.
  private func write(
    _ scan: Image, like source: SourceScan, in study: Study, copy: Int, caseName: String, label: String,
    origins: [String]
  ) throws {
    let file = try TIFFFile(path: study.path + "/" + source.path)
    let page = file.pages[(source.page ?? file.scans[0].pages[0]) - 1]
    let folder = "\(output)/\(caseName)-synthetic-\(copy)"
    try OutputFolder.make(folder)
    try TIFFWriter.write(
      scan, as: TIFFWriter.Samples(holding: page),
      description: SyntheticLabel.text("\(label), like \(source.path)", of: origins),
      to: "\(folder)/\(source.name).tif", isSynced: false)
  }
}
