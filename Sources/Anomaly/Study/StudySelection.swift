import Files
import Foundation

/// Which files and cases of a study are taken.
package struct StudySelection: Codable, Sendable, Equatable {
  /// Patterns of what is left out.
  package var excluded: [String] = []
  /// Patterns of files that are taken although they look like masks.
  package var included: [String] = []
  /// Names of the only cases to take; `nil` for all.
  package var cases: [String]?

  package init(excluded: [String] = [], included: [String] = [], cases: [String]? = nil) {
    self.excluded = excluded
    self.included = included
    self.cases = cases
  }

  /// Reads names of cases from a file, one a line. Empty lines are skipped.
  package static func names(inFile path: String) throws(NormaError) -> [String] {
    let text: String
    do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
      throw NormaError(
        subject: path, found: "the file cannot be read as UTF-8 text; the name of a case was expected in every line",
        remedy: "Give such a file with --cases")
    }
    let names = text.split(whereSeparator: \.isNewline).map(String.init)
    guard !names.isEmpty else {
      throw NormaError(
        subject: path, found: "it names no case; the name of a case was expected in every line",
        remedy: "Give such a file with --cases")
    }
    return names
  }

  /// Whether a pattern fits a file: its path in the study, its case, or a file or folder of the path.
  ///
  /// - Parameter file: path relative to the study.
  static func fits(_ pattern: String, _ file: String, ofCase name: String) -> Bool {
    let glob = NameGlob(pattern)
    let parts = FilePath.parts(of: file)
    let folders = parts.indices.map { parts[...$0].joined(separator: "/") }
    return ([file, name] + parts + folders).contains(where: glob.matches)
  }

  func excludes(_ file: String, ofCase name: String) -> Bool {
    excluded.contains { Self.fits($0, file, ofCase: name) }
  }

  func includes(_ file: String, ofCase name: String) -> Bool {
    included.contains { Self.fits($0, file, ofCase: name) }
  }
}

extension StudySelection: CustomStringConvertible {
  /// The first digits of the SHA-256 of the names, one a line.
  private static func digest(of names: [String]) -> String {
    Digest.of(names.joined(separator: "\n")).prefix(6).hexadecimal
  }

  /// The selection in words: `without *_mask.tif; 12 chosen cases (SHA-256 of the list 0123456789ab)`.
  package var description: String {
    let parts =
      [
        excluded.isEmpty ? nil : "without \(excluded.joined(separator: ", "))",
        included.isEmpty ? nil : "with \(included.joined(separator: ", "))",
        cases.map { "\(Count.of($0.count, "chosen case")) (SHA-256 of the list \(Self.digest(of: $0)))" },
      ].compactMap { $0 }
    return parts.isEmpty ? "all cases" : parts.joined(separator: "; ")
  }
}
