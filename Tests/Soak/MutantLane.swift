import Foundation

/// Watches one worker at a time, tells which mutant ended or held it, and starts another one behind that.
final class MutantLane {
  private(set) var tally = MutantTally()
  /// Why no worker can be had.
  private(set) var failure: String?
  private let material: MutantMaterial
  private let seeds: [Seed]
  private let first: Int
  private let until: Int
  private let step: Int
  private let keep: String

  /// Of processor time that a mutant may take: a busy machine is no hang.
  private static let seconds = 5.0
  /// Without processor time, or until a worker has read its seeds.
  private static let idleSeconds = 60.0

  /// - Parameters:
  ///   - first: number of this lane's first mutant.
  ///   - until: beyond the last.
  ///   - step: from one to the next.
  init(_ material: MutantMaterial, seeds: [Seed], first: Int, until: Int, step: Int, keep: String) {
    self.material = material
    self.seeds = seeds
    self.first = first
    self.until = until
    self.step = step
    self.keep = keep
  }

  func run() {
    var next = first
    while next < until {
      let worker: ChildProcess
      do {
        worker = try ChildProcess(
          arguments: ["mutant-worker", "--until", "\(until)", "--step", "\(step)"] + material.arguments(from: next))
      } catch {
        failure = "\(error)"
        return
      }
      var begun: (processor: Double, time: ContinuousClock.Instant)?
      watching: while true {
        switch worker.line(within: begun == nil ? Self.idleSeconds : 1) {
        case .text(let text):
          switch MutantReport(line: text) {
          case .started: begun = (worker.processorSeconds, .now)
          case .read(let number, let outcome, let milliseconds, let megabytes):
            tally.add(outcome, number, milliseconds: milliseconds, megabytes: megabytes)
            next = number + step
          case .breached(let number, let text):
            note(.breach, number, text)
            next = number + step
          case nil: break
          }
        case .silence:
          guard let (processor, time) = begun else {
            worker.kill()
            failure = "a worker took more than \(Self.idleSeconds) s to start"
            return
          }
          let spent = worker.processorSeconds - processor
          guard spent > Self.seconds || .now - time > .seconds(Self.idleSeconds) else { continue }
          worker.kill()
          note(.hang, next, String(format: "not done after %.1f s of processor time", spent))
          next += step
          break watching
        case .end:
          let words = worker.end()
          guard next < until else { return }
          guard begun != nil else {
            failure = "a worker ended before it began: \(words)"
            return
          }
          note(words.lowercased().contains("memory") ? .overMemory : .crash, next, words)
          next += step
          break watching
        }
      }
    }
  }

  private func note(_ finding: MutantTally.Finding, _ number: Int, _ words: String) {
    tally.add(finding)
    let mutant = Mutant(number: number, seed: material.seed, of: seeds)
    let stem = "\(keep)/\(material.seed)-\(number)"
    let text = "\(finding.rawValue), seed \(material.seed) number \(number), \(mutant.origin)\n\(words)"
    say(text)
    try? FileManager.default.createDirectory(atPath: keep, withIntermediateDirectories: true)
    try? Data(mutant.bytes).write(to: URL(fileURLWithPath: stem + ".tif"))
    try? Data((text + "\n").utf8).write(to: URL(fileURLWithPath: stem + ".txt"))
  }
}
