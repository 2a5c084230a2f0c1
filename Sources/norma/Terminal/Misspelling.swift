import ArgumentParser

/// Finds the command or option that a misspelt word of the command line may mean.
struct Misspelling {
  /// A command with commands of its own.
  let commands: any ParsableCommand.Type
  /// How it is called: `norma`, `norma review`.
  let called: String
  /// Names of the commands that hand options they do not know to another program.
  var passing: Set<String> = []

  /// A sentence on a command that there is not, at the beginning of the arguments or after `help`; `nil` if there is none.
  func ofCommand(in arguments: [String]) -> String? {
    let isHelp = arguments.first == "help"
    guard let word = arguments.dropFirst(isHelp ? 1 : 0).first, !word.hasPrefix("-"), word != "help" else { return nil }
    let known = commands.configuration.subcommands
    guard !known.isEmpty else { return nil }
    if let next = known.first(where: { Self.name(of: $0) == word }) {
      let rest = (isHelp ? ["help"] : []) + arguments.dropFirst(isHelp ? 2 : 1)
      return Misspelling(commands: next, called: "\(called) \(word)").ofCommand(in: rest)
    }
    let names = known.map(Self.name)
    return "there is no command '\(called) \(word)'.\(Self.guess(word, among: names, after: called + " ")) "
      + "'\(called) --help' lists the commands."
  }

  /// A sentence on an option that the command does not have; `nil` if it has all of them.
  ///
  /// - Parameter arguments: the arguments after the name of the program.
  func ofOption(in arguments: [String]) -> String? {
    var command = commands
    var called = called
    var words = arguments[...]
    while let word = words.first,
      let next = command.configuration.subcommands.first(where: { Self.name(of: $0) == word })
    {
      command = next
      called += " " + word
      words = words.dropFirst()
    }
    guard !passing.contains(Self.name(of: command)) else { return nil }
    let help = commands.helpMessage(for: command, columns: 1000)
    let shown = Set(help.matches(of: /--[a-z][a-z0-9-]*/).map { String($0.output) })
    for word in words.prefix(while: { $0 != "--" }) where word.hasPrefix("--") {
      let option = String(word.prefix { $0 != "=" })
      guard !shown.contains(option), !Self.hidden.contains(where: option.hasPrefix) else { continue }
      return "\(called) has no option '\(option)'.\(Self.guess(option, among: shown.sorted(), after: "")) "
        + "'\(called) --help' lists the options."
    }
    return nil
  }

  /// Options of every command that help does not list.
  private static let hidden = ["--generate-completion-script", "--experimental-dump-help", "--help-hidden"]

  private static func name(of command: any ParsableCommand.Type) -> String { command.configuration.commandName ?? "" }

  private static func guess(_ word: String, among names: [String], after prefix: String) -> String {
    let near = names.map { (name: $0, distance: distance(word, $0)) }.min { $0.distance < $1.distance }
    guard let near, near.distance <= max(2, word.count / 4) else { return "" }
    return " Did you mean '\(prefix)\(near.name)'?"
  }

  /// Number of letters to insert, remove, replace or swap with their neighbour. Source: Damerau 1964,
  /// doi:10.1145/363958.363994.
  static func distance(_ first: String, _ second: String) -> Int {
    let (a, b) = (Array(first), Array(second))
    var rows = [Array(0...b.count)]
    for i in 1..<a.count + 1 {
      var row = [i]
      for j in 1..<b.count + 1 {
        let replaced = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
        var least = min(rows[i - 1][j] + 1, row[j - 1] + 1, replaced)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { least = min(least, rows[i - 2][j - 2] + 1) }
        row.append(least)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
