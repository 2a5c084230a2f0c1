import ArgumentParser
import Foundation
import Numerics

struct DecodingBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decoding",
    abstract:
      "Whole processes: every page of files decoded, with minimum, maximum and mean of its channels, beside tifffile.")

  @Argument(help: "TIFF files, all of which both can read.")
  var files: [String]

  @OptionGroup var peers: PeerOptions

  @Option(help: "The norma to measure.")
  var norma = ".build/release/norma"

  func run() throws {
    print("\(files.count) files; \(peers.heading)")
    var runs: (ours: [Measured], theirs: [Measured]) = ([], [])
    for _ in 0..<peers.runs {
      runs.ours.append(try Measured([norma, "inspect", "--json"] + files))
      runs.theirs.append(try Measured(peers.command("decode.py") + files))
    }
    print(Measured.line("norma inspect", runs.ours), Measured.line("tifffile", runs.theirs), separator: "\n")
    print(
      String(
        format: "norma is %.2f x as fast", Contest.median(zip(runs.theirs, runs.ours).map { $0.seconds / $1.seconds })))
  }
}
