import Anomaly
import ArgumentParser
import Compute
import Foundation
import Logging
import Reporting
import Threads

struct MergeCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Put the shards of a report together.",
    discussion: """
      Shards are what norma analyze --shard writes. Their indexes become cases.sqlite, which then equals that of one run \
      over the whole study, and the study's page is made. Run again it gives the same; shards of other models or settings \
      are refused by name. Cases that no shard has are named, and the exit status is 1.
      """)

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"))
  var report: String

  @Option(help: "Model file, where it is not where the shards had it.")
  var model: String?

  @OptionGroup var log: LogOptions

  /// The names in a message; a lost shard has thousands.
  private static let mostNames = 20

  func run() throws {
    Interruption.listen()
    let lock = try WritingRight.take(report: report)
    defer { lock.release() }
    let merge = try ShardMerge(
      of: ReportFolder(report), sharing: lock.warning == nil ? .network : .networkWithoutLocks)
    var line = ProgressLine()
    var (cases, flagged, isComplete) = (0, 0, true)
    try merge.write(
      toolVersion: Norma.version,
      progress: { done in
        if let signal = Interruption.signal {
          throw Stopped(
            signal: signal,
            description: "\(report): the merge was stopped by \(Stopped.name(of: signal)); nothing changed.")
        }
        line.update(
          "shard \(done + 1) of \(merge.parts.count)", fraction: Double(done) / Double(merge.parts.count))
      },
      complete: { index, context in
        let counts = try index.counts(falsePositiveRate: context.falsePositiveRate)
        (cases, flagged) = (counts.cases, counts.flaggedCases)
        let names = try index.caseNames()
        let gaps = gaps(merge, known: names)
        context.warnings += gaps
        for gap in gaps { Logger.norma.warning("\(gap)") }
        isComplete = gaps.isEmpty
        try close(merge, index, names, &context)
        return isComplete
      })
    Terminal.endLine()
    print(
      "report   \(report)/index.html", "index    \(report)/cases.sqlite",
      "shards   \(merge.parts.count) of \(merge.parts[0].shard.count)", "cases    \(cases), \(flagged) flagged",
      separator: "\n")
    if !isComplete { throw ExitCode(ExitStatus.failed) }
  }

  private func close(
    _ merge: ShardMerge, _ index: CaseIndex, _ names: Set<String>, _ context: inout StudyContext
  ) throws {
    let facts = merge.parts.compactMap(\.context.shard)
    let path = model ?? context.provenance.first { $0.name == Analysis.modelFact }?.value ?? ""
    // Domain shift is a warning, not a result: a model that has been moved does not keep shards apart.
    let known = Study.digest(ofFile: path) == context.modelSHA256 ? try Model(path: path) : nil
    let closing = StudyClosing(
      model: known, score: facts.first.flatMap { Score(rawValue: $0.score) } ?? .ensemble,
      slides: facts.reduce(0) { $0 + $1.slides }, others: facts.reduce(0) { $0 + $1.others },
      minimumRegionArea: facts.first?.minimumRegionArea.flatMap { RegionArea($0) },
      resolutionNote: facts.first?.resolutionNote)
    _ = try closing.add(to: &context, from: index, cases: names)
  }

  /// What is not there, in sentences.
  private func gaps(_ merge: ShardMerge, known: Set<String>) -> [String] {
    let count = merge.parts[0].shard.count
    var gaps: [String] = []
    let absent = merge.absent.compactMap { Shard(number: $0, of: count) }
    if !absent.isEmpty {
      gaps.append("\(report): no run has begun \(PageText.count(absent.count, "shard")): \(ShardMerge.names(absent)).")
    }
    let stopped = merge.unfinished.map(\.shard)
    if !stopped.isEmpty {
      gaps.append(
        "\(report): \(PageText.count(stopped.count, "shard")) did not come to the end: \(ShardMerge.names(stopped)). Run "
          + "their norma analyze again.")
    }
    let studyPath = merge.parts[0].run.studyPath
    guard let study = try? Study(path: studyPath) else {
      gaps.append(
        "\(studyPath): the study cannot be read from here, so that cases that no shard has go unseen. Run norma merge where "
          + "the shards ran.")
      return gaps
    }
    let missing = study.cases.map(\.name).filter { !known.contains($0) }
    if !missing.isEmpty {
      let names = missing.prefix(Self.mostNames).map(PrintableText.escaped).joined(separator: ", ")
      let more = missing.count > Self.mostNames ? " and \(missing.count - Self.mostNames) more" : ""
      gaps.append("\(report): no shard has \(PageText.count(missing.count, "case")) of the study: \(names)\(more).")
    }
    return gaps
  }
}
