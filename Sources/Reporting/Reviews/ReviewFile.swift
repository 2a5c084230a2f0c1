import Files
import Foundation
import Imaging

/// The JSON file of reviews that a reviewer saves from a report's pages.
///
/// ```
/// {"norma": "review 1", "study": "LGG", "model_sha256": "…", "reviews": [
///   {"case": "p1", "verdict": "agree", "note": "…", "reviewed_at": "2026-11-25T22:00:00Z", "score": 4.2}]}
/// ```
/// `note` and `score` may be left out. Members with other names are ignored.
package struct ReviewFile: Sendable {
  package let path: String
  package let reviews: [Review]
  /// The title of the report that it was saved from; `nil` where it does not say.
  package let study: String?

  private static let format = "review 1"
  private static let formatName = "review"
  /// Enough for 60,000 cases with a note of one kilobyte each.
  private static let mostBytes = 64 << 20

  /// - Parameter reviewer: the name of the reviewer to record.
  package init(path: String, reviewer: String? = nil) throws(NormaError) {
    self.path = path
    let content = try Self.content(of: path)
    var reviews: [Review] = []
    for (index, entry) in content.reviews.enumerated() {
      reviews.append(
        try Self.review(entry, at: index, path: path, modelSHA256: content.modelSHA256, reviewer: reviewer))
    }
    self.reviews = reviews
    study = content.study
  }

  // MARK: - JSON

  private struct Header: Decodable {
    var norma: String
  }

  private struct Content: Decodable {
    var modelSHA256: String
    var study: String?
    var reviews: [Entry]

    enum CodingKeys: String, CodingKey {
      case reviews, study
      case modelSHA256 = "model_sha256"
    }
  }

  private struct Entry: Decodable {
    var caseName: String
    var verdict: String
    var note: String?
    var reviewedAt: String
    var score: Double?

    enum CodingKeys: String, CodingKey {
      case verdict, note, score
      case caseName = "case"
      case reviewedAt = "reviewed_at"
    }
  }

  private static func content(of path: String) throws(NormaError) -> Content {
    let data = try read(path)
    let decoder = JSONDecoder()
    do {
      let header = try decoder.decode(Header.self, from: data)
      guard header.norma == format else { throw otherFormat(header.norma, path: path) }
      return try decoder.decode(Content.self, from: data)
    } catch let known as NormaError {
      throw known
    } catch {
      throw malformed(error, path: path)
    }
  }

  private static func read(_ path: String) throws(NormaError) -> Data {
    do {
      let size = FileState(ofFile: path)?.size ?? 0
      guard size <= mostBytes else {
        throw NormaError(
          subject: path, found: "the file has \(size >> 20) MiB; \(mostBytes >> 20) at most are expected of reviews",
          remedy: "Give the file that a report's page saved")
      }
      return try Data(contentsOf: URL(filePath: path))
    } catch let known as NormaError {
      throw known
    } catch {
      throw NormaError(
        subject: path, found: "the file is not there or cannot be read",
        remedy: "Check the path and the permissions of the file")
    }
  }

  private static func review(
    _ entry: Entry, at index: Int, path: String, modelSHA256: String, reviewer: String?
  ) throws(NormaError) -> Review {
    func wrong(_ what: String, _ expected: String) -> NormaError {
      NormaError(
        subject: path, found: "reviews[\(index)].\(what); \(expected) is expected", remedy: "Save the file again")
    }
    guard let verdict = Verdict(rawValue: entry.verdict) else {
      throw wrong("verdict is '\(PrintableText.escaped(entry.verdict))'", "agree, disagree or unsure")
    }
    guard let time = ReviewTime.normalized(entry.reviewedAt) else {
      throw wrong(
        "reviewed_at is '\(PrintableText.escaped(entry.reviewedAt))'", "a time in UTC such as 2026-11-25T22:00:00Z")
    }
    return Review(
      caseName: entry.caseName, verdict: verdict, note: entry.note ?? "", reviewedAt: time, reviewer: reviewer,
      modelSHA256: modelSHA256, score: entry.score)
  }

  // MARK: - Sentences

  private static func otherFormat(_ found: String, path: String) -> NormaError {
    if found.hasPrefix(formatName + " ") {
      return NormaError(
        subject: path, found: "the file is a '\(PrintableText.escaped(found))'; '\(format)' is expected",
        remedy: "Update norma, or save the reviews from a report of this one")
    }
    return NormaError(
      subject: path, found: "the file holds '\(PrintableText.escaped(found))' of norma's and no reviews",
      remedy: "Give the file that a report's page saved")
  }

  private static func malformed(_ error: any Error, path: String) -> NormaError {
    let detail: String
    switch error as? DecodingError {
    case .keyNotFound(let key, _) where key.stringValue == "norma":
      return NormaError(
        subject: path, found: "the file is JSON, but holds no reviews of norma's",
        remedy: "Give the file that a report's page saved")
    case .keyNotFound(let key, let context):
      detail = "\(place(context.codingPath + [key])) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      detail = "\(place(context.codingPath)) is not what a file of reviews has there"
    default: detail = "the file is no JSON"
    }
    return NormaError(subject: path, found: detail, remedy: "Save it from the report's page again")
  }

  /// The place of a JSON value as text, for example `reviews[2].score`.
  private static func place(_ path: [any CodingKey]) -> String {
    let place = path.reduce(into: "") { text, key in
      if let index = key.intValue { text += "[\(index)]" } else { text += (text.isEmpty ? "" : ".") + key.stringValue }
    }
    return place.isEmpty ? "the file" : place
  }
}
