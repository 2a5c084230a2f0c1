internal import CSystem
import Foundation
internal import Glibc

/// A file that appears under its name only when it is complete.
///
/// It is written under a temporary name in the same folder, synced and renamed. If it is never committed, the temporary
/// file is removed on deinit.
package final class AtomicFile {
  package let path: String
  /// Open for reading and writing, since writing a multi-page TIFF reads back its own directories.
  package let descriptor: Int32
  private let temporaryPath: String
  private var isCommitted = false
  /// Most bytes of the file's name that go into the temporary name, which has to stay below 256 bytes.
  private static let longestName = 100

  /// - Throws: `NormaError` if the file cannot be created.
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

  /// A new temporary path on each call, in the same folder as `path`; `isUnfinished` recognizes its name.
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

  /// Whether a file name is the temporary name of a file that was never completed.
  package static func isUnfinished(_ name: String) -> Bool {
    name.utf8.starts(with: ".".utf8) && name.hasSuffix(".part")
  }

  /// Removes the temporary files that killed writers left in a folder. Only the holder of the right to write there may
  /// call it, since it cannot tell which files are still being written.
  ///
  /// - Parameter name: name of the file that the writers wrote; `nil` for all.
  package static func removeUnfinished(in folder: String, of name: String? = nil) {
    for found in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where isUnfinished(found) {
      // The random mark before `.part` has no dots, so that the temporary file of `a.b` is not taken for one of `a`.
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

  /// Gives the file its final name.
  ///
  /// - Parameter isSynced: whether the file is synced to the disk first; if not, `syncAll` has to follow before
  ///   anything relies on the file.
  package func commit(isSynced: Bool = true) throws(NormaError) {
    guard !isSynced || fsync(descriptor) == 0 else { throw failure(code: errno) }
    guard rename(temporaryPath, path) == 0 else { throw failure(code: errno) }
    isCommitted = true
  }

  /// Syncs the whole file system that holds `folder` to the disk: one wait for many files.
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
