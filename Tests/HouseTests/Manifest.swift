/// What `Package.swift` says of its targets.
struct Manifest {
  struct Target {
    let name: String
    /// Folder of its sources, below the package's.
    let path: String
    let isLibraryInC: Bool
    /// Targets and products by their names.
    let dependencies: Set<String>
  }

  private(set) var targets: [Target] = []

  init(_ source: String) {
    let tokens = SwiftLexer.tokens(of: source)
    let kinds = ["target": "Sources", "executableTarget": "Sources", "testTarget": "Tests", "systemLibrary": "Sources"]
    var index = 0
    while index < tokens.count {
      guard tokens.isSymbol(".", at: index), let kind = tokens.word(at: index + 1), let root = kinds[kind],
        tokens.isSymbol("(", at: index + 2)
      else {
        index += 1
        continue
      }
      let end = tokens.closing(index + 2)
      let arguments = Array(tokens[index + 2...end])
      let name = arguments.strings(after: "name").first ?? ""
      targets.append(
        Target(
          name: name, path: arguments.strings(after: "path").first ?? "\(root)/\(name)",
          isLibraryInC: kind == "systemLibrary", dependencies: Set(arguments.strings(after: "dependencies"))))
      index = end
    }
  }
}

extension [Token] {
  /// The string or the list of strings that follows a label; of a product its name.
  fileprivate func strings(after label: String) -> [String] {
    guard let start = indices.first(where: { word(at: $0) == label && isSymbol(":", at: $0 + 1) }) else { return [] }
    var strings: [String] = []
    var depth = 0
    for place in start + 2..<count {
      if isSymbol("[", at: place) { depth += 1 }
      if isSymbol("]", at: place) { depth -= 1 }
      if case .string(let text) = self[place], word(at: place - 2) != "package" { strings.append(text) }
      if depth == 0 { break }
    }
    return strings
  }
}
