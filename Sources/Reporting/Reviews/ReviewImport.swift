import Files
import GRDB

/// Counts of the reviews that an import added, changed or ignored.
package struct ReviewImport: Sendable, Equatable {
  package var new = 0
  package var changed = 0
  /// Reviews that the index already has, or that are older than its review of the same case.
  package var unchanged = 0
  /// Names of cases that the index does not have, in the order of the file. Their reviews are not kept.
  package var unknownCases: [String] = []
  /// How many of the reviews judge the report of a different model than the one that scored their case.
  package var ofOtherModels = 0
  /// How many of the reviews judge another score by the same model than their case has.
  package var ofOtherScores = 0

  package init(
    new: Int = 0, changed: Int = 0, unchanged: Int = 0, unknownCases: [String] = [], ofOtherModels: Int = 0,
    ofOtherScores: Int = 0
  ) {
    self.new = new
    self.changed = changed
    self.unchanged = unchanged
    self.unknownCases = unknownCases
    self.ofOtherModels = ofOtherModels
    self.ofOtherScores = ofOtherScores
  }
}

extension CaseIndex {
  /// Records reviews in one transaction. If a case has two reviews, the newer one is kept.
  package func record(_ reviews: [Review]) throws(NormaError) -> ReviewImport {
    var newest: [String: Review] = [:]
    var names: [String] = []
    for review in reviews {
      guard let known = newest[review.caseName] else {
        newest[review.caseName] = review
        names.append(review.caseName)
        continue
      }
      if review.supersedes(known) { newest[review.caseName] = review }
    }
    let ordered = names.compactMap { newest[$0] }
    let result = try write { database in
      var result = ReviewImport()
      for review in ordered { try Self.record(review, in: database, &result) }
      return result
    }
    becomePlainFile()
    return result
  }

  private static func record(_ review: Review, in database: Database, _ result: inout ReviewImport) throws {
    let cases = try database.cachedStatement(sql: "SELECT model_sha256, score FROM cases WHERE name = ?")
    guard let row = try Row.fetchOne(cases, arguments: [review.caseName]) else {
      result.unknownCases.append(review.caseName)
      return
    }
    if let judged = review.modelSHA256 {
      if judged != row["model_sha256"] {
        result.ofOtherModels += 1
      } else if let score = review.score, let own = row["score"] as Double?, score != own {
        result.ofOtherScores += 1
      }
    }
    let known = try database.cachedStatement(sql: "SELECT \(Review.columns) FROM reviews WHERE case_name = ?")
    let old = try Row.fetchOne(known, arguments: [review.caseName]).flatMap { try Review($0) }
    if let old, !review.supersedes(old) {
      result.unchanged += 1
      return
    }
    try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO reviews (\(Review.columns)) VALUES (?, ?, ?, ?, ?, ?, ?)"
    ).execute(arguments: [
      review.caseName, review.verdict.rawValue, review.note, review.reviewedAt, review.reviewer, review.modelSHA256,
      review.score,
    ])
    if old == nil { result.new += 1 } else { result.changed += 1 }
  }
}
