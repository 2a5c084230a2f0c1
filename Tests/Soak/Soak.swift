import ArgumentParser
import Foundation

/// Long runs over much input that ask one thing: does norma hold. Bounded versions are part of `.ci/run`.
@main
struct Soak: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak", abstract: "Let norma work through hostile or plentiful input and say what did not hold.",
    subcommands: [MutantsCommand.self, MutantWorker.self, ScanSoak.self, RepeatSoak.self, MemorySoak.self])
}

/// Prints a line at once, for whoever watches a long run through a file or a pipe.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
