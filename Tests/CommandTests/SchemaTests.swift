import Foundation
import Testing

/// What commands print as JSON, against the schemas that `norma schema` prints.
struct SchemaTests {
  private let folder: TemporaryFolder

  init() throws { folder = try LongBatch.shared.get().folder }

  private func schema(_ name: String) throws -> JSONSchema {
    let result = try Program.run(["schema", name], in: folder)
    try #require(result.status == 0, "\(result.errors)")
    return try JSONSchema(result.output)
  }

  @Test(
    arguments: [
      ("cases", "cases whole --format json"),
      ("cases", "cases whole --format json --columns name,verdict,note,reviewed,worst_place_score,in_study"),
      ("regions", "cases whole --format json --regions"),
      ("regions", "cases whole --format json --regions --columns case,x,peak_x,score,case_peak,micrometers_per_pixel"),
      ("evaluate", "evaluate whole --masks schema-masks --json"),
      ("evaluate", "evaluate whole --masks schema-masks --json --scores"),
      ("inspect", "inspect patients/case0/slice0.tif --json"),
      ("inspect", "inspect patients/case0/slice0.tif patients/case1/slice0.tif --json"),
      ("model", "model model.safetensors --json"),
      ("model", "model model.safetensors model.safetensors --json"),
      ("verify", "verify whole --json"),
    ])
  func `what a command prints is what its schema says`(name: String, line: String) throws {
    try folder.writeMask("schema-masks/case0/slice0_mask.tif", size: 128, lesion: (x: 40, y: 50, radius: 4))
    let result = try Program.run(line.split(separator: " ").map(String.init), in: folder)
    #expect(result.output.count > 20, "\(result.errors)")
    #expect(try schema(name).faults(in: result.output) == [])
  }

  @Test func `the state of shards is what its schema says`() throws {
    try #require(
      try Program.run(LongBatch.analyze(to: "schema-shards") + ["--shard", "1/2"], in: folder).status == 0)
    let result = try Program.run(["status", "schema-shards", "--json"], in: folder)
    #expect(try schema("status").faults(in: result.output) == [])
  }

  @Test func `every column of cases and regions has its type`() throws {
    for (name, rows) in [("cases", []), ("regions", ["--regions"])] {
      // The answer to a name that does not exist lists those that do.
      let refused = try Program.run(["cases", "whole", "--columns", "nonsense"] + rows, in: folder)
      let list = try #require(refused.errors.firstMatch(of: /Use one of ([a-z0-9_, ]+)\./)).1
      let columns = list.split(separator: ", ").map(String.init)
      #expect(columns.count > 20, "\(refused.errors)")
      let result = try Program.run(
        ["cases", "whole", "--format", "json", "--columns", columns.joined(separator: ",")] + rows, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      #expect(try schema(name).faults(in: result.output) == [])
    }
  }

  @Test(
    arguments: [
      ("verify", #"{"report": "R", "is_intact": true, "cases": 1, "scans": 1, "faults": []}"#, "$: notes is missing"),
      (
        "verify", #"{"report": "R", "is_intact": 1, "cases": 1, "scans": -1, "faults": [], "notes": [2]}"#,
        "$.is_intact: 1 is no [\"boolean\"]"
      ),
      ("cases", #"[{"name": 3}]"#, "$[0].name: 3 is no [\"string\", \"null\"]"),
      ("cases", #"[{"nonsense": 3}]"#, "$[0]: nonsense is not in the schema"),
      ("inspect", #"[{"path": "a"}]"#, "$: 0 of the alternatives fit"),
    ])
  func `a schema refuses what it does not say`(name: String, text: String, fault: String) throws {
    let faults = try schema(name).faults(in: text)
    #expect(faults.contains(fault), "\(faults)")
  }
}
