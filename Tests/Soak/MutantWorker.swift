import ArgumentParser
import Foundation
import Imaging

/// Reads mutants one after the other and says on standard output which, and how each went.
///
/// It has a process of its own because what it looks for ends the process.
struct MutantWorker: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "mutant-worker", shouldDisplay: false)

  @OptionGroup var material: MutantMaterial

  @Option var until: Int
  @Option var step: Int

  /// What the limits let the samples of a picture and a strip of it take, the latter stored, decoded and once more for
  /// each of two threads, with room for norma itself.
  static let memory = 16 * TIFFLimits.default.maximumPixels + 5 * TIFFLimits.default.maximumChunkBytes + (1 << 28)

  func run() throws {
    var limit = rlimit(rlim_cur: rlim_t(Self.memory), rlim_max: rlim_t(Self.memory))
    guard setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0 else {
      throw ValidationError("The memory of a process cannot be limited.")
    }
    let seeds = material.files()
    let folder = NSTemporaryDirectory() + "mutants"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for number in stride(from: material.first, to: until, by: step) {
      say(MutantReport.started(number).line)
      let mutant = Mutant(number: number, seed: material.seed, of: seeds)
      try Data(mutant.bytes).write(to: URL(fileURLWithPath: "\(folder)/scan.tif"))
      Self.forgetPeak()
      let start = ContinuousClock.now
      do {
        let trial = try Trial(ofFile: "scan.tif", in: folder)
        let milliseconds = Int((ContinuousClock.now - start) / .milliseconds(1))
        let report = MutantReport.read(number, trial.outcome, milliseconds: milliseconds, megabytes: Self.peakMegabytes)
        say(report.line)
      } catch {
        say(MutantReport.breached(number, "\(error)".replacingOccurrences(of: "\n", with: " ")).line)
      }
    }
  }

  /// Linux then counts the largest resident size anew.
  private static func forgetPeak() {
    try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
  }

  private static var peakMegabytes: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) / 1024
  }
}

/// What a worker says of a mutant, a line each.
enum MutantReport {
  case started(Int)
  case read(Int, Trial.Outcome, milliseconds: Int, megabytes: Int)
  case breached(Int, String)

  var line: String {
    switch self {
    case .started(let number): "started \(number)"
    case .read(let number, let outcome, let milliseconds, let megabytes):
      "read \(number) \(outcome.rawValue) \(milliseconds) \(megabytes)"
    case .breached(let number, let text): "breached \(number) \(text)"
    }
  }

  init?(line: String) {
    let words = line.split(separator: " ", maxSplits: 2).map(String.init)
    guard words.count > 1, let number = Int(words[1]) else { return nil }
    switch (words[0], words.count) {
    case ("started", 2): self = .started(number)
    case ("breached", 3): self = .breached(number, words[2])
    case ("read", 3):
      let values = words[2].split(separator: " ").map(String.init)
      guard values.count == 3, let outcome = Trial.Outcome(rawValue: values[0]), let time = Int(values[1]),
        let size = Int(values[2])
      else { return nil }
      self = .read(number, outcome, milliseconds: time, megabytes: size)
    default: return nil
    }
  }
}
