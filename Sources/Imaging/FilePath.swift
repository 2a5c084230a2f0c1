/// Parts of a path, told by its slashes and dots. Foundation's own stop the program at names of one character.
package enum FilePath {
  /// What stands before the last slash: empty where there is none, `/` for what lies in the root.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// What stands behind the last slash.
  package static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  /// The path without the ending of its name; a name that begins with its only dot has none.
  package static func withoutEnding(_ path: String) -> String {
    ending(place: path).map { String(path[..<$0]) } ?? path
  }

  /// What stands behind the last dot of the name; empty where there is none.
  package static func ending(of path: String) -> String {
    ending(place: path).map { String(path[path.index(after: $0)...]) } ?? ""
  }

  private static func ending(place path: String) -> String.Index? {
    guard let dot = path.lastIndex(of: "."), dot != path.startIndex, path[path.index(before: dot)] != "/",
      !path[dot...].contains("/")
    else { return nil }
    return dot
  }
}
