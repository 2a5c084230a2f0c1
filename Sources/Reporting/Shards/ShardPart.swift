/// A shard that has an index, with the last run in that index.
package struct ShardPart: Sendable {
  package let shard: Shard
  package let run: RunRow
  package let context: StudyContext
  /// Path of the shard's index.
  let index: String
}
