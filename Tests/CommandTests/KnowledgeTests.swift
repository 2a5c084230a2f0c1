import Foundation
import Testing

/// A study of rings, learned from for a few steps.
private final class Learners: Sendable {
  let folder: TemporaryFolder
  static let shared = Result { try Learners() }

  private init() throws {
    folder = try TemporaryFolder()
    for k in 0..<12 { try folder.writeScan("healthy/case\(k)/slice.tif") }
    try folder.writeScan("patients/well/slice.tif")
    try folder.writeScan("patients/ill/slice.tif", lesion: (x: 28, y: 22, radius: 5))
  }

  func run(_ arguments: String...) throws -> Program.Result { try Program.run(arguments, in: folder) }

  func text(_ path: String) throws -> String { try String(contentsOfFile: folder.file(path), encoding: .utf8) }

  /// A training of so many steps, half of them of the score.
  func train(_ output: String, steps: Int) throws -> Program.Result {
    try run("train", "healthy", "--output", output, "--steps", "\(steps)", "--held-out", "0.5", "--batch-size", "4")
  }
}

/// A model that knows nothing says so wherever it is used. A small model that has learned is in `ModelKnowledgeTests`,
/// the demo's in `.ci/run`.
@Suite(.serialized) struct KnowledgeTests {
  private let learners: Learners
  private static let few = "The network was trained for only 5 steps; it needs 300 or more."
  private static let fewOfScore = "The learned score was trained for only 5 steps; it needs 100 or more."
  private static let blind = "On held-out healthy tissue the reconstruction has an R² of -"
  private static let banner = "<strong>The model has not learned enough.</strong>\n<ul>\n"
  private static let pages = ["index.html", "cases/well/index.html", "cases/ill/index.html"]

  init() throws { learners = try Learners.shared.get() }

  private func check(pagesOf report: String) throws {
    for page in Self.pages {
      let text = try learners.text("\(report)/\(page)")
      #expect(text.components(separatedBy: Self.banner).count == 2, "one box in \(report)/\(page)")
      for sentence in [Self.few, Self.fewOfScore, Self.blind] {
        #expect(text.contains("<li>" + sentence), "\(report)/\(page): \(sentence)")
      }
    }
  }

  @Test func `train, model, analyze, merge and every page warn of a model of a few steps`() throws {
    let train = try learners.train("few", steps: 10)
    #expect(train.status == 0, "\(train.errors)")
    #expect(
      train.errors.contains(
        "warning: the network will be trained for 5 steps; it needs 300 or more, and a model with fewer says so in every"
          + " report. Give --steps 600 or more\n"), "\(train.errors)")
    #expect(train.errors.contains("warning: the learned score will be trained for 5 steps; it needs 100 or more, "))
    #expect(train.errors.contains("Give --steps 199 or more"), "\(train.errors)")
    let model = try learners.run("model", "few", "--output", "page")
    for sentence in [Self.few, Self.fewOfScore, Self.blind] {
      #expect(train.output.contains("\nwarning         \(sentence)"), "\(train.output)")
      #expect(model.output.contains("\nwarning: \(sentence)"), "\(model.output)")
      #expect(try learners.text("page/index.html").contains("<strong>Warning.</strong> \(sentence)"))
    }
    #expect(model.output.contains("5, 300 needed; the score 5, 100 needed"), "\(model.output)")
    #expect(try learners.text("page/index.html").contains("Has not learned enough; see the warnings"))

    let analyze = try learners.run("analyze", "patients", "--model", "few", "--output", "report")
    #expect(analyze.status == 0, "\(analyze.errors)")
    for sentence in [Self.few, Self.fewOfScore, Self.blind] {
      #expect(analyze.errors.contains("warning: few: \(sentence)"), "\(analyze.errors)")
    }
    #expect(
      analyze.output.contains(
        "model    has not learned enough, so the results may mean nothing; the report says why"), "\(analyze.output)")
    try check(pagesOf: "report")
    let sample = try learners.run("sample", "few", "--count", "2", "--output", "drawn")
    #expect(sample.status == 0 && sample.errors.contains("warning: few: \(Self.few)"), "\(sample.errors)")

    // The report made again from its index, and made from shards, says the same.
    for page in Self.pages { try FileManager.default.removeItem(atPath: learners.folder.file("report/\(page)")) }
    #expect(try learners.run("report", "report").status == 0)
    try check(pagesOf: "report")
    for shard in ["1/2", "2/2"] {
      let part = try learners.run("analyze", "patients", "--model", "few", "--output", "merged", "--shard", shard)
      #expect(part.status == 0 && part.errors.contains("warning: few: \(Self.few)"), "\(part.errors)")
    }
    let merge = try learners.run("merge", "merged")
    #expect(merge.status == 0 && merge.errors.contains("warning: \(Self.few)"), "\(merge.errors)")
    try check(pagesOf: "merged")
  }

  @Test func `a time in which not one step can be made is refused with a sentence`() throws {
    let result = try learners.run("train", "healthy", "--output", "none", "--minutes", "0.00001", "--held-out", "0.5")
    #expect(result.status == 1)
    let sentence = "norma: healthy: the network was given 0.0003 s of training time, and its first step alone took "
    #expect(result.errors.contains(sentence), "\(result.errors)")
    #expect(result.errors.hasSuffix(". Give more --minutes.\n"), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: learners.folder.file("none")))
    for match in result.errors.matches(of: /(\d+) %/) { #expect(try #require(Int(match.1)) <= 100) }
  }
}
