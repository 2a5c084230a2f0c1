import GRDB

/// A reviewer's opinion of whether a case was flagged correctly.
package enum Verdict: String, Sendable, CaseIterable {
  case agree, disagree, unsure
}

/// A reviewer's verdict and note on one case of a report.
package struct Review: Sendable, Equatable {
  package var caseName: String
  package var verdict: Verdict
  package var note: String
  /// The time of the review, ISO 8601 in UTC, with a fraction of a second if the source had one.
  package var reviewedAt: String
  package var reviewer: String?
  /// SHA-256 of the model whose report was reviewed; `nil` if it was not recorded.
  package var modelSHA256: String?
  /// The score of the case when it was reviewed; `nil` if it had none.
  package var score: Double?

  package init(
    caseName: String, verdict: Verdict, note: String = "", reviewedAt: String, reviewer: String? = nil,
    modelSHA256: String? = nil, score: Double? = nil
  ) {
    self.caseName = caseName
    self.verdict = verdict
    self.note = note
    self.reviewedAt = reviewedAt
    self.reviewer = reviewer
    self.modelSHA256 = modelSHA256
    self.score = score
  }

  /// Whether this review replaces the other. The newer review wins. Between two reviews of the same time their contents
  /// decide, so that the order in which files are read makes no difference.
  func supersedes(_ other: Review) -> Bool {
    (
      Self.sortable(reviewedAt), verdict.rawValue, note, reviewer ?? "", modelSHA256 ?? "", score ?? -.infinity
    ) > (
      Self.sortable(other.reviewedAt), other.verdict.rawValue, other.note, other.reviewer ?? "",
      other.modelSHA256 ?? "", other.score ?? -.infinity
    )
  }

  /// The time without its final `Z`, so that a whole second sorts before the same second with a fraction.
  private static func sortable(_ time: String) -> Substring { time.dropLast() }
}

extension Review {
  static let columns = "case_name, verdict, note, reviewed_at, reviewer, model_sha256, score"

  /// Returns `nil` for an unknown verdict, which the table's own check does not allow.
  init?(_ row: Row) throws {
    func value<T: DatabaseValueConvertible & StatementColumnConvertible>(_ column: String) throws -> T {
      try row.decode(forColumn: column)
    }
    guard let verdict = Verdict(rawValue: try value("verdict")) else { return nil }
    self.init(
      caseName: try value("case_name"), verdict: verdict, note: try value("note"),
      reviewedAt: try value("reviewed_at"), reviewer: try value("reviewer"), modelSHA256: try value("model_sha256"),
      score: try value("score"))
  }
}
