import Anomaly
import Files
import Foundation
import Reporting

/// The model and the study that a report was made from, found again from its record.
struct RecordedInputs {
  let report: String
  let run: RunRow
  let record: RunRecord?

  /// The file of the model that made the report.
  ///
  /// - Parameter given: path that the user gives instead of the recorded ones.
  /// - Throws: `NormaError` if no file there is that model, by its SHA-256.
  func model(given: String?) throws(NormaError) -> String {
    if let given {
      guard FileManager.default.fileExists(atPath: given) else {
        throw NormaError(
          subject: given, found: "there is no such file", remedy: "Give the model of \(report) with --model")
      }
      guard isModel(given) else {
        throw NormaError(
          subject: given, found: "it is not the model that made \(report): its SHA-256 differs",
          remedy: "Give that model with --model")
      }
      return given
    }
    guard let record else {
      throw NormaError(
        subject: report, found: "it was written by an older norma, which does not say what model made it",
        remedy: "Give --model")
    }
    let places = [record.absoluteModel, record.model].compactMap { $0 }
    guard let path = places.first(where: isModel) else {
      throw NormaError(
        subject: report, found: "the model that made it is not at \(places[0]) any more, or has changed",
        remedy: "Give the place of that model with --model")
    }
    return path
  }

  /// The folder of the study.
  ///
  /// - Parameter given: path that the user gives instead of the recorded ones.
  /// - Throws: `NormaError` if there is no folder at any recorded path.
  func study(given: String?) throws(NormaError) -> String {
    if let given { return given }
    let places = [record?.studyFolder, run.studyPath].compactMap { $0 }
    guard let path = places.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
      throw NormaError(
        subject: report, found: "its study is not at \(places[0]) any more",
        remedy: "Give the study's place with --study")
    }
    return path
  }

  private func isModel(_ path: String) -> Bool { Study.digest(ofFile: path) == run.modelSHA256 }
}
