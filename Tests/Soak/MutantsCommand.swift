import ArgumentParser
import Foundation
import Imaging
import Threads

struct MutantsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mutants", abstract: "Damage TIFF files in every way that could matter and read what comes out.",
    discussion: """
      Every mutant is read as norma inspect and norma analyze would, with the limits that they have by default, in a process
      that is watched. A crash, more than 5 seconds of processor time, more memory than the limits allow, an error without its file or
      pixels that come out otherwise the second time are findings: they are kept, and the exit status is 1. Mutant N of a
      seed is the same file every time: --first N --count 1 makes it again.
      """)

  @OptionGroup var material: MutantMaterial

  @Option(help: "Mutants to make.")
  var count = 200_000

  @Option(help: "Processes to read them in.")
  var workers = 2

  @Option(help: "Folder to keep findings in.")
  var keep = ".build/mutants"

  func validate() throws {
    guard count > 0, workers > 0 else { throw ValidationError("--count and --workers have to be 1 or more.") }
  }

  func run() throws {
    let seeds = material.files()
    guard !seeds.isEmpty else {
      throw ValidationError("No seeds: \(material.folders.joined(separator: " and ")) hold no file.")
    }
    if material.corpusFolder == nil { say("skipped: mutants of real files; set NORMA_DATA or give --corpus") }
    say("\(count) mutants of \(seeds.count) files, seed \(material.seed), from number \(material.first)")
    var lanes = (0..<min(workers, count)).map { lane in
      MutantLane(
        material, seeds: seeds, first: material.first + lane, until: material.first + count, step: workers, keep: keep)
    }
    // Each lane has a thread to itself and spends its time waiting, so that there may be more of them than cores.
    lanes.withSplitBuffer { lanes in
      let group = DispatchGroup()
      for k in 0..<lanes.count {
        group.enter()
        Thread.detachNewThread {
          lanes[k].run()
          group.leave()
        }
      }
      group.wait()
    }
    if let failure = lanes.compactMap(\.failure).first { throw ValidationError(failure) }
    let tally = lanes.map(\.tally).reduce(into: MutantTally()) { $0.add($1) }
    say(tally.table)
    if tally.findings > 0 {
      say("Kept in \(keep).")
      throw ExitCode(1)
    }
  }
}
