internal import Glibc

/// The entries of one folder as the system lists them, names as bytes: Foundation silently drops names that are not
/// UTF-8.
package enum FolderEntries {
  /// A failed call of the operating system.
  struct Failure: Error {
    /// The value of `errno`.
    let code: Int32
    /// Whether the folder could not even be opened.
    let isOpening: Bool
  }

  /// - Parameter path: path of the folder, without a zero byte at its end.
  /// - Returns: the names of its entries, without the folder itself and its parent, and their kinds (`DT_DIR` and so on).
  static func list(_ path: [UInt8]) throws(Failure) -> [(name: [UInt8], kind: Int)] {
    guard let stream = opendir(path.map { CChar(bitPattern: $0) } + [0]) else {
      throw Failure(code: errno, isOpening: true)
    }
    defer { closedir(stream) }
    var result: [(name: [UInt8], kind: Int)] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if ![".", ".."].contains(String(decoding: name, as: UTF8.self)) {
        result.append((name, Int(entry.pointee.d_type)))
      }
      errno = 0
    }
    guard errno == 0 else { throw Failure(code: errno, isOpening: false) }
    return result
  }

  package enum Kind { case folder, link, file }

  /// The folders, links and regular files of a folder; none where it cannot be read.
  package static func kinds(of path: String) -> [(name: String, kind: Kind)] {
    let entries = (try? list(Array(path.utf8))) ?? []
    return entries.compactMap { entry in
      let name = String(decoding: entry.name, as: UTF8.self)
      return kind(entry.kind, "\(path)/\(name)").map { (name, $0) }
    }
  }

  private static func kind(_ kind: Int, _ path: String) -> Kind? {
    switch kind {
    case Int(DT_DIR): return .folder
    case Int(DT_LNK): return .link
    case Int(DT_REG): return .file
    case Int(DT_UNKNOWN):
      // Not every file system tells.
      var status = stat()
      guard lstat(path, &status) == 0 else { return nil }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: return .folder
      case S_IFLNK: return .link
      case S_IFREG: return .file
      default: return nil
      }
    default: return nil
    }
  }
}
