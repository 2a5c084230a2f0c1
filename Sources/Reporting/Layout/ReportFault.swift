import Files
import Foundation

extension NormaError {
  /// The error for a failed write of a file of the report.
  static func writing(_ path: String, _ error: any Error) -> NormaError {
    if let known = error as? NormaError { return known }
    let code = (error as? CocoaError)?.code
    let posix = posixCode(of: error)
    if code == .fileWriteOutOfSpace || posix == .ENOSPC { return diskFull(path) }
    if code == .fileWriteNoPermission || code == .fileWriteVolumeReadOnly || posix == .EACCES || posix == .EROFS {
      return NormaError(
        .system, subject: path, found: "the folder cannot be written",
        remedy: "Choose another folder with --output or change its permissions")
    }
    return NormaError(
      .system, subject: path, found: "the file cannot be written: \(reason(error))",
      remedy: "Check that the folder exists and is writable, then run norma analyze again")
  }

  static func notAReport(_ folder: String) -> NormaError {
    NormaError(
      subject: folder, found: "not a report folder: it has no cases.sqlite", remedy: "Run norma analyze first")
  }

  static func emptyIndex(_ path: String) -> NormaError {
    NormaError(subject: path, found: "the index is empty", remedy: "Run norma analyze on this folder again")
  }

  static func foreignIndex(_ path: String) -> NormaError {
    NormaError(
      subject: path, found: "a SQLite database, but not an index of norma's: it holds other tables",
      remedy: "Choose another folder with --output")
  }

  static func newerIndex(_ path: String) -> NormaError {
    NormaError(
      .unsupported, subject: path, found: "the index was written by a newer norma",
      remedy: "Update norma, or analyze into a new folder"
    )
  }

  private static func posixCode(of error: any Error) -> POSIXErrorCode? {
    if let posix = error as? POSIXError { return posix.code }
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey]
    if let posix = underlying as? POSIXError { return posix.code }
    guard let inner = underlying as? NSError, inner.domain == NSPOSIXErrorDomain else { return nil }
    return POSIXErrorCode(rawValue: Int32(inner.code))
  }

  /// Foundation's description of an error, without its final period, as part of a sentence.
  private static func reason(_ error: any Error) -> String {
    let text = (error as NSError).localizedDescription
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }
}
