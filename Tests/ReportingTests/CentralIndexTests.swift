import Files
import Foundation
import GRDB
import Reporting
import Testing

@Test(arguments: [
  ("postgresql://lab@db.example/central", "postgresql://lab@db.example/central", nil),
  ("postgres://lab:pw@[::1]:5433/central", "postgres://lab@[::1]:5433/central", "pw"),
  ("postgresql://lab:a%40b%3A%2F%25@h/d?sslmode=require", "postgresql://lab@h/d?sslmode=require", "a@b:/%"),
  ("postgresql://lab:a:b@h", "postgresql://lab@h", "a:b"),
  ("postgresql://lab:@h", "postgresql://lab@h", nil),
  ("postgresql:///d?password=p%26w&host=%2Ftmp", "postgresql:///d?host=%2Ftmp", "p&w"),
  ("postgresql://h/d?pass%77ord=pw", "postgresql://h/d", "pw"),
])
func `a password is taken out of an address`(text: String, url: String, password: String?) throws {
  let address = try PostgresAddress(text)
  #expect(address.url == url)
  #expect(address.password == password)
}

@Test(arguments: [
  (
    "mysql://lab:hush@h/d",
    "--postgres: its value is no address of a PostgreSQL database. Give postgresql://USER@HOST/DATABASE."
  ),
  (
    "postgresql://lab:hush@hush@h/d",
    "--postgres: its value has an @ that separates nothing. "
      + "Write @ : / ? # % in a user or password as %40 %3A %2F %3F %23 %25."
  ),
  (
    "postgresql://lab:hu/sh@h/d",
    "--postgres: its value has an @ that separates nothing. "
      + "Write @ : / ? # % in a user or password as %40 %3A %2F %3F %23 %25."
  ),
  (
    "postgresql://lab:hush%zz@h/d",
    "--postgres: its value has a % that begins no character. Write % as %25."
  ),
  (
    "postgresql://lab:hush%00@h/d",
    "--postgres: its value has a % that begins no character. Write % as %25."
  ),
  (
    "postgresql://lab@h/d?sslpassword=hush",
    "--postgres: its value has sslpassword, which other users of this machine would see. "
      + "Leave it out, or name a service file."
  ),
])
func `an address whose password could be shown is refused without it`(text: String, sentence: String) {
  let error = #expect(throws: NormaError.self) { try PostgresAddress(text) }
  #expect(error?.description == sentence)
}

