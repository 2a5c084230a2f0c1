import Foundation
import Testing

@Test func `verify says that a report is whole, and names what is not`() throws {
  let batch = try LongBatch.shared.get()
  let whole = try Program.run("verify", "whole", in: batch.folder)
  #expect(whole.status == 0)
  #expect(whole.output == "whole: 24 cases, 72 scans; nothing is missing or altered\n")
  try FileManager.default.copyItem(atPath: batch.folder.file("whole"), toPath: batch.folder.file("spoilt"))
  for name in ["case3/slice1.heatmap.tif", "case4/slice0.scan.png"] {
    try FileManager.default.removeItem(atPath: batch.folder.file("spoilt/cases/\(name)"))
  }
  let spoilt = try Program.run("verify", "spoilt", in: batch.folder)
  #expect(spoilt.status == 1)
  #expect(
    spoilt.output == """
      spoilt/cases/case3/slice1.heatmap.tif: the heatmap is missing. Run norma analyze again.
      spoilt/cases/case4/slice0.scan.png: the file is missing, its scan's page shows it. Run norma analyze again.
      spoilt: 24 cases, 72 scans; 2 faults

      """)
  let repaired = try Program.run(LongBatch.analyze(to: "spoilt"), in: batch.folder)
  #expect(repaired.output.contains("22 unchanged since the last run"))
  #expect(try Program.run("verify", "spoilt", in: batch.folder).status == 0)
  #expect(try Program.run("verify", "nowhere", in: batch.folder).status == 1)
}
