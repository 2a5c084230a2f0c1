/// What a source file declares and which names it uses, read from its tokens without a compiler.
struct Outline {
  struct Import: Equatable {
    let module: String
    let isInternal: Bool
  }

  /// `Trainer.Settings.standard`, or a lone `.standard` of something whose type only the compiler knows.
  struct Use {
    let names: [String]
    let afterDot: Bool
    /// First label of the call that the names end in: `""` for a call without, `nil` for none.
    let label: String?
    /// Type in whose body or extension the use stands, such as `Trainer.Settings`; empty outside.
    let scope: String
  }

  private(set) var imports: [Import] = []
  /// Types by their full names; those that only the file itself sees are apart.
  private(set) var types: Set<String> = []
  private(set) var hiddenTypes: Set<String> = []
  /// Functions and constants of no type.
  private(set) var globals: Set<String> = []
  /// What types have, by the type's full name. `init(of:` stands for all initializers with that first label.
  private(set) var members: [String: Set<String>] = [:]
  private(set) var hiddenMembers: [String: Set<String>] = [:]
  private(set) var extended: Set<String> = []
  /// Variables and parameters of functions and closures, wherever in the file.
  private(set) var locals: Set<String> = []
  private(set) var uses: [Use] = []

  private let tokens: [Token]
  /// One for each open brace; `nil` for the body of a function or a closure.
  private var scopes: [Scope?] = []
  private var announced: Scope?

  private struct Scope {
    let type: String
    let isHidden: Bool
  }

  init(of source: String) {
    tokens = SwiftLexer.tokens(of: source)
    var index = 0
    while index < tokens.count { index = read(index) }
  }

  /// Reads what begins at a token; where reading goes on.
  private mutating func read(_ index: Int) -> Int {
    if isSymbol("{", index) {
      scopes.append(announced)
      if announced == nil { addParametersOfClosure(index) }
      announced = nil
    } else if isSymbol("}", index) {
      _ = scopes.popLast()
    }
    guard let word = word(index) else { return index + 1 }
    if isSymbol(".", index - 1) { return addUse(index) }
    switch word {
    case "import": return addImport(index)
    case "struct", "class", "enum", "actor", "protocol", "typealias", "associatedtype":
      guard let name = self.word(index + 1), !["func", "var", "let", "subscript"].contains(name) else { break }
      return addType(name, keyword: word, at: index)
    case "extension": return addExtension(index)
    case "func", "init", "subscript": return addFunction(word, at: index)
    case "let", "var": return addVariables(index)
    case "case": if inType { addCases(index) }
    case "for": locals.formUnion(words(from: index + 1, to: "in"))
    default: return addUse(index)
    }
    return index + 1
  }

  // MARK: Declarations

  private var scope: String { scopes.last { $0 != nil }??.type ?? "" }
  /// Whether what is declared here is a member of a type, rather than of a file or a function.
  private var inType: Bool { scopes.last.map { $0 != nil } ?? false }

  private mutating func addImport(_ index: Int) -> Int {
    // `import struct Foundation.Data` names a kind first.
    let kinds = ["struct", "class", "enum", "protocol", "func", "let", "var", "typealias"]
    let place = kinds.contains(word(index + 1) ?? "") ? index + 2 : index + 1
    guard let module = word(place) else { return index + 1 }
    imports.append(Import(module: module, isInternal: word(index - 1) == "internal"))
    return place + 1
  }

  private mutating func addType(_ name: String, keyword: String, at index: Int) -> Int {
    let full = scope.isEmpty ? name : "\(scope).\(name)"
    let isHidden = isHidden(index)
    if isHidden || scopes.last.map({ $0 == nil }) == true { hiddenTypes.insert(full) } else { types.insert(full) }
    if keyword != "typealias", keyword != "associatedtype" { announced = Scope(type: full, isHidden: false) }
    return index + 2
  }

  private mutating func addExtension(_ index: Int) -> Int {
    let names = chain(index + 1)
    let type = names.isEmpty ? "Array" : names.joined(separator: ".")
    extended.insert(type)
    announced = Scope(type: type, isHidden: isHidden(index))
    return index + 1 + max(0, 2 * names.count - 1)
  }

