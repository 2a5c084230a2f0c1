import ArgumentParser
import Foundation

struct ScanSoak: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scans", abstract: "Analyze very many small scans in one run, some of them bad, and watch it.",
    discussion: """
      Every scan has to be accounted for, every bad one with its path and a reason; neither memory nor open files nor the
      time a scan takes may grow with how many were analyzed.
      """)

  @Option(help: "Scans to analyze.")
  var count = 20_000

  @Option(help: "Share of them that is bad.")
  var bad = 0.02

  @Option(help: "Seed of the scans and of which are bad.")
  var seed: UInt64 = 0

  @Option(help: "Folder to work in, which is kept; by default a temporary one.")
  var folder: String?

  /// Share of itself that memory may gain along the run, where that is not zero within its uncertainty.
  private static let growth = 0.02

  func validate() throws {
    guard count >= 200, (0...0.5).contains(bad) else {
      throw ValidationError("--count is \(count), --bad \(bad); 200 or more and a share from 0 to 0.5 are expected.")
    }
  }

  func run() throws {
    let folder = self.folder ?? NSTemporaryDirectory() + "norma-soak-\(ProcessInfo.processInfo.processIdentifier)"
    defer { if self.folder == nil { try? FileManager.default.removeItem(atPath: folder) } }
    let study = try SmallStudy(in: folder)
    let bad = try study.writeScans(count, badShare: self.bad, seed: seed)
    try study.train()
    let report = folder + "/report"
    let cases = report + "/cases"
    // What could grow lies around the networks: the quickest score will do.
    let command = ["analyze", study.scans, "--model", study.model, "--output", report, "--score", "residual"]
    let outcome = try Norma.run(command, every: 0.02) {
      SmallStudy.scansPerCase * ((try? FileManager.default.contentsOfDirectory(atPath: cases).count) ?? 0)
    }
    var findings = Findings()
    findings.tell("scans", "\(count), \(bad.count) of them bad in \(Set(bad.values).count) ways")
    try checkAccounts(of: report, outcome, bad: bad, &findings)
    checkMemory(outcome, &findings)
    checkTime(outcome, &findings)
    try findings.end()
  }

  private func checkAccounts(
    of report: String, _ outcome: Norma.Outcome, bad: [String: BadScan], _ findings: inout Findings
  ) throws {
    findings.check("exit status", outcome.status == (bad.isEmpty ? 0 : 1), "\(outcome.status)")
    let table = try cases(of: report, "--columns", "scan_count,failed_scan_count").map { $0.split(separator: ",") }
    let given = table.reduce(0) { $0 + (Int($1[0]) ?? 0) }
    let failed = table.reduce(0) { $0 + (Int($1[1]) ?? 0) }
    findings.check(
      "accounted for", given == count && failed == bad.count,
      "\(given - failed) done + \(failed) failed = \(given) of \(count)")
    let reasons = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("failed: ") }
    let unnamed = bad.filter { name, _ in !reasons.contains { $0.contains("/\(name)") } }
    findings.check(
      "reasons", unnamed.isEmpty && reasons.count == bad.count,
      unnamed.isEmpty
        ? "\(reasons.count), each with the path of its scan"
        : "none for \(unnamed.count), such as \(unnamed.map { "\($0) (\($1))" }.sorted()[0])")
    let with = try cases(of: report, "--columns", "name", "--where", "error is present")
    let expected = Set(bad.keys.map { String($0.prefix { $0 != "/" }) })
    findings.check("reasons in the index", Set(with) == expected, "in \(with.count) of \(expected.count) cases")
    let verify = try Norma.run(["verify", report])
    findings.check(
      "norma verify", verify.status == 0,
      verify.output.split(separator: "\n").first.map(String.init) ?? "status \(verify.status)")
  }

  /// Rows of the index's cases, without their heading.
  private func cases(of report: String, _ query: String...) throws -> [String] {
    try Norma.succeed(["cases", report, "--format", "csv"] + query).output.split(whereSeparator: \.isNewline)
      .dropFirst().map(String.init)
  }

  private func checkMemory(_ outcome: Norma.Outcome, _ findings: inout Findings) {
    // What is allocated once is there by then; after the last case come the study's page and its sums.
    let start = Double(min(1000, count / 4))
    let end = Double(count - SmallStudy.scansPerCase)
    let watched = outcome.samples.filter { Double($0.progress) >= start && Double($0.progress) <= end }
    guard
      let drift = Drift(watched.map { (Double($0.progress), $0.residentBytes) }, over: start...end)
    else { return findings.check("resident size", false, "too few samples to tell") }
    let blocks = drift.blocks.enumerated().filter { $0.offset % 4 == 0 || $0.offset == drift.blocks.count - 1 }
      .map { String(format: "%.1f", $0.element / 1e6) }
    findings.tell("resident size", "\(blocks.joined(separator: ", ")) MB along the run")
    let gained = drift.highest * (end - start) / drift.blocks[0]
    findings.check(
      "growth", drift.isZero || gained < Self.growth,
      String(
        format: "%.0f +/- %.0f bytes a scan, which is %@ zero; at most %.1f %% of it; blocks correlate by %.2f",
        drift.slope, drift.uncertainty, drift.isZero ? "statistically" : "not", 100 * max(gained, 0), drift.correlation)
    )
    findings.tell(
      "peak",
      String(
        format: "%.1f MB, %.1f MB over the last block; the study's page is made last", outcome.peakBytes / 1e6,
        (outcome.peakBytes - (drift.blocks.last ?? 0)) / 1e6))
    let open = watched.map(\.descriptors)
    // Between two scans only what stays open is: how many come and go in the meantime is a matter of chance.
    let (early, late) = (open.prefix(open.count / 2).min() ?? 0, open.suffix(open.count / 2).min() ?? 0)
    findings.check(
      "open files", late <= early,
      "\(early) stay open in the first half, \(late) in the second; at most \(open.max() ?? 0) at once")
  }

  private func checkTime(_ outcome: Norma.Outcome, _ findings: inout Findings) {
    let working = outcome.samples.filter { $0.progress > 0 && $0.progress < count }
    func milliseconds(from first: Double, to last: Double, of time: (Norma.Sample) -> Double) -> Double {
      let part = working.filter {
        Double($0.progress) >= first * Double(count) && Double($0.progress) <= last * Double(count)
      }
      guard let a = part.first, let b = part.last, b.progress > a.progress else { return .nan }
      return 1000 * (time(b) - time(a)) / Double(b.progress - a.progress)
    }
    let quarters = (0..<4).map { k in
      milliseconds(from: Double(k) / 4, to: Double(k + 1) / 4) { $0.processorSeconds }
    }
    findings.check(
      "linear in time", quarters[3] < 1.5 * min(quarters[1], quarters[2]),
      quarters.map { String(format: "%.2f", $0) }.joined(separator: ", ") + " ms of processor time a scan, by quarter")
    let last = working.last?.seconds ?? 0
    findings.tell(
      "time",
      String(
        format: "%.1f s, %.2f ms a scan; %.1f s of it after the last case, %.1f s of processor time", outcome.seconds,
        1000 * outcome.seconds / Double(count), outcome.seconds - last, outcome.processorSeconds))
  }
}
