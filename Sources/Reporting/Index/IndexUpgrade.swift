import Foundation
import GRDB

/// How an index of an older norma comes to the tables of this one.
enum IndexUpgrade {
  /// - Parameter applied: the migrations that the index has had; empty for a new file, which needs no copy.
  static func isDue(after applied: Set<String>) -> Bool { first(notIn: applied) != nil }

  /// Applies the migrations that are missing; what an older norma wrote is first copied to
  /// `cases.sqlite.before-migration-N`, N being the first of them, and never overwritten there.
  static func upgrade(_ queue: DatabaseQueue, at path: String) throws {
    let applied = try queue.read { try IndexSchema.migrator.appliedIdentifiers($0) }
    guard let missing = first(notIn: applied) else { return }
    // Without a run it is a new one that a full disk or a kill left half made.
    if try !applied.isEmpty && queue.read({ try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT * FROM runs)") ?? false })
    {
      try copy(queue, to: freeName("\(path).before-migration-\(number(of: missing))"))
    }
    try IndexSchema.migrator.migrate(queue)
  }

  /// The index as it is now, upgraded in memory.
  static func upgradedCopy(of queue: DatabaseQueue) throws -> DatabaseQueue {
    let memory = try DatabaseQueue()
    try queue.backup(to: memory)
    try IndexSchema.migrator.migrate(memory)
    return memory
  }

  /// Under another name until it is whole, so that a copy cut short by a crash is not taken for one.
  private static func copy(_ queue: DatabaseQueue, to path: String) throws {
    let unfinished = path + ".unfinished"
    try? FileManager.default.removeItem(atPath: unfinished)
    do {
      let file = try DatabaseQueue(path: unfinished)
      try queue.backup(to: file)
      // The copy has the source's write-ahead log in its header; one plain file is easier to keep.
      try file.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
      try file.close()
      try FileManager.default.moveItem(atPath: unfinished, toPath: path)
    } catch {
      try? FileManager.default.removeItem(atPath: unfinished)
      throw error
    }
  }

  private static func first(notIn applied: Set<String>) -> String? {
    IndexSchema.migrator.migrations.first { !applied.contains($0) }
  }

  /// `6` of `6: reviews`.
  private static func number(of migration: String) -> Substring { migration.prefix { $0 != ":" } }

  private static func freeName(_ name: String) -> String {
    var free = name
    var number = 2
    while FileManager.default.fileExists(atPath: free) {
      free = "\(name)-\(number)"
      number += 1
    }
    return free
  }
}
