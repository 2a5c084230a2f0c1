import Foundation
import GRDB
import Reporting
import Testing

@Test func `every table, view and column of the index is in the reference`() throws {
  let reference = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Sources/norma/norma.docc/IndexReference.md")
  let text = try String(contentsOf: reference, encoding: .utf8)
  let section = try #require(text.range(of: "### The tables of `cases.sqlite`"))
  let lines = text[section.upperBound...].split(separator: "\n").filter { $0.hasPrefix("| `") }
  let folder = try TemporaryFolder()
  _ = try CaseIndex(writingTo: folder.path + "/cases.sqlite")
  let database = try DatabaseQueue(path: folder.path + "/cases.sqlite")
  try database.read { database in
    let names = try String.fetchAll(
      database,
      sql: """
        SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'
        AND name NOT LIKE 'grdb%'
        """)
    #expect(names.count >= 11)
    for name in names {
      let line = try #require(lines.first { $0.hasPrefix("| `\(name)` |") }, "\(name) is not described")
      // The overviews are described by the tables they join.
      let known = name.hasSuffix("_overview") ? lines.joined() : String(line)
      for column in try database.columns(in: name).map(\.name) {
        #expect(known.contains("`\(column)`"), "\(name).\(column) is not described")
      }
    }
  }
}
