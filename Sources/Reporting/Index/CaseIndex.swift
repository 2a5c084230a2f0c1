import Files
import Foundation
import GRDB

/// The SQLite index of a report: runs, cases, scans and regions, one transaction a case.
///
/// While a run writes, write-ahead logging lets others read.
package struct CaseIndex: Sendable {
  package let path: String
  let queue: DatabaseQueue

  /// Who may have the file open beside this process.
  package enum Sharing: Sendable {
    /// Programs of this host.
    case host
    /// Programs of other hosts, over a network file system. SQLite's write-ahead log needs memory that all its users
    /// share, and a rollback journal does not. Source: SQLite, "Write-Ahead Logging", section 1.
    case network
    /// As before, where the file system has no locks: nothing but the caller keeps other writers away.
    case networkWithoutLocks
  }

  /// Opens the index of a report folder for writing; makes it where there is none, and upgrades one of an older norma
  /// after a copy is kept beside it.
  ///
  /// - Parameters:
  ///   - patience: seconds to wait for another program's lock; a reader's short one must not fail a case that took
  ///     minutes to compute.
  package init(writingTo path: String, patience: Double = 10, sharing: Sharing = .host) throws(NormaError) {
    self.path = path
    do {
      // SQLite makes files that only their owner can write, whatever the umask lets others do.
      let made = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      if made >= 0 { close(made) }
      var configuration = Self.configuration(patience: patience)
      if sharing == .host { configuration.journalMode = .wal }
      queue = try DatabaseQueue(path: Self.address(path, sharing), configuration: configuration)
      try queue.read { try Self.check($0, path: path) }
      try IndexUpgrade.upgrade(queue, at: path)
    } catch { throw .index(path, error) }
  }

  /// Opens the index of a report folder for what is added to a finished report; makes none.
  package init(updating path: String, sharing: Sharing = .host) throws(NormaError) {
    guard FileState.isRegular(path) else { throw .notAReport(FilePath.folder(of: path)) }
    try self.init(writingTo: path, sharing: sharing)
  }

  /// Opens the index of a report folder for queries; never changes it. One of an older norma is copied into memory and
  /// upgraded there, so that it is answered as it was at this moment. Where the file system has no locks none are taken.
  package init(readingFrom path: String, sharing: Sharing = .host) throws(NormaError) {
    guard FileState.isRegular(path) else { throw .notAReport(FilePath.folder(of: path)) }
    self.path = path
    do {
      let (file, applied) = try Self.reading(path, sharing)
      guard !applied.isEmpty else { throw NormaError.emptyIndex(path) }
      queue = try IndexUpgrade.isDue(after: applied) ? IndexUpgrade.upgradedCopy(of: file) : file
    } catch { throw .index(path, error) }
  }

  /// The file, and the migrations that it has had.
  private static func reading(_ path: String, _ sharing: Sharing) throws -> (DatabaseQueue, Set<String>) {
    var configuration = configuration(patience: 10)
    configuration.readonly = true
    // SQLite takes a lock that the file system cannot give for one that another program holds.
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

  /// The file as SQLite is told of it. Source: SQLite, "Uniform Resource Identifiers", section 3.4.
  static func address(_ path: String, _ sharing: Sharing) -> String {
    guard sharing == .networkWithoutLocks else { return path }
    let escaped = path.split(separator: "/", omittingEmptySubsequences: false)
      .map { ReportFolder.escaped(String($0)) }.joined(separator: "/")
    return "file:\(escaped)?nolock=1"
  }

  private static func check(_ database: Database, path: String) throws {
    if try IndexSchema.migrator.hasBeenSuperseded(database) { throw NormaError.newerIndex(path) }
    // The list of migrations alone is what a full disk or a kill leaves of a new index.
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
    // Views of a foreign file may read its tables and do nothing else.
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA trusted_schema = OFF") }
    return configuration
  }

  /// A finished report is one plain file that opens from read-only media too, which a write-ahead log would not.
  /// Where another program has it open the log stays, and nothing is lost.
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
