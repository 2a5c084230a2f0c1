/// Parts of a path, told by its slashes and dots, which are looked for by scalar: an accent that follows one makes another
/// character of it for Swift, not for the file system. Foundation's own stop the program at names of one character.
package enum FilePath {
  private static let slash = UInt8(ascii: "/")

  /// What stands before the last slash: empty where there is none, `/` for what lies in the root.
  package static func folder(of path: String) -> String {
    guard let place = path.utf8.lastIndex(of: slash) else { return "" }
    return place == path.startIndex ? "/" : String(path[..<place])
  }

  /// What stands behind the last slash.
  package static func name(of path: String) -> String {
    path.utf8.lastIndex(of: slash).map { String(path[path.utf8.index(after: $0)...]) } ?? path
  }

  /// What stands between the slashes, without what is empty.
  package static func parts(of path: String) -> [String] {
    path.unicodeScalars.split(separator: "/").map { String($0) }
  }

  /// The path without the ending of its name; a name that begins with its only dot has none.
  package static func withoutEnding(_ path: String) -> String {
    ending(place: path).map { String(path[..<$0]) } ?? path
  }

  /// What stands behind the last dot of the name; empty where there is none.
  package static func ending(of path: String) -> String {
    ending(place: path).map { String(path[path.utf8.index(after: $0)...]) } ?? ""
  }

  private static func ending(place path: String) -> String.Index? {
    let bytes = path.utf8
    guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot != bytes.startIndex,
      bytes[bytes.index(before: dot)] != slash, !bytes[dot...].contains(slash)
    else { return nil }
    return dot
  }
}
