import Foundation
import Testing

/// What the program says of itself: help that is wrapped once and shows an example, and guesses at misspelt words.
struct HelpTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The commands that help lists, those of `review` among them.
  private func commands() throws -> [[String]] {
    let list = try Program.run("help", in: folder).output
    let names = list.components(separatedBy: "SUBCOMMANDS:")[1].split(separator: "\n")
      .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.contains("norma help") }
      .map { String($0.split(separator: " ")[0]) }
    return names.map { [$0] } + [["review", "import"]]
  }

  private func help(_ command: [String]) throws -> String {
    try Program.run(["help"] + command, in: folder, environment: ["COLUMNS": "2000"]).output
  }

  /// At 2000 columns a text that is wrapped once is one line.
  @Test func `help is wrapped at the width of the terminal and nowhere else`() throws {
    let commands = try commands()
    #expect(commands.count > 20)
    for command in [[]] + commands {
      let text = try help(command)
      let parts = text.components(separatedBy: "USAGE:")
      for paragraph in parts[0].components(separatedBy: "\n\n") where !paragraph.hasPrefix(" ") {
        let lines = paragraph.split(separator: "\n")
        #expect(lines.count <= 1, "norma \(command.joined(separator: " ")): \(paragraph)")
      }
      let lines = parts[1].split(separator: "\n")
      let column = String(repeating: " ", count: 26)
      for (line, next) in zip(lines, lines.dropFirst()) where next.hasPrefix(column) {
        // A name too long for its column stands alone.
        let isName = line.hasPrefix("  ") && !line.hasPrefix("   ") && !line.dropFirst(2).contains("  ")
        #expect(isName, "norma \(command.joined(separator: " ")): \(line)")
      }
    }
  }

  @Test func `every command shows an example that its own parser takes`() throws {
    for command in try commands() where command != ["review"] {
      let text = try help(command)
      let name = "norma " + command.joined(separator: " ")
      guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("EXAMPLE: ") }) else {
        let shown = ["norma cases": "score > 2 and", "norma slurm": "  norma slurm STUDY"][name]
        #expect(shown.map(text.contains) == true, "\(name) shows no example")
        continue
      }
      let words = line.dropFirst("EXAMPLE: ".count).split(separator: " ").map(String.init)
      #expect(words.joined(separator: " ").hasPrefix(name))
      // The demo would run; what the others name is not there.
      guard name != "norma demo" else { continue }
      let result = try Program.run(Array(words.dropFirst()), in: folder)
      #expect(result.status == (["norma version", "norma schema"].contains(name) ? 0 : 1), "\(line): \(result.errors)")
    }
  }

  @Test func `the version names what the program consists of`() throws {
    let short = try Program.run(["--version"], in: folder)
    let long = try Program.run(["version"], in: folder)
    #expect(short.status == 0 && long.status == 0)
    let number = short.output.trimmingCharacters(in: .newlines)
    #expect(number.split(separator: ".").count == 3 && number.allSatisfy { $0.isNumber || $0 == "." })
    let lines = long.output.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1) }
    #expect(lines.map { $0[0] } == ["norma", "commit", "Swift", "compute", "files", "index"])
    #expect(lines[0][1].hasSuffix(number))
    for (line, library) in zip(lines.suffix(3), ["oneDNN", "libtiff", "SQLite"]) {
      #expect(line[1].contains(try Regex("\(library) [0-9]+\\.[0-9]+")), "\(line)")
    }
  }

  @Test(
    arguments: [
      ("analyse x", "there is no command 'norma analyse'. Did you mean 'norma analyze'? 'norma --help' lists"),
      ("help trian", "there is no command 'norma trian'. Did you mean 'norma train'?"),
      ("nonsense", "there is no command 'norma nonsense'. 'norma --help' lists the commands."),
      ("review imprt", "there is no command 'norma review imprt'. Did you mean 'norma review import'?"),
      ("train x --ouput y", "norma train has no option '--ouput'. Did you mean '--output'? 'norma train --help' lists"),
      ("review import R --rewiewer=a f", "norma review import has no option '--rewiewer'. Did you mean '--reviewer'?"),
      ("cases R --regionz", "norma cases has no option '--regionz'. Did you mean '--regions'?"),
      ("--verison", "norma has no option '--verison'. Did you mean '--version'?"),
      ("analyze S --model M --zzzzzzzzzz", "norma analyze has no option '--zzzzzzzzzz'. 'norma analyze --help' lists"),
    ])
  func `a misspelt word gets a guess`(line: String, sentence: String) throws {
    let result = try Program.run(line.split(separator: " ").map(String.init), in: folder)
    #expect(result.status == 2 && result.errors.contains(sentence), "\(result.errors)")
    #expect(result.output.isEmpty)
  }
}
