import Files
import Foundation
import GRDB
import Imaging
import Reporting
import Testing

struct ReportExportFaultTests {
  @Test func `a missing heatmap leaves its scan out, and the others are written`() throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ["#"]), .init(name: "t", rows: ["#"])])
    let heatmap = "\(study.path)/cases/a/s.heatmap.tif"
    try FileManager.default.removeItem(atPath: heatmap)
    for format in [ReportExport.Format.geojson, .mask, .imagej] {
      let (tally, sentences) = try study.export(format)
      #expect(tally.files == 1 && tally.leftOut == 1)
      #expect(
        sentences == [
          "left out: \(heatmap): the file cannot be opened: No such file or directory. Run norma analyze on this folder again."
        ])
    }
    #expect(try study.names() == ["a/t.geojson", "a/t.heatmap.tif", "a/t.mask.tif"])
    let (tally, _) = try study.export(.coco)
    #expect(tally.leftOut == 1 && tally.regions == 1)
    let images = try #require(try study.object("regions.coco.json")["images"] as? [[String: Any]])
    #expect(images.map { $0["file_name"] as? String } == ["a/t.tif"])
  }

  @Test func `an older file of a scan that is left out goes`() throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ["#"])])
    _ = try study.export(.mask)
    try FileManager.default.removeItem(atPath: "\(study.path)/cases/a/s.heatmap.tif")
    #expect(try study.export(.mask).tally == ExportTally(leftOut: 1))
    #expect(try study.names() == [])
  }

  @Test func `a heatmap of another analysis is told by its missing region or its size`() throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ["#..."]), .init(name: "t", rows: ["#..."])])
    try study.forgetDigests()
    let heatmap = "\(study.path)/cases/a/s.heatmap.tif"
    try TIFFWriter.write(Image(width: 4, height: 1, channels: 1), as: .float32, to: heatmap)
    try TIFFWriter.write(
      Image(width: 9, height: 1, channels: 1), as: .float32, to: "\(study.path)/cases/a/t.heatmap.tif")
    #expect(
      try study.export(.geojson).sentences == [
        "left out: \(heatmap): region 1, which the index has at 0, 0 with 1x1 pixels, is not in it at z 3.0. "
          + "Run norma analyze on this folder again.",
        "left out: \(study.path)/cases/a/t.heatmap.tif: it is 9 pixels wide; as many were expected as cover 4 pixels of the "
          + "scan, 1.0 at a time. Run norma analyze on this folder again.",
      ])
  }

  @Test func `a heatmap that was replaced is not exported in any format`() throws {
    for format in [ReportExport.Format.geojson, .coco, .mask, .imagej] {
      let study = try ExportStudy()
      try study.add("a", [.init(name: "s", rows: ["#..."])])
      #expect(try study.export(format).tally.leftOut == 0)
      let heatmap = "\(study.path)/cases/a/s.heatmap.tif"
      try TIFFWriter.write(Image(width: 4, height: 1, channels: 1), as: .float32, to: heatmap)
      let (tally, sentences) = try study.export(format)
      #expect(tally.leftOut == 1)
      #expect(
        sentences == [
          "left out: \(heatmap): the heatmap is not the one that was recorded: its digest differs. Run norma analyze on this "
            + "folder again."
        ])
    }
  }

  @Test func `a heatmap with another peak at that pixel is of another analysis`() throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: [".#."])])
    try study.forgetDigests()
    let heatmap = "\(study.path)/cases/a/s.heatmap.tif"
    for samples in [[0, 7.5, 0], [7.25, 7, 0]] as [[Float]] {
      try TIFFWriter.write(Image(width: 3, height: 1, channels: 1, samples: samples), as: .float32, to: heatmap)
      #expect(
        try study.export(.geojson).sentences == [
          "left out: \(heatmap): region 1, which the index has at 1, 0 with 1x1 pixels, is not in it at z 3.0. "
            + "Run norma analyze on this folder again."
        ])
    }
  }

  @Test func `a file that is cut short leaves nothing behind`() throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: [String](repeating: String(repeating: "#", count: 90), count: 90))])
    let heatmap = URL(fileURLWithPath: "\(study.path)/cases/a/s.heatmap.tif")
    var bytes = try Data(contentsOf: heatmap)
    bytes.replaceSubrange(8..<bytes.count / 2, with: Data(count: bytes.count / 2 - 8))
    try bytes.write(to: heatmap)
    for format in [ReportExport.Format.geojson, .mask, .imagej] {
      let (tally, sentences) = try study.export(format)
      #expect(tally == ExportTally(leftOut: 1))
      #expect(sentences.count == 1 && sentences[0].hasPrefix("left out: \(heatmap.path): "))
    }
    #expect(try study.names() == [])
  }

  @Test func `names stay in the folder, and no two scans share a file`() throws {
    let study = try ExportStudy()
    for name in ["..", "__", "a", "a/s.geojson", "a/", "<script>\"'\n🧠", "../../x"] {
      try study.add(name, [.init(name: "s", rows: ["#"]), .init(name: "..", rows: ["#"])])
    }
    let (tally, sentences) = try study.export(.geojson)
    #expect(tally.files == 14 && sentences.isEmpty)
    let names = try study.names()
    #expect(names.count == 14)
    #expect(names.contains("_script__'_🧠~18c0d6da26a73430/s.geojson") && names.contains("__/__/x/__.geojson"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: study.folder.path).sorted() == ["out", "report"])
  }

  @Test(arguments: ["report", "report/cases", "report/cases/a"])
  func `the report's own files are never replaced`(folder: String) throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ["#"])])
    let output = "\(study.folder.path)/\(folder)"
    #expect(
      throws: NormaError(
        subject: output, found: "the report keeps its own files there", remedy: "Choose another folder with --output")
    ) { try ReportExport(ExportSelection(of: study.path)).write(as: .imagej, to: output) }
  }

  @Test func `a file in place of the folder is named`() throws {
    let study = try ExportStudy()
    try Data().write(to: URL(fileURLWithPath: study.output))
    #expect(
      throws: NormaError(
        subject: study.output, found: "a file, not a folder",
        remedy: "Choose another folder with --output or remove the file")
    ) { try study.export(.csv) }
  }

  /// More pixels than are held at once: windows are read around regions, and what has no window gets its box.
  @Test func `of a large heatmap only the surroundings of regions are read`() throws {
    let study = try ExportStudy()
    let edge = 4100
    try study.add("a", [.init(name: "s", rows: ["#"])])
    try study.forgetDigests()
    let writer = try TIFFTileWriter(
      path: "\(study.path)/cases/a/s.heatmap.tif", width: edge, height: edge, pixelSize: nil)
    for y in 0..<edge {
      // A hook along two sides, and a patch.
      var row = [Float](repeating: y == 0 ? 5 : 0, count: edge)
      row[0] = 5
      if (2000..<2003).contains(y) { row[3000] = 9 }
      try writer.append(Plane(width: edge, height: 1, values: row))
    }
    try writer.finish()
    let database = try DatabaseQueue(path: "\(study.path)/cases.sqlite")
    try database.write { database in
      try database.execute(
        sql: """
          UPDATE scans SET width = 8200, height = 8200, downsample = 2, downsample_y = NULL;
          DELETE FROM regions;
          INSERT INTO regions (scan_id, rank, x, y, width, height, area_px, peak, mean) VALUES
            (1, 1, 6000, 4000, 2, 6, 12, 9, 9), (1, 2, 0, 0, 8200, 8200, 32796, 5, 5)
          """)
    }
    _ = try study.export(.geojson)
    let older = try study.text("a/s.geojson")
    try database.write { database in
      try database.execute(
        sql: """
          UPDATE scans SET downsample_y = 2;
          UPDATE regions SET peak_x = 6000, peak_y = 4000 WHERE rank = 1;
          UPDATE regions SET peak_x = 0, peak_y = 0 WHERE rank = 2
          """)
    }
    _ = try study.export(.geojson)
    #expect(try study.text("a/s.geojson") == older)
    let features = try #require(try study.object("a/s.geojson")["features"] as? [[String: Any]])
    let rings = features.map { ($0["geometry"] as? [String: Any])?["coordinates"] as? [[[Double]]] }
    #expect(
      rings == [
        [[[6002, 4000], [6002, 4006], [6000, 4006], [6000, 4000], [6002, 4000]]],
        [[[0, 0], [8200, 0], [8200, 8200], [0, 8200], [0, 0]]],
      ])
    let outlines = features.map { feature in
      ((feature["properties"] as? [String: Any])?["metadata"] as? [String: String])?["outline"]
    }
    #expect(outlines == ["heatmap", "bounding box"])
    _ = try study.export(.mask)
    let mask = try TIFFFile(path: study.output + "/a/s.mask.tif")
    #expect(try mask.region(page: 1, x: 2999, y: 1999, width: 3, height: 2).samples == [0, 0, 0, 0, 255, 0])
  }
}
