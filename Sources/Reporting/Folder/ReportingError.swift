import Foundation
import GRDB
import Imaging

/// Why a report could not be written or read.
///
/// The message is a full sentence with the path, what was found, what was expected and what to do.
package struct ReportingError: ExplainedError, Equatable {
  package let path: String
  /// What was found and what was expected, without the path.
  package let detail: String
  /// What the user can do.
  package let remedy: String
  package let fault: Fault

  package init(path: String, detail: String, remedy: String, fault: Fault = .input) {
    self.path = path
    self.detail = detail
    self.remedy = remedy
    self.fault = fault
  }

  package var description: String { "\(path): \(detail). \(remedy)." }
}

extension ReportingError {
  /// The sentence for a failed write of a file of the report.
  static func writing(_ path: String, _ error: any Error) -> ReportingError {
    if let known = error as? ReportingError { return known }
    if let known = error as? ImagingError {
      return ReportingError(path: known.path, detail: known.detail, remedy: known.remedy, fault: known.fault)
    }
    let code = (error as? CocoaError)?.code
    let posix = posixCode(of: error)
    if code == .fileWriteOutOfSpace || posix == .ENOSPC {
      return ReportingError(
        path: path, detail: "the disk is full",
        remedy: "Free some space and run norma analyze again; finished cases are kept", fault: .system)
    }
    if code == .fileWriteNoPermission || code == .fileWriteVolumeReadOnly || posix == .EACCES || posix == .EROFS {
      return ReportingError(
        path: path, detail: "the folder cannot be written",
        remedy: "Choose another folder with --output or change its permissions", fault: .system)
    }
    return ReportingError(
      path: path, detail: "the file cannot be written: \(reason(error))",
      remedy: "Check that the folder exists and is writable, then run norma analyze again", fault: .system)
  }

  /// The sentence for a failed use of the index; statement arguments stay out of it.
  static func index(_ path: String, _ error: any Error) -> ReportingError {
    if let known = error as? ReportingError { return known }
    if error is RowDecodingError || error is IndexFault {
      let detail = (error as? IndexFault)?.detail ?? "it holds values of other kinds than norma writes"
      return ReportingError(
        path: path, detail: "the index is damaged: \(detail)",
        remedy: "Move it away and run norma analyze again to make a new one", fault: .malformed)
    }
    guard let error = error as? DatabaseError else { return writing(path, error) }
    switch error.resultCode {
    case .SQLITE_NOTADB, .SQLITE_CORRUPT:
      return ReportingError(
        path: path, detail: "the index is damaged or no SQLite database",
        remedy: "Move it away and run norma analyze again to make a new one", fault: .malformed)
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return ReportingError(
        path: path, detail: "the index is locked by another program",
        remedy: "Wait for the other norma to finish or close the program that has it open, then try again",
        fault: .system)
    case .SQLITE_FULL:
      return ReportingError(
        path: path, detail: "the disk is full",
        remedy: "Free some space and run norma analyze again; finished cases are kept", fault: .system)
    case .SQLITE_IOERR:
      // What SQLite shares with readers does not fit a full disk either.
      return ReportingError(
        path: path, detail: "the index cannot be read or written: \(error.message ?? "disk I/O error")",
        remedy: "Check the disk and its space, then run norma analyze again; finished cases are kept", fault: .system)
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
      return ReportingError(
        path: path, detail: "the index cannot be opened or written",
        remedy: "Choose another folder with --output or change its permissions", fault: .system)
    default:
      return ReportingError(
        path: path, detail: "the index cannot be used: \(error.message ?? "SQLite error \(error.resultCode.rawValue)")",
        remedy: "Check the disk, then run norma analyze again", fault: .system)
    }
  }

  static func notAReport(_ folder: String) -> ReportingError {
    ReportingError(
      path: folder, detail: "not a report folder: it has no cases.sqlite", remedy: "Run norma analyze first")
  }

  static func emptyIndex(_ path: String) -> ReportingError {
    ReportingError(path: path, detail: "the index is empty", remedy: "Run norma analyze on this folder again")
  }

  static func foreignIndex(_ path: String) -> ReportingError {
    ReportingError(
      path: path, detail: "a SQLite database, but not an index of norma's: it holds other tables",
      remedy: "Choose another folder with --output")
  }

  static func newerIndex(_ path: String) -> ReportingError {
    ReportingError(
      path: path, detail: "the index was written by a newer norma",
      remedy: "Update norma, or analyze into a new folder",
      fault: .unsupported
    )
  }

  private static func posixCode(of error: any Error) -> POSIXErrorCode? {
    if let posix = error as? POSIXError { return posix.code }
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey]
    if let posix = underlying as? POSIXError { return posix.code }
    guard let inner = underlying as? NSError, inner.domain == NSPOSIXErrorDomain else { return nil }
    return POSIXErrorCode(rawValue: Int32(inner.code))
  }

  /// Foundation's own words, as a part of a sentence.
  private static func reason(_ error: any Error) -> String {
    let text = (error as NSError).localizedDescription
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }
}
