import GRDB

/// What a reader of a report thinks of a flag.
package enum Verdict: String, Sendable, CaseIterable {
  case agree, disagree, unsure
}

/// What somebody said of one case of a report.
package struct Review: Sendable, Equatable {
  package var caseName: String
  package var verdict: Verdict
  package var note: String
  /// ISO 8601 in UTC, with digits of a second where there were any.
  package var reviewedAt: String
  package var reviewer: String?
  /// Digest of the model whose report was judged; `nil` where it was not recorded.
  package var modelSHA256: String?
  /// The score of the case when it was judged; `nil` where it had none.
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

  /// Whether this review takes the other's place. Of two of the same moment one is chosen by what they say, so that the
  /// order in which files are read makes no difference.
  func supersedes(_ other: Review) -> Bool {
    (
      Self.sortable(reviewedAt), verdict.rawValue, note, reviewer ?? "", modelSHA256 ?? "", score ?? -.infinity
    ) > (
      Self.sortable(other.reviewedAt), other.verdict.rawValue, other.note, other.reviewer ?? "",
      other.modelSHA256 ?? "", other.score ?? -.infinity
    )
  }

  /// Without the last letter a whole second sorts before its parts.
  private static func sortable(_ time: String) -> Substring { time.dropLast() }
}

extension Review {
  static let columns = "case_name, verdict, note, reviewed_at, reviewer, model_sha256, score"

  /// `nil` for a verdict that the table's own check does not let in.
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
