import Foundation
import GRDB

/// Upgrades an index of an older version of norma to the tables of this version.
enum IndexUpgrade {
  /// Whether any migration is still to be applied.
  ///
  /// - Parameter applied: the migrations that were applied to the index; empty for a new file.
  static func isDue(after applied: Set<String>) -> Bool { first(notIn: applied) != nil }

  /// Applies the missing migrations. First copies an index of an older version of norma to
  /// `cases.sqlite.before-migration-N`, where N is the number of the first missing migration. An existing copy is never
  /// overwritten.
  static func upgrade(_ queue: DatabaseQueue, at path: String) throws {
    let applied = try queue.read { try IndexSchema.migrator.appliedIdentifiers($0) }
    guard let missing = first(notIn: applied) else { return }
    // An index without a run needs no copy: it is a new one that a full disk or a kill left half made.
    if try !applied.isEmpty && queue.read({ try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT * FROM runs)") ?? false })
    {
      try copy(queue, to: "\(path).before-migration-\(number(of: missing))")
    }
    try IndexSchema.migrator.migrate(queue)
  }

  /// A copy of the index as it is now, upgraded in memory.
  static func upgradedCopy(of queue: DatabaseQueue) throws -> DatabaseQueue {
    let memory = try DatabaseQueue()
    try queue.backup(to: memory)
    try IndexSchema.migrator.migrate(memory)
    return memory
  }

  /// Copies the index under a temporary name and renames the copy when it is complete, so that a copy cut short by a
  /// crash is not mistaken for a complete one. An existing file is never overwritten.
  ///
  /// - Returns: the path of the copy: `name`, or `name` with a number.
  @discardableResult static func copy(_ queue: DatabaseQueue, to name: String) throws -> String {
    let path = freeName(name)
    let unfinished = path + ".unfinished"
    try? FileManager.default.removeItem(atPath: unfinished)
    do {
      let file = try DatabaseQueue(path: unfinished)
      try queue.backup(to: file)
      // The copy's header asks for a write-ahead log, as the source's does. One plain file is easier to keep.
      try file.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
      try file.close()
      try FileManager.default.moveItem(atPath: unfinished, toPath: path)
      return path
    } catch {
      try? FileManager.default.removeItem(atPath: unfinished)
      throw error
    }
  }

  private static func first(notIn applied: Set<String>) -> String? {
    IndexSchema.migrator.migrations.first { !applied.contains($0) }
  }

  /// The number of a migration, for example `6` of `6: reviews`.
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