@Test(arguments: [
  ("NULL", #"\N"#), ("7", "7"), ("-9223372036854775808", "-9223372036854775808"), ("0.1", "0.1"), ("1e-320", "1e-320"),
  ("9e999", "Infinity"), ("-9e999", "-Infinity"), ("''", ""), ("'\\N'", #"\\N"#), ("'\\.'", #"\\."#),
  ("'a' || char(9) || 'b' || char(10) || 'c' || char(13) || '\\ \"'';'", #"a\tb\nc\r\\ "';"#), ("'é 🧠'", "é 🧠"),
])
func `values are written as COPY reads them`(value: String, text: String) throws {
  var copy = CopyText()
  try DatabaseQueue().read { database in
    try copy.append(try #require(try Row.fetchOne(database, sql: "SELECT 1, \(value), 'x'")), of: ("", ""))
  }
  #expect(String(decoding: copy.bytes, as: UTF8.self) == "1\t\(text)\tx\n")
}

@Test func `every table, view and column of the index is in the central one`() throws {
  let index = try SampleIndex()
  let statements = ([CentralSchema.tablesAndViews] + CentralSchema.upgrades).joined().components(separatedBy: ";\n")
  try DatabaseQueue(path: index.path).read { database in
    let tables = try Row.fetchAll(
      database,
      sql: """
        SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'
        AND name NOT LIKE 'grdb%' AND name NOT IN ('report', 'seals')
        """)
    #expect(tables.count >= 12)
    for table in tables {
      let (name, type) = (table["name"] as String, (table["type"] as String).uppercased())
      _ = try #require(statements.first { $0.contains("CREATE \(type) \(name) ") }, "\(name) is missing")
      // What made it, and what later versions changed of it.
      let words = Set(
        statements.filter { $0.contains("\(type) \(name) ") }.joined(separator: " ")
          .components(separatedBy: CharacterSet.alphanumerics.union(["_"]).inverted))
      for column in try database.columns(in: name).map(\.name) {
        #expect(words.contains(column), "\(name).\(column) is missing")
      }
    }
  }
}

/// What psql is given for an index.
private func script(of folder: TemporaryFolder) throws -> String {
  var bytes: [UInt8] = []
  _ = try CentralIndex(of: folder.path).script { bytes += $0 }
  return String(decoding: bytes, as: UTF8.self)
}

@Test func `a load keeps nothing before its last word`() throws {
  let index = try SampleIndex()
  let script = try script(of: index.folder)
  #expect(script.components(separatedBy: "COMMIT;").count == 2)
  #expect(script.hasSuffix("COMMIT;\n"))
  let lines = script.components(separatedBy: "\n")
  // What reaches psql before the transaction begins changes no table.
  #expect(lines.prefix(2) == ["SET client_min_messages = error;", "BEGIN;"])
  #expect(lines.count { $0 == "\\." } == 7)
}

@Test func `all rows of an index are loaded`() throws {
  let index = try SampleIndex()
  let lines = try script(of: index.folder).components(separatedBy: "\n")
  func rows(_ table: String) throws -> ArraySlice<String> {
    let start = try #require(lines.firstIndex { $0.hasPrefix("COPY pg_temp.new_\(table) (") })
    return lines[(start + 1)...].prefix { $0 != "\\." }
  }
  #expect(try rows("cases").count == 4)
  #expect(try rows("scans").count == 6)
  #expect(try rows("regions").count == 4)
  #expect(try rows("regions").first == "1\t1\t1\t2\t3\t4\t30\t6.0\t9.0\t3.5\t0.02\t0.04\t2\t3")
  #expect(
    try rows("reviews") == [
      "mild [x] 100%\tdisagree\tan artifact, isn't it\t2026-11-25T22:00:00Z\t\\N\t\(SampleStudy.model)\t3.0"
    ])
}

@Test func `the progress of a load ends with its last row`() throws {
  let index = try SampleIndex()
  try DatabaseQueue(path: index.path).write { database in
    try database.execute(sql: "UPDATE scans SET error = ?", arguments: [String(repeating: "x", count: 1 << 16)])
  }
  var told: [(Int, Int)] = []
  var central = try CentralIndex(of: index.folder.path)
  central.progress = { told.append(($0, $1)) }
  _ = try central.script { _ in }
  // Rows so far, and of all: a run, 4 cases, 6 scans, 4 regions and a review.
  #expect(told.map(\.0) == [6, 7, 8, 9, 10, 11])
  #expect(told.allSatisfy { $0.1 == 16 })
}

@Test func `a text with a NUL is a sentence`() throws {
  let index = try SampleIndex()
  try DatabaseQueue(path: index.path).write {
    try $0.execute(sql: "UPDATE reviews SET note = 'a' || char(0) || 'b'")
  }
  let error = #expect(throws: NormaError.self) { try script(of: index.folder) }
  #expect(
    error?.description
      == "\(index.path): column note of reviews holds a NUL character, which PostgreSQL does not. "
      + "Rename what it was read from and run norma analyze on this folder again.")
}

@Test func `a report keeps its identity`() throws {
  func identity(_ folder: TemporaryFolder) throws -> String {
    let lines = try script(of: folder).components(separatedBy: "\n")
    let start = try #require(lines.firstIndex { $0.hasPrefix("COPY pg_temp.new_reports (") })
    return String(lines[start + 1].prefix { $0 != "\t" })
  }
  let (one, other) = (try SampleIndex(), try SampleIndex())
  #expect(try identity(one.folder) != identity(other.folder))
  let old = try TemporaryFolder()
  let path = old.path + "/cases.sqlite"
  let queue = try DatabaseQueue(path: path)
  try IndexSchema.migrator.migrate(queue, upTo: "9: metadata of scans")
  try queue.write { database in
    let context = String(decoding: try JSONEncoder().encode(SampleStudy.context()), as: UTF8.self)
    try database.execute(
      sql: """
        INSERT INTO runs (started_at, status, tool_version, model_sha256, configuration, study_path)
        VALUES ('2024-01-01T00:00:00Z', 'done', '0.1', 'm', ?, 'S')
        """, arguments: [context])
  }
  try queue.close()
  let read = try identity(old)
  #expect(try identity(old) == read)
  _ = try CaseIndex(writingTo: path)
  #expect(try identity(old) == read)
}
