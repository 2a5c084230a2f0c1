import ArgumentParser
import Foundation
import Workflows

struct VersionCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Say the version, and what the program was built from and computes with.",
    discussion: CommandHelp.text(
      "norma --version prints the number alone.", example: "norma version"))

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    let parts = try ToolVersion.parts()
    let width = parts.map(\.name.count).max() ?? 0
    let lines = parts.map { $0.name.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.version }
    Console().print(lines.joined(separator: "\n"))
  }
}
