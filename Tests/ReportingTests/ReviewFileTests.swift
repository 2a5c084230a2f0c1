import Files
import Foundation
import Reporting
import Testing

struct ReviewFileTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/reviews.json" }

  init() throws { folder = try TemporaryFolder() }

  private func read(_ text: String) throws -> ReviewFile {
    try Data(text.utf8).write(to: URL(filePath: path))
    return try ReviewFile(path: path, reviewer: "R")
  }

  private func file(_ reviews: String) -> String {
    #"{"norma": "review 1", "study": "LGG", "model_sha256": "abc", "more": [1], "reviews": [\#(reviews)]}"#
  }

  @Test func `a file of reviews is read, and members of other names are passed over`() throws {
    let reviews = try read(
      file(
        #"""
        {"case": "p/é", "verdict": "agree", "note": "a\nb", "reviewed_at": "2026-11-25T22:00:00Z", "score": 4.2},
        {"case": "q", "verdict": "unsure", "reviewed_at": "2026-11-25T22:00:00.250Z", "score": null, "later": {}},
        {"case": "r", "verdict": "disagree", "reviewed_at": "2026-11-25T22:00:00.000Z"}
        """#)
    ).reviews
    #expect(
      reviews == [
        Review(
          caseName: "p/é", verdict: .agree, note: "a\nb", reviewedAt: "2026-11-25T22:00:00Z", reviewer: "R",
          modelSHA256: "abc", score: 4.2),
        Review(
          caseName: "q", verdict: .unsure, reviewedAt: "2026-11-25T22:00:00.25Z", reviewer: "R", modelSHA256: "abc"),
        Review(
          caseName: "r", verdict: .disagree, reviewedAt: "2026-11-25T22:00:00Z", reviewer: "R", modelSHA256: "abc"),
      ])
    #expect(try read(file("")).reviews.isEmpty)
  }

  @Test(
    arguments: [
      ("", "the file is no JSON. Save it from the report's page again."),
      ("<html>", "the file is no JSON. Save it from the report's page again."),
      (#"{"norma": "review 1", "model_sha256": "#, "the file is no JSON. Save it from the report's page again."),
      (
        String(repeating: "[", count: 100_000), "the file is no JSON. Save it from the report's page again."
      ),
      ("[]", "the file is not what a file of reviews has there. Save it from the report's page again."),
      ("{}", "the file is JSON, but holds no reviews of norma's. Give the file that a report's page saved."),
      (
        #"{"norma": "review 2"}"#,
        "the file is a 'review 2'; 'review 1' is expected. Update norma, or save the reviews from a report of this one."
      ),
      (
        #"{"norma": "model"}"#,
        "the file holds 'model' of norma's and no reviews. Give the file that a report's page saved."
      ),
      (#"{"norma": "review 1", "reviews": []}"#, "model_sha256 is missing. Save it from the report's page again."),
      (
        #"{"norma": "review 1", "model_sha256": "m"}"#, "reviews is missing. Save it from the report's page again."
      ),
      (
        #"{"norma": "review 1", "model_sha256": "m", "reviews": [{"case": "a", "verdict": "agree"}]}"#,
        "reviews[0].reviewed_at is missing. Save it from the report's page again."
      ),
      (
        #"{"norma": "review 1", "model_sha256": "m", "reviews": [{"case": 5, "verdict": "agree", "reviewed_at": ""}]}"#,
        "reviews[0].case is not what a file of reviews has there. Save it from the report's page again."
      ),
      (
        #"{"norma": "review 1", "model_sha256": "m", "reviews": [{"case": "a", "verdict": "maybe", "reviewed_at": ""}]}"#,
        "reviews[0].verdict is 'maybe'; agree, disagree or unsure is expected. Save the file again."
      ),
    ] as [(String, String)])
  func `a file that is something else gives a sentence`(text: String, message: String) throws {
    let error = #expect(throws: NormaError.self) { try read(text) }
    #expect(error.map { "\($0)" } == "\(path): \(message)")
  }

  @Test(arguments: [
    "", "yesterday", "2026-11-25", "2026-11-25T22:00:00", "2026-11-25T22:00:00+02:00", "2026-02-30T22:00:00Z",
    "2026-11-25T25:00:00Z", "2026-11-25T22:00:00.Z", " 2026-11-25T22:00:00Z",
  ])
  func `a review without a time in UTC is refused`(time: String) throws {
    let error = #expect(throws: NormaError.self) {
      try read(file(#"{"case": "a", "verdict": "agree", "reviewed_at": "\#(time)"}"#))
    }
    #expect(
      error?.found
        == "reviews[0].reviewed_at is '\(time)'; a time in UTC such as 2026-11-25T22:00:00Z is expected")
  }

  @Test func `a file that is not there or too large gives a sentence`() throws {
    let absent = #expect(throws: NormaError.self) { try ReviewFile(path: path) }
    #expect(
      absent.map { "\($0)" }
        == "\(path): the file is not there or cannot be read. Check the path and the permissions of the file.")
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    try FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: 65 << 20)
    let large = #expect(throws: NormaError.self) { try ReviewFile(path: path) }
    #expect(
      large.map { "\($0)" }
        == "\(path): the file has 65 MiB; 64 at most are expected of reviews. Give the file that a report's page saved."
    )
  }
}
