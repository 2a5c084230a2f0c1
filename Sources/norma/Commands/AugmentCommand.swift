import Anomaly
import ArgumentParser
import Compute
import Files
import Foundation
import Generation
import Imaging
import Logging
import Numerics

struct AugmentCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "augment", abstract: "Make new healthy scans of a study, to train on where there are few.",
    discussion: """
      Every scan gives as many new ones as --factor says, drawn around its latents or between those of it and another of the
      same size. They have the study's folders and the scans' size, bit depth and pixel size; their description tag says that
      they are synthetic, and norma train leaves them out unless --include-synthetic asks for them. Details smaller than a
      pixel of the model's grid are lost.
      """)

  @OptionGroup var options: GenerationOptions

  var log: LogOptions { options.log }

  @Argument(help: ArgumentHelp("Folder of healthy scans.", valueName: "study"))
  var study: String

  @Option(help: "New scans for each.")
  var factor = 4

  @Option(name: .shortAndLong, help: "Folder to write to, which must not be the study.")
  var output: String

  func validate() throws {
    guard (1...1000).contains(factor) else { throw ValidationError("--factor is \(factor); 1 to 1000 is expected.") }
  }

  func run() throws {
    let (model, generator) = try options.open()
    let study = try Study(path: study)
    guard URL(fileURLWithPath: output).standardizedFileURL != URL(fileURLWithPath: study.path).standardizedFileURL
    else {
      throw NormaError(subject: output, found: "this is the study itself", remedy: "Choose another --output")
    }
    guard model.preparation.level ?? 0 == 0 else {
      throw NormaError(
        subject: options.model,
        found: "it looks at level \(model.preparation.level ?? 0) of pyramids, which copies do not have",
        remedy: "Train it with --micrometers-per-pixel")
    }
    guard model.preparation.localContrast == nil else {
      throw NormaError(
        subject: options.model, found: "it sees local contrast only, which cannot be turned back into a scan",
        remedy: "Train with --local-contrast 0")
    }
    var line = ProgressLine()
    let augmenter = Augmenter(generator, overlap: model.inference.overlap)
    var random = RandomGenerator(seed: options.seed)
    var written = 0
    var left = 0
    var previous: [Partner] = []
    let label = options.details("augment")
    for (index, item) in study.cases.enumerated() {
      line.update(
        "case \(index + 1) of \(study.cases.count): \(item.name)", fraction: Double(index) / Double(study.cases.count))
      // What was made up before is nothing to start from.
      let sources = study.scans(of: item, reading: model.preparation.reading()).filter { $0.origins == nil }
      for source in sources {
        switch source.content {
        case .failure(let fault):
          Logger.norma.leftOut(fault)
          left += 1
        case .success(.slide):
          Logger.norma.leftOut(
            ScanFault(
              NormaError(
                .unsupported, subject: "\(study.path)/\(source.path)", found: "it is too large to be held",
                remedy: "Augment a smaller level or parts of it")))
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
              subject: options.model, found: "its normalization cannot be undone",
              remedy: "Train with --normalization robust, percentile, zscore, window or none")
          }
          let origins = [item.name] + (partner.map { $0.caseName == item.name ? [] : [$0.caseName] } ?? [])
          try write(scan, like: source, in: study, copy: copy, caseName: item.name, label: label, origins: origins)
          written += 1
        }
      }
      previous = own
    }
    line.update("\(study.cases.count) cases done", fraction: 1, isLast: true)
    Terminal.endLine()
    print("synthetic  \(written) scans in \(output)" + (left > 0 ? ", \(left) scans left out" : ""))
    if left > 0 { throw ExitCode(ExitStatus.failed) }
  }

  /// A scan that may be mixed in.
  private struct Partner {
    let caseName: String
    let image: Image
  }

  /// Every copy of a case is a case, so that none holds both what is held out and what is learned from.
  private func write(
    _ scan: Image, like source: SourceScan, in study: Study, copy: Int, caseName: String, label: String,
    origins: [String]
  ) throws {
    let file = try TIFFFile(path: study.path + "/" + source.path)
    let page = file.pages[(source.page ?? file.scans[0].pages[0]) - 1]
    let folder = "\(output)/\(caseName)-synthetic-\(copy)"
    try GenerationOptions.makeFolder(folder)
    try TIFFWriter.write(
      scan, as: TIFFWriter.Samples(holding: page),
      description: SyntheticLabel.text("\(label), like \(source.path)", of: origins),
      to: "\(folder)/\(source.name).tif", isSynced: false)
  }
}
