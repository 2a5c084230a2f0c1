import Compute
import Files
import Foundation
import Imaging
import Reporting

/// The version of the program.
package enum ToolVersion {
  package static let current = "0.1.0"

  /// What the program consists of, from top to bottom, for a report of a fault: what it is and its version.
  package static func parts() throws -> [(name: String, version: String)] {
    [
      ("norma", current), ("commit", commit ?? "not recorded, since this is no package of .ci/package"),
      ("Swift", compiler), ("compute", Engine.description), ("files", TIFFFile.library),
      ("index", try CaseIndex.library),
    ]
  }

  /// The commit that the program was built from, which a package keeps beside it in `share/norma/commit`.
  private static var commit: String? {
    guard let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
    let prefix = FilePath.folder(of: FilePath.folder(of: program))
    return try? String(contentsOfFile: prefix + "/share/norma/commit", encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A compiler tells programs only which versions it is not older than.
  private static var compiler: String {
    #if compiler(>=6.4)
      "6.4 or newer"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }
}
