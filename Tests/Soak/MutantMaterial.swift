import ArgumentParser
import Foundation

/// What mutants are made of.
struct MutantMaterial: ParsableArguments {
  @Option(help: "Seed of everything that is left to chance.")
  var seed: UInt64 = 1

  @Option(help: "Number of the first mutant.")
  var first = 0

  @Option(help: "Folder of TIFF files; by default tiff-corpus/files in the folder that NORMA_DATA names.")
  var corpus: String?

  @Option(help: "Folders of files that are always damaged too.")
  var seeds = ["Tests/Fuzz/Seeds", "Tests/ImagingTests/Fixtures/Hostile"]

  /// `nil` where there are no real files.
  var corpusFolder: String? {
    let path = corpus ?? ProcessInfo.processInfo.environment["NORMA_DATA"].map { "\($0)/tiff-corpus/files" }
    return path.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
  }

  var folders: [String] { seeds + (corpusFolder.map { [$0] } ?? []) }

  func files() -> [Seed] { Seed.all(in: folders) }

  /// As the arguments of another process.
  func arguments(from number: Int) -> [String] {
    ["--seed", "\(seed)", "--first", "\(number)"] + (corpus.map { ["--corpus", $0] } ?? [])
      + seeds.flatMap { ["--seeds", $0] }
  }
}
