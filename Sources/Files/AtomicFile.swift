internal import CSystem
import Foundation
internal import Glibc

/// A file that appears under its name only when it is complete.
///
/// It is written aside in the same folder, synced and renamed; left alone, it removes itself.
package final class AtomicFile {
  package let path: String
  /// Open for reading and writing; multi-page TIFF writing reads back its own directories.
  package let descriptor: Int32
  private let temporaryPath: String
  private var isCommitted = false
  /// Bytes of its name in that of the unfinished file, which has to stay below 256.
  private static let longestName = 100

  /// - Throws: `NormaError` where the file cannot be created.
  package init(path: String) throws(NormaError) {
    temporaryPath = Self.unfinishedPath(for: path)
    self.path = path
    descriptor = open(temporaryPath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      let code = errno
      isCommitted = true
      throw .system(
        path, doing: "the file cannot be created", code: code,
        remedy: "Check that its folder exists and is writable"
      )
    }
  }

  /// Another one each time, beside the path; `isUnfinished` knows its name.
  package static func unfinishedPath(for path: String) -> String {
    let name = FilePath.name(of: path)
    let folder = String(Substring(path.utf8.dropLast(name.utf8.count)))
    let mark = String(UInt64.random(in: 0 ... .max), radix: 36)
    return "\(folder).\(beginning(of: name)).\(mark).part"
  }

  private static func beginning(of name: String) -> String {
    var bytes = 0
    return String(
      String.UnicodeScalarView(
        name.unicodeScalars.prefix {
          bytes += UTF8.width($0)
          return bytes <= longestName
        }))
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !isCommitted { unlink(temporaryPath) }
  }

  /// Whether a file has the name of one that was never completed.
  package static func isUnfinished(_ name: String) -> Bool {
    name.utf8.starts(with: ".".utf8) && name.hasSuffix(".part")
  }

  /// Removes what killed writers left in a folder. Only who holds the right to write there may call it, since it cannot
  /// tell what is still being written.
  ///
  /// - Parameter name: of the file that they wrote; `nil` for all.
  package static func removeUnfinished(in folder: String, of name: String? = nil) {
    for found in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where isUnfinished(found) {
      // Before the ending there is a mark without dots: `a.b` is not taken for a part of `a`.
      let written = FilePath.withoutEnding(FilePath.withoutEnding(found)).utf8.dropFirst()
      guard name == nil || written.elementsEqual(beginning(of: name!).utf8) else { continue }
      try? FileManager.default.removeItem(atPath: "\(folder)/\(found)")
    }
  }

  package func write(_ bytes: [UInt8]) throws(NormaError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw failure(code: errno) }
      rest = rest.dropFirst(written)
    }
  }

  /// Writes a whole file.
  package static func write(_ bytes: [UInt8], to path: String, isSynced: Bool = true) throws(NormaError) {
    let file = try AtomicFile(path: path)
    try file.write(bytes)
    try file.commit(isSynced: isSynced)
  }

  /// Gives the file its name.
  ///
  /// - Parameter isSynced: whether it has to be on the disk before; else `syncAll` has to follow before anything relies on
  ///   it.
  package func commit(isSynced: Bool = true) throws(NormaError) {
    guard !isSynced || fsync(descriptor) == 0 else { throw failure(code: errno) }
    guard rename(temporaryPath, path) == 0 else { throw failure(code: errno) }
    isCommitted = true
  }

  /// Brings all that was written in a folder's file system onto the disk, at the cost of one wait for many files.
  package static func syncAll(in folder: String) throws(NormaError) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, syncfs(descriptor) == 0 else {
      throw .system(
        folder, doing: "its files cannot be brought onto the disk", code: errno,
        remedy: "Check the disk's space and rights")
    }
  }

  package func failure(code: Int32) -> NormaError {
    .system(path, doing: "the file cannot be written", code: code, remedy: "Check the disk's space and rights")
  }
}
