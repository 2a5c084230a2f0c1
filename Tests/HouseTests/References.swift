/// A source file where it lies in the house.
struct SourceFile {
  let path: String
  let module: String
  /// Below the module's own; empty for a file that lies directly in it.
  let folder: String
  let outline: Outline

  /// - Parameter root: the module's folder, with which `path` begins.
  init(_ path: String, module: String, root: String, source: String) {
    self.path = path
    self.module = module
    folder = path.dropFirst(root.count + 1).split(separator: "/").dropLast().joined(separator: "/")
    outline = Outline(of: source)
  }

  var name: String { String(path.split(separator: "/").last!) }
}

/// One file uses a name that another one declares.
struct Arrow: Hashable {
  let from: Int
  let to: Int
  let name: String
}

/// Finds, among the files of one module, whose names a file uses.
///
/// A name is looked up as the compiler does it: in the type around it and those around that one, then in the module. Of
/// `x.name` the type of `x` is unknown here: it counts where exactly one file declares a `name`, in an extension of a
/// type of another file, and nothing in the modules below is called so.
struct References {
  private let files: [SourceFile]
  private var types: [String: [Int]] = [:]
  private var globals: [String: [Int]] = [:]
  private var members: [String: [String: [Int]]] = [:]
  /// Files by the members they declare, of any type.
  private var owners: [String: Set<Int>] = [:]
  /// Members of types that are declared elsewhere.
  private var added: [String: Set<Int>] = [:]
  private let foreign: Set<String>

  /// What the standard library and Foundation call so too.
  private static let common: Set = [
    "count", "first", "last", "map", "min", "max", "sum", "contains", "index", "indices", "isEmpty", "description",
    "name",
    "path", "value", "values", "keys", "sorted", "reversed", "joined", "append", "write", "read", "close", "run",
    "init(:",
    "rows", "data", "filter", "reduce", "encode", "decode", "hash", "load", "store", "add", "wait", "split", "size",
  ]

  /// - Parameter foreign: members that other modules in reach declare.
  init(among files: [SourceFile], foreign: Set<String> = []) {
    self.files = files
    self.foreign = foreign
    for (index, file) in files.enumerated() {
      for type in file.outline.types { types[type, default: []].append(index) }
      for name in file.outline.globals { globals[name, default: []].append(index) }
    }
    for (index, file) in files.enumerated() {
      for (type, names) in file.outline.members {
        for name in names {
          members[type, default: [:]][name, default: []].append(index)
          owners[name, default: []].insert(index)
          if !file.outline.types.contains(type) { added[name, default: []].insert(index) }
        }
      }
    }
  }

  func arrows() -> Set<Arrow> {
    var arrows: Set<Arrow> = []
    for (index, file) in files.enumerated() {
      func point(to target: Int?, _ name: String) {
        if let target, target != index { arrows.insert(Arrow(from: index, to: target, name: name)) }
      }
      for type in file.outline.extended { point(to: declaring(type, in: types[type], for: index), type) }
      for use in file.outline.uses { resolve(use, in: index, point) }
    }
    return arrows
  }

  private func resolve(_ use: Outline.Use, in index: Int, _ point: (Int?, String) -> Void) {
    var rest = use.names[...]
    var type: String?
    if !use.afterDot {
      let first = rest.removeFirst()
      if first == "self" || first == "Self" {
        type = use.scope
      } else if let found = around(use.scope).first(where: { isType(qualified(first, by: $0), in: index) }) {
        type = qualified(first, by: found)
        if !files[index].outline.hiddenTypes.contains(first) {
          point(declaring(type!, in: types[type!], for: index), type!)
        }
      } else {
        let isCall = use.label != nil && rest.isEmpty
        // A variable of the same name hides a property, but a call goes to a function all the same.
        if isCall || !files[index].outline.locals.contains(first) { resolve(first, in: use.scope, of: index, point) }
      }
      // The names that follow a type's are nested types of it, then one of its members.
      while let outer = type, let next = rest.first, isType(qualified(next, by: outer), in: index) {
        type = qualified(next, by: outer)
        point(declaring(type!, in: types[type!], for: index), type!)
        rest.removeFirst()
      }
      if let owner = type, let next = rest.first ?? (use.label == nil ? nil : "init") {
        let name = next == "init" ? "init(\(use.label ?? ""):" : next
        point(declaring(name, in: members[owner]?[name], for: index), "\(owner).\(name)")
        rest = rest.dropFirst()
      }
    }
    for (place, next) in rest.enumerated() {
      let isLast = place == rest.count - 1
      let name = next == "init" && isLast ? "init(\(use.label ?? ""):" : next
      guard !Self.common.contains(name), !foreign.contains(name), owners[name]?.count == 1,
        let only = added[name]?.first,
        !files[index].outline.hiddenMembers.values.contains(where: { $0.contains(name) })
      else { continue }
      point(only, ".\(name)")
    }
  }

  /// A bare name that is no type's: a member of the types around it, or of the module.
  private func resolve(_ name: String, in scope: String, of index: Int, _ point: (Int?, String) -> Void) {
    for owner in around(scope) where !owner.isEmpty {
      if files[index].outline.hiddenMembers[owner]?.contains(name) == true { return }
      guard let places = members[owner]?[name] else { continue }
      return point(declaring(name, in: places, for: index), "\(owner).\(name)")
    }
    point(declaring(name, in: globals[name], for: index), name)
  }

  private func isType(_ name: String, in index: Int) -> Bool {
    types[name] != nil || files[index].outline.hiddenTypes.contains(name)
  }

  /// The file itself where it is among those that declare a name; otherwise the one that does, if it is alone.
  private func declaring(_ name: String, in places: [Int]?, for index: Int) -> Int? {
    guard let places, !places.contains(index), places.count == 1 else { return nil }
    return places[0]
  }

  /// `A.B` is within itself, within `A` and within the module.
  private func around(_ scope: String) -> [String] {
    let names = scope.split(separator: ".")
    return (0...names.count).reversed().map { names.prefix($0).joined(separator: ".") }
  }

  private func qualified(_ name: String, by outer: String) -> String { outer.isEmpty ? name : "\(outer).\(name)" }
}