  private mutating func addFunction(_ keyword: String, at index: Int) -> Int {
    var name = keyword
    if keyword == "func" { name = word(index + 1) ?? "" }
    guard let open = (index..<tokens.count).first(where: { isSymbol("(", $0) }) else { return index + 1 }
    if keyword == "init" { name = "init(\(label(open) ?? ""):" }
    if inType {
      addMember(name, at: index)
    } else if scopes.isEmpty, !isHidden(index) {
      globals.insert(name)
    }
    let parameters = (open..<tokens.closing(open)).filter { isSymbol(":", $0 + 1) }
    locals.formUnion(parameters.compactMap { word($0) })
    return word(index + 1) == nil ? index + 1 : index + 2
  }

  private mutating func addVariables(_ index: Int) -> Int {
    let end = isSymbol("(", index + 1) ? tokens.closing(index + 1) : index + 2
    for name in words(from: index + 1, to: end) {
      if inType {
        addMember(name, at: index)
      } else if scopes.isEmpty, !isHidden(index) {
        globals.insert(name)
      } else {
        locals.insert(name)
      }
    }
    return word(index + 1) == nil ? index + 1 : index + 2
  }

  private mutating func addCases(_ index: Int) {
    var place = index + 1
    while let name = word(place) {
      addMember(name, at: index)
      place += 1
      if isSymbol("(", place) { place = tokens.closing(place) + 1 }
      if isSymbol("=", place) { place += isSymbol("-", place + 1) ? 3 : 2 }
      guard isSymbol(",", place) else { return }
      place += 1
    }
  }

  private mutating func addMember(_ name: String, at index: Int) {
    if isHidden(index) || scopes.last??.isHidden == true {
      hiddenMembers[scope, default: []].insert(name)
    } else {
      members[scope, default: []].insert(name)
    }
  }

  /// `{ width, height in`: names up to `in`, unless something comes first that stands in no list of parameters.
  private mutating func addParametersOfClosure(_ index: Int) {
    let end = (index + 1..<min(index + 30, tokens.count)).first { place in
      switch tokens[place] {
      case .word(let word): word == "in"
      case .symbol(let symbol): !"(),:[]<>?._&@->".contains(symbol)
      default: true
      }
    }
    if let end, word(end) == "in" { locals.formUnion(words(from: index + 1, to: end)) }
  }

  /// Whether only the file itself sees the declaration whose keyword stands here.
  private func isHidden(_ index: Int) -> Bool {
    let modifiers: Set = [
      "static", "class", "final", "package", "public", "internal", "open", "mutating", "nonmutating", "lazy",
      "override",
      "indirect", "nonisolated", "required", "convenience", "weak", "unowned", "consuming", "borrowing",
    ]
    var place = index - 1
    while place >= 0 {
      if isSymbol(")", place), isSymbol("(", place - 2) {
        // `private(set)` and `nonisolated(unsafe)` hide nothing.
        place -= 4
      } else if let word = word(place), word == "private" || word == "fileprivate" {
        return true
      } else if let word = word(place), modifiers.contains(word) {
        place -= 1
      } else {
        return false
      }
    }
    return false
  }

  // MARK: Uses

  private mutating func addUse(_ index: Int) -> Int {
    let names = chain(index)
    let end = index + 2 * names.count - 1
    // `regions:` in a call or a declaration is a label; types have capitals.
    let isLabel =
      names.count == 1 && isSymbol(":", end) && (isSymbol("(", index - 1) || isSymbol(",", index - 1))
      && names[0].first?.isUppercase == false
    if !isLabel {
      uses.append(
        Use(
          names: names, afterDot: isSymbol(".", index - 1), label: isSymbol("(", end) ? label(end) ?? "" : nil,
          scope: scope))
    }
    return end
  }

  // MARK: Tokens

  private func word(_ index: Int) -> String? { tokens.word(at: index) }

  private func isSymbol(_ symbol: Character, _ index: Int) -> Bool { tokens.isSymbol(symbol, at: index) }

  /// Names with dots between them.
  private func chain(_ index: Int) -> [String] {
    var names: [String] = []
    var place = index
    while let name = word(place) {
      names.append(name)
      guard isSymbol(".", place + 1) else { break }
      place += 2
    }
    return names
  }

  /// First label inside a parenthesis that opens here.
  private func label(_ open: Int) -> String? {
    guard let label = word(open + 1), isSymbol(":", open + 2) || word(open + 2) != nil else { return nil }
    return label
  }

  private func words(from start: Int, to end: Int) -> [String] { (start..<end).compactMap { word($0) } }

  private func words(from start: Int, to end: String) -> [String] {
    let stop = (start..<min(start + 20, tokens.count)).first { word($0) == end } ?? start
    return words(from: start, to: stop)
  }
}
