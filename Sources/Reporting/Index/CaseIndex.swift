import Files
import Foundation
import GRDB

/// The SQLite index of a report: runs, cases, scans and regions. Each case is written in one transaction.
///
/// Write-ahead logging lets other programs read the index while a run writes it.
package struct CaseIndex: Sendable {
  package let path: String
  let queue: DatabaseQueue

  /// Which other programs may have the file open at the same time as this process.
  package enum Sharing: Sendable {
    /// Programs on this host.
    case host
    /// Programs on other hosts, over a network file system. SQLite's write-ahead log needs memory that all its users
    /// share, so a rollback journal is used instead. Source: SQLite, "Write-Ahead Logging", section 1.
    case network
    /// Like `network`, on a file system without locks: the caller alone must keep other writers away.
    case networkWithoutLocks
  }

  /// Opens the index of a report folder for writing. Makes the index if it does not exist. Upgrades an index of an
  /// older version of norma and first saves a copy beside it.
  ///
  /// - Parameters:
  ///   - patience: seconds to wait for another program's lock. A reader's short lock must not fail a case that took
  ///     minutes to compute.
  package init(writingTo path: String, patience: Double = 10, sharing: Sharing = .host) throws(NormaError) {
    self.path = path
    do {
      // The file is made here with the permissions that the umask allows: SQLite would let only the owner write it.
      let made = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      if made >= 0 { close(made) }
      var configuration = Self.configuration(patience: patience)
      if sharing == .host { configuration.journalMode = .wal }
      queue = try DatabaseQueue(path: Self.address(path, sharing), configuration: configuration)
      try queue.read { try Self.check($0, path: path) }
      try IndexUpgrade.upgrade(queue, at: path)
    } catch { throw .index(path, error) }
  }

  /// The library that keeps indexes, for provenance: `SQLite 3.40.1`.
  package static var library: String {
    get throws {
      "SQLite " + (try DatabaseQueue().read { try String.fetchOne($0, sql: "SELECT sqlite_version()") } ?? "unknown")
    }
  }

  /// Opens the index of a finished report to add to it. Throws if the index does not exist.
  package init(updating path: String, sharing: Sharing = .host) throws(NormaError) {
    guard FileState.isRegular(path) else { throw .notAReport(FilePath.folder(of: path)) }
    try self.init(writingTo: path, sharing: sharing)
  }

  /// Opens the index of a report folder for queries and never changes it. An index of an older version of norma is
  /// copied into memory and upgraded there, so queries see its state at this moment. If the file system has no locks,
  /// none are taken.
  package init(readingFrom path: String, sharing: Sharing = .host) throws(NormaError) {
    guard FileState.isRegular(path) else { throw .notAReport(FilePath.folder(of: path)) }
    self.path = path
    do {
      let (file, applied) = try Self.reading(path, sharing)
      guard !applied.isEmpty else { throw NormaError.emptyIndex(path) }
      queue = try IndexUpgrade.isDue(after: applied) ? IndexUpgrade.upgradedCopy(of: file) : file
    } catch { throw .index(path, error) }
  }

  /// The opened file, and the migrations that were applied to it.
  private static func reading(_ path: String, _ sharing: Sharing) throws -> (DatabaseQueue, Set<String>) {
    var configuration = configuration(patience: 10)
    configuration.readonly = true
    // If the file system has no locks, SQLite reports the file as locked by another program.
    configuration.busyMode = .callback { tries in
      guard tries < 1000, tries > 0 || FileState.hasLocks(path) else { return false }
      usleep(10_000)
      return true
    }
    do {
      let file = try DatabaseQueue(path: address(path, sharing), configuration: configuration)
      let applied = try file.read { database in
        try check(database, path: path)
        return try IndexSchema.migrator.appliedIdentifiers(database)
      }
      return (file, applied)
    } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
      guard sharing != .networkWithoutLocks, !FileState.hasLocks(path) else { throw error }
      return try reading(path, .networkWithoutLocks)
    }
  }

  /// The path or URI to give to SQLite. Source: SQLite, "Uniform Resource Identifiers", section 3.4.
  static func address(_ path: String, _ sharing: Sharing) -> String {
    guard sharing == .networkWithoutLocks else { return path }
    let escaped = path.split(separator: "/", omittingEmptySubsequences: false)
      .map { ReportFolder.escaped(String($0)) }.joined(separator: "/")
    return "file:\(escaped)?nolock=1"
  }

  private static func check(_ database: Database, path: String) throws {
    if try IndexSchema.migrator.hasBeenSuperseded(database) { throw NormaError.newerIndex(path) }
    // A full disk or a kill can leave a new index with only its list of migrations. Such an index is accepted.
    let tables =
      try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master WHERE tbl_name <> 'grdb_migrations'") ?? 0
    let applied = try IndexSchema.migrator.appliedIdentifiers(database)
    guard tables > 0 else { return }
    guard !applied.isEmpty else { throw NormaError.foreignIndex(path) }
    try IndexSchema.check(database, applied: applied)
  }

  private static func configuration(patience: Double) -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(patience)
    // The views of a foreign file must not do more than read its tables.
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA trusted_schema = OFF") }
    return configuration
  }

  /// Turns off the write-ahead log, so that the index of a finished report is one plain file that also opens from
  /// read-only media. If another program has the file open, the log stays and nothing is lost.
  func becomePlainFile() {
    try? queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
  }

  func read<Value>(_ body: (Database) throws -> Value) throws(NormaError) -> Value {
    do { return try queue.read(body) } catch { throw .index(path, error) }
  }

  func write<Value>(_ body: (Database) throws -> Value) throws(NormaError) -> Value {
    do { return try queue.write(body) } catch { throw .index(path, error) }
  }
}
