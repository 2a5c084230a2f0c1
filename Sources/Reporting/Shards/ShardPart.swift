/// A shard of a report that has an index, and what the index says of its last run.
package struct ShardPart: Sendable {
  package let shard: Shard
  package let run: RunRow
  package let context: StudyContext
  /// Path of its index.
  let index: String
}
