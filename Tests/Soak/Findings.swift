import ArgumentParser
import Foundation

/// What a long run finds, told line by line, and whether all of it is as it should be.
struct Findings {
  private var broken: [String] = []

  /// A figure that nothing is asked of.
  func tell(_ name: String, _ text: String) { line("    ", name, text) }

  mutating func check(_ name: String, _ holds: Bool, _ text: String) {
    line(holds ? "ok  " : "NOT ", name, text)
    if !holds { broken.append(name) }
  }

  /// - Throws: where something did not hold.
  func end() throws {
    guard !broken.isEmpty else { return }
    line("NOT ", "held", broken.joined(separator: ", "))
    throw ExitCode.failure
  }

  private func line(_ mark: String, _ name: String, _ text: String) {
    let name = name.padding(toLength: 22, withPad: " ", startingAt: 0)
    FileHandle.standardOutput.write(Data("\(mark) \(name) \(text)\n".utf8))
  }
}
