import Files
import Foundation
import Testing

@Suite struct LogTests {
  private let folder: TemporaryFolder

  private init() throws {
    folder = try TemporaryFolder()
    for k in 0..<4 { try folder.writeScan("healthy/case\(k).tif") }
    try folder.writeScan("patients/well/slice.tif")
    try folder.writeScan("patients/mixed/good.tif")
    try folder.write("hello", to: "patients/mixed/a \"b\".tif")
  }

  private func records(_ arguments: String...) throws -> (records: [[String: Any]], result: Program.Result) {
    let result = try Program.run(arguments + ["--log-format", "json"], in: folder)
    let records = try result.errors.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
    }
    for record in records {
      for key in ["time", "level", "message", "command"] { #expect(record[key] is String, "\(record)") }
      _ = try Date(
        #require(record["time"] as? String), strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
    return (records, result)
  }

  @Test func `every message of a batch is an object that says what it is about`() throws {
    let train = try records("train", "healthy", "--output", "model.safetensors", "--epochs", "1", "--held-out", "0.5")
    #expect(train.result.status == 0)
    #expect(train.records.contains { $0["command"] as? String == "train" && $0["progress"] is Double })

    let analyze = try records("analyze", "patients", "--model", "model.safetensors", "--output", "report")
    #expect(analyze.result.status == 1)
    let failed = analyze.records.filter { $0["level"] as? String == "error" }
    #expect(failed.count == 1)
    let fault = try #require(failed.first)
    #expect(fault["case"] as? String == "mixed")
    #expect(fault["scan"] as? String == "a \"b\"")
    #expect(fault["path"] as? String == "patients/mixed/a \"b\".tif")
    #expect(fault["fault"] as? String == "malformed")
    #expect(fault["remedy"] as? String == "Give the picture itself")
    let end = try #require(analyze.records.last)
    #expect(end["message"] as? String == "finished")
    #expect(end["cases"] as? Int == 2 && end["scans"] as? Int == 3 && end["failed"] as? Int == 1)
  }

  @Test func `the error that ends a command is an object too`() throws {
    let (records, result) = try records("analyze", "nowhere", "--model", "absent.safetensors")
    #expect(result.status == 1)
    #expect(records.count == 1)
    #expect(records.first?["level"] as? String == "critical")
    #expect(records.first?["path"] as? String == "absent.safetensors")
    #expect(records.first?["error"] as? String == "NormaError")
  }
}
