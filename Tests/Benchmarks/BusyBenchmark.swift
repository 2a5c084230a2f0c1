import ArgumentParser
import Compute
import Foundation
import Threads

struct BusyBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "busy", abstract: "A training and an analysis, alone and beside programs that want the processors too."
  )

  @Option(help: "Healthy study to train on.")
  var healthy: String

  @Option(help: "Study to analyze.")
  var study: String

  @Option(help: "Steps of the training.")
  var steps = 100

  @Option(help: "Programs beside it, of one thread each.")
  var programs = 2

  @Option(help: "Runs of each; they take turns.")
  var runs = 3

  @Option(help: "The norma to measure.")
  var norma = ".build/release/norma"

  func run() throws {
    print("\(Engine.description), \(Parallel.threads) threads, \(programs) programs beside; medians of \(runs) runs")
    let folder = NSTemporaryDirectory() + "norma-busy-\(ProcessInfo.processInfo.processIdentifier)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let model = "\(folder)/model.safetensors"
    let train = [norma, "train", healthy, "--steps", "\(steps)", "--seed", "1", "--output", model]
    try compare("train") { _ in try Measured(train) }
    try compare("analyze") { try Measured([norma, "analyze", study, "--model", model, "--output", "\(folder)/\($0)"]) }
  }

  /// - Parameter measure: does the work once; its argument is another text each time.
  private func compare(_ name: String, _ measure: (String) throws -> Measured) throws {
    var found: (alone: [Measured], beside: [Measured]) = ([], [])
    for run in 0..<runs {
      found.alone.append(try measure("alone-\(run)"))
      let others = try (0..<programs).map { _ in try Self.spin() }
      defer { for other in others { other.terminate() } }
      found.beside.append(try measure("beside-\(run)"))
    }
    print(Measured.line("\(name), alone", found.alone), Measured.line("\(name), beside", found.beside), separator: "\n")
    let (alone, beside) = (found.alone, found.beside)
    print(
      String(
        format: "%.2f x the time, %.2f x the processor time",
        Contest.median(zip(beside, alone).map { $0.seconds / $1.seconds }),
        Contest.median(zip(beside, alone).map { $0.processorSeconds / $1.processorSeconds })))
  }

  private static func spin() throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "while :; do :; done"]
    try process.run()
    return process
  }
}
