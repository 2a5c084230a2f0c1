import Files
import GRDB

/// A value in an index that norma would not write: the file was damaged, or another program made it.
struct IndexFault: Error {
  let detail: String

  /// Allowed counts of rows and of pixels along an edge. The product of two such counts still fits an integer.
  static let counts = 0...1 << 31
  /// Allowed areas, in pixels.
  static let areas = 0...1 << 40
  /// Allowed widths and heights of a heatmap pixel, in pixels of the scan.
  static let steps = 1e-3...Double(1 << 31)

  static func check(_ isSound: Bool, _ detail: @autoclosure () -> String) throws {
    guard isSound else { throw IndexFault(detail: detail()) }
  }

  /// - Parameter owner: the row that the shares belong to, such as `scan 3`.
  static func check(shares: [Double?], of owner: @autoclosure () -> String) throws {
    try check(
      shares.allSatisfy { share in share.map { 0...1 ~= $0 } ?? true },
      "\(owner()) has a share that is not between 0 and 1")
  }

  /// - Parameters:
  ///   - owner: as for `check(shares:of:)`.
  ///   - name: what the values are.
  static func check(finite values: [Double?], of owner: @autoclosure () -> String, named name: String) throws {
    try check(values.allSatisfy { $0?.isFinite ?? true }, "\(owner()) has no finite \(name)")
  }
}

extension NormaError {
  /// The error for a failed use of the index. It does not contain statement arguments.
  static func index(_ path: String, _ error: any Error) -> NormaError {
    if let known = error as? NormaError { return known }
    if error is RowDecodingError || error is IndexFault {
      let detail = (error as? IndexFault)?.detail ?? "it holds values of other kinds than norma writes"
      return NormaError(
        .malformed, subject: path, found: "the index is damaged: \(detail)",
        remedy: "Move it away and run norma analyze again to make a new one")
    }
    guard let error = error as? DatabaseError else { return writing(path, error) }
    switch error.resultCode {
    case .SQLITE_NOTADB, .SQLITE_CORRUPT:
      return NormaError(
        .malformed, subject: path, found: "the index is damaged or no SQLite database",
        remedy: "Move it away and run norma analyze again to make a new one")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return NormaError(
        .system, subject: path, found: "the index is locked by another program",
        remedy: "Wait for the other norma to finish or close the program that has it open, then try again")
    case .SQLITE_FULL: return diskFull(path)
    case .SQLITE_IOERR:
      // SQLite also reports an I/O error when a full disk has no room for the memory that it shares with readers.
      return NormaError(
        .system, subject: path, found: "the index cannot be read or written: \(error.message ?? "disk I/O error")",
        remedy: "Check the disk and its space, then run norma analyze again; finished cases are kept")
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
      return NormaError(
        .system, subject: path, found: "the index cannot be opened or written",
        remedy: "Choose another folder with --output or change its permissions")
    default:
      return NormaError(
        .system, subject: path,
        found: "the index cannot be used: \(error.message ?? "SQLite error \(error.resultCode.rawValue)")",
        remedy: "Check the disk, then run norma analyze again")
    }
  }
}

/// Refuses an index in which a table, view or index of norma's migrations is missing or different, because it could
/// give false answers. Refuses triggers too: norma has none, and a foreign trigger could write anything.
extension IndexSchema {
  /// - Parameter applied: the migrations that the index says were applied to it.
  static func check(_ database: Database, applied: Set<String>) throws {
    let names = migrator.migrations
    guard let last = names.prefix(applied.count).last, Set(names.prefix(applied.count)) == applied else {
      throw IndexFault(detail: "it skipped changes of its tables")
    }
    let model = try DatabaseQueue()
    try migrator.migrate(model, upTo: last)
    let expected = try model.read { try objects(in: $0) }
    let found = try objects(in: database)
    for (name, text) in expected.sorted(by: { $0.key < $1.key }) {
      try IndexFault.check(
        found[name] == text, "its \(name) is \(found[name] == nil ? "missing" : "not the one that norma makes")")
    }
    let trigger = try String.fetchOne(database, sql: "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    try IndexFault.check(trigger == nil, "it has triggers, norma makes none")
  }

  /// The SQL that made each table, view, index and trigger, by kind and name.
  private static func objects(in database: Database) throws -> [String: String] {
    try Row.fetchAll(database, sql: "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL")
      .reduce(into: [:]) { $0[try $1.decode(atIndex: 0)] = try $1.decode(atIndex: 1) }
  }
}
