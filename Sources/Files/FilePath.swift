import Foundation

/// Splits a path at its slashes and dots. It searches bytes or scalars, because in Swift a combining accent after a
/// slash or dot forms another character with it, but in the file system it does not. Foundation's functions for this
/// crash on names of one character.
package enum FilePath {
  private static let slash = UInt8(ascii: "/")

  /// The part before the last slash: empty if there is no slash, `/` for an entry of the root folder.
  package static func folder(of path: String) -> String {
    guard let place = path.utf8.lastIndex(of: slash) else { return "" }
    return place == path.startIndex ? "/" : String(path[..<place])
  }

  /// The part after the last slash, or the whole path if there is none.
  package static func name(of path: String) -> String {
    path.utf8.lastIndex(of: slash).map { String(path[path.utf8.index(after: $0)...]) } ?? path
  }

  /// The absolute path with its links resolved, by which two ways to name one folder can be told to be the same.
  package static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else {
      let plain = URL(fileURLWithPath: path).standardizedFileURL.path
      // Folders of a path may be links even where the path does not exist yet.
      return plain == "/" ? plain : (resolved(folder(of: plain)) + "/" + name(of: plain)).replacing("//", with: "/")
    }
    defer { free(real) }
    return String(cString: real)
  }

  /// The parts between the slashes, without empty ones.
  package static func parts(of path: String) -> [String] {
    path.unicodeScalars.split(separator: "/").map { String($0) }
  }

  /// The path without the extension of its name. A name whose only dot is its first character has no extension.
  package static func withoutEnding(_ path: String) -> String {
    ending(place: path).map { String(path[..<$0]) } ?? path
  }

  /// The extension: the part after the last dot of the name; empty if there is none.
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
