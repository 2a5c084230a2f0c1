import Foundation
import GRDB

/// One call of `norma analyze`: a row of the index's table of runs.
package struct RunRow: Sendable, Equatable, Codable, FetchableRecord {
  package var id: Int64
  /// Start of the run, ISO 8601 in UTC.
  package var startedAt: String
  package var finishedAt: String?
  package var status: Status
  package var toolVersion: String
  package var modelSHA256: String
  /// The run's `StudyContext` as JSON.
  package var configuration: String
  package var studyPath: String
  /// Why the scores of this study may mean nothing; `nil` if the study looks like the training study.
  package var domainShift: String?

  enum CodingKeys: String, CodingKey {
    case id, status, configuration
    case startedAt = "started_at"
    case finishedAt = "finished_at"
    case toolVersion = "tool_version"
    case modelSHA256 = "model_sha256"
    case studyPath = "study_path"
    case domainShift = "domain_shift"
  }

  /// The study context of the run, decoded from `configuration`.
  package var context: StudyContext {
    get throws { try JSONDecoder().decode(StudyContext.self, from: Data(configuration.utf8)) }
  }
}
