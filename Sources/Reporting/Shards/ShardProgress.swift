import Files
import GRDB

/// The progress of a shard according to its index.
package struct ShardProgress: Sendable, Equatable {
  package let shard: Shard
  /// Status of the shard's last run; `nil` if no run has begun.
  package let status: Status?
  /// Number of finished cases.
  package let done: Int
  /// Number of cases that belong to the shard; `nil` if unknown.
  package let cases: Int?
  package let failedScans: Int
  /// Number of recorded cases that left the study.
  package let absent: Int
  /// Scans in which there is nothing to score.
  package let emptyScans: Int
  package let startedAt: String?
  package let finishedAt: String?

  /// All shards of a report, including shards that no run has begun. Empty if the report has no shards.
  ///
  /// This can read the indexes while other processes, on any host, write them.
  package static func all(in folder: ReportFolder) throws(NormaError) -> [ShardProgress] {
    let found = folder.shardsFound
    guard let count = found.last?.count else { return [] }
    try ShardMerge.checkDivision(found, in: folder)
    var known: [Int: ShardProgress] = [:]
    for shard in found {
      known[shard.number] = try ShardProgress(shard, in: folder)
    }
    return (1...count).map { known[$0] ?? ShardProgress(waiting: Shard(number: $0, of: count)!) }
  }

  private init(_ shard: Shard, in folder: ReportFolder) throws(NormaError) {
    self.shard = shard
    let index = try CaseIndex(readingFrom: ReportFolder(folder.path, shard: shard).index, sharing: .network)
    let run = try index.latestRun()
    status = run?.status
    (startedAt, finishedAt) = (run?.startedAt, run?.finishedAt)
    cases = (try? run?.context)?.shard?.cases
    (done, failedScans, emptyScans, absent) = try index.read { database in
      func scans(_ status: Status) throws -> Int {
        try Int.fetchOne(
          database,
          sql: """
            SELECT count(*) FROM scans JOIN cases ON cases.id = scans.case_id WHERE scans.status = ? AND cases.in_study = 1
            """, arguments: [status.rawValue]) ?? 0
      }
      return (
        try Int.fetchOne(
          database, sql: "SELECT count(*) FROM cases WHERE scoring <> ? AND in_study = 1",
          arguments: [CaseIndex.unfinished]) ?? 0,
        try scans(.failed), try scans(.empty),
        try Int.fetchOne(database, sql: "SELECT count(*) FROM cases WHERE in_study = 0") ?? 0
      )
    }
  }

  package init(waiting shard: Shard) {
    self.shard = shard
    (status, done, cases, failedScans, emptyScans, absent, startedAt, finishedAt) = (nil, 0, nil, 0, 0, 0, nil, nil)
  }
}
