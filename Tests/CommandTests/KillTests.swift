import Compute
import Foundation
import Numerics
import Testing

/// Programs that are killed at random moments and started again until they end by themselves; what is left has to be,
/// bit for bit, what one run makes that nobody kills.
///
/// `NORMA_KILLS=50 swift test -c release --filter KillTests` kills each of them as often; by default a few times.
@Suite struct KillTests {
  let batch: LongBatch
  var folder: TemporaryFolder { batch.folder }
  let kills: Int?

  init() throws {
    batch = try LongBatch.shared.get()
    kills = ProcessInfo.processInfo.environment["NORMA_KILLS"].flatMap { Int($0) }
  }

  /// Starts a command again and again; kills it after a random time, of up to `longest` seconds, as often as is asked
  /// for.
  ///
  /// - Parameters:
  ///   - ended: called where the command ended before it was killed: looks at what came out and clears it away.
  ///   - killed: called after every kill.
  private func kill(
    _ times: Int, seed: UInt64, longest: Double, _ arguments: () -> [String], killed: () throws -> Void = {},
    ended: () throws -> Void
  ) throws {
    var random = RandomGenerator(seed: seed)
    var (left, longest) = (times, longest)
    while true {
      let start = Date()
      let running = try Program.start(arguments(), in: folder)
      if left > 0 {
        usleep(UInt32(1e6 * longest * Double(random.uniform())))
        running.send(SIGKILL)
      }
      let result = try running.wait()
      if result.status == -SIGKILL {
        left -= 1
        try killed()
        continue
      }
      try #require(result.status == 0, "\(result.errors)")
      try ended()
      if left == 0 { return }
      // The time was taken while other programs ran: kills have to come sooner.
      longest = min(longest, Date().timeIntervalSince(start) / 2)
    }
  }

  @Test func `a batch that is killed again and again ends with the report of one that was not`() throws {
    let report = folder.file("killed-often")
    try kill(kills ?? 6, seed: 1, longest: batch.seconds) {
      LongBatch.analyze(to: "killed-often")
    } killed: {
      guard FileManager.default.fileExists(atPath: report + "/cases.sqlite") else { return }
      let integrity = try ReportContents.integrity(of: report)
      #expect(integrity == ["ok"])
    } ended: {
      let contents = try ReportContents(of: report)
      #expect(contents.unfinished == [])
      let whole = try ReportContents(of: folder.file("whole"))
      #expect(contents == whole)
      let integrity = try ReportContents.integrity(of: report)
      #expect(integrity == ["ok"])
      let verified = try Program.run("verify", "killed-often", in: folder)
      #expect(verified.status == 0, "\(verified.output)")
      try FileManager.default.removeItem(atPath: report)
    }
  }

  @Test func `a training that is killed again and again ends with the weights of one that was not`() throws {
    let model = "killed-often.safetensors"
    func exists(_ ending: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(model + ending)) }
    try kill(kills ?? 3, seed: 2, longest: batch.trainingSeconds) {
      ["train", "healthy", "--output", model] + LongBatch.training + (exists(".checkpoint") ? ["--resume"] : [])
    } ended: {
      let (found, expected) = (try batch.weights(model), try batch.weights("model.safetensors"))
      #expect(found == expected)
      #expect(!exists(".checkpoint") && !exists(".lock"))
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".part") }
      #expect(left == [])
      try FileManager.default.removeItem(atPath: folder.file(model))
    }
  }

  /// Regions of another size have the same heatmaps: which files are there does not tell whose they are.
  @Test func `a case that was being replaced by a killed run is computed again with the settings of the run before`()
    throws
  {
    let (output, report) = ("replaced", folder.file("replaced"))
    let first = LongBatch.analyze(to: output)
    #expect(try Program.run(first, in: folder).status == 0)
    let other = try Program.start(first + ["--false-positive-rate", "0.3"], in: folder)
    let isReplacing = other.wait { ((try? ReportContents.unfinishedCases(of: report)) ?? 0) > 0 }
    #expect(isReplacing)
    other.send(SIGKILL)
    _ = try other.wait()
    let again = try Program.run(first, in: folder)
    #expect(again.status == 0, "\(again.errors)")
    #expect(try ReportContents(of: report) == ReportContents(of: folder.file("whole")))
  }
}
