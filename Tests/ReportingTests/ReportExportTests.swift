import Files
import Foundation
import GRDB
import Imaging
import Reporting
import Testing

struct ReportExportTests {
  private let ring = ["......", ".####.", ".#..#.", ".####.", "......"]

  private func features(_ object: [String: Any]) -> [[String: Any]] { object["features"] as? [[String: Any]] ?? [] }

  @Test func `GeoJSON holds a region as QuPath reads it`() throws {
    var study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ring, pixelSize: PixelSize(x: 100, y: 100))])
    try study.finish()
    #expect(try study.export(.geojson).tally == ExportTally(files: 1, regions: 1))
    let object = try study.object("a/s.geojson")
    #expect(object["type"] as? String == "FeatureCollection")
    let feature = try #require(features(object).first)
    #expect(feature["type"] as? String == "Feature")
    #expect(UUID(uuidString: feature["id"] as? String ?? "") != nil)
    let geometry = try #require(feature["geometry"] as? [String: Any])
    #expect(geometry["type"] as? String == "Polygon")
    #expect(
      geometry["coordinates"] as? [[[Double]]] == [
        [[5, 1], [5, 4], [1, 4], [1, 1], [5, 1]], [[4, 3], [4, 2], [2, 2], [2, 3], [4, 3]],
      ])
    let properties = try #require(feature["properties"] as? [String: Any])
    #expect(properties["objectType"] as? String == "annotation")
    #expect(properties["name"] as? String == "Region 1")
    let classification = try #require(properties["classification"] as? [String: Any])
    #expect(classification["name"] as? String == "Anomaly")
    #expect(classification["color"] as? [Int] == [94, 234, 255])
    let measurements = try #require(properties["measurements"] as? [String: Double])
    #expect(
      measurements == [
        "rank": 1, "peak z": 7.25, "mean z": 7.25, "area px": 10, "area mm2": 0.1, "p": 0.05, "q": 0.05,
      ])
    let metadata = try #require(properties["metadata"] as? [String: String])
    #expect(metadata == ["case": "a", "scan": "s", "path": "a/s.tif", "outline": "heatmap"])
  }

  @Test func `the same report gives the same bytes again`() throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ring)])
    for format in ReportExport.Format.allCases {
      _ = try study.export(format)
      let first = try study.names().map { try Data(contentsOf: URL(fileURLWithPath: "\(study.output)/\($0)")) }
      _ = try study.export(format)
      #expect(try study.names().map { try Data(contentsOf: URL(fileURLWithPath: "\(study.output)/\($0)")) } == first)
    }
  }

  @Test func `outlines of a slide are in pixels of its full size`() throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ["#...", ".##."], downsample: 4)])
    _ = try study.export(.geojson)
    let object = try study.object("a/s.geojson")
    let feature = try #require(features(object).first)
    let geometry = try #require(feature["geometry"] as? [String: Any])
    #expect(geometry["type"] as? String == "MultiPolygon")
    #expect(
      geometry["coordinates"] as? [[[[Double]]]] == [
        [[[4, 0], [4, 4], [0, 4], [0, 0], [4, 0]]], [[[12, 4], [12, 8], [4, 8], [4, 4], [12, 4]]],
      ])
    _ = try study.export(.coco)
    let annotations = try study.object("regions.coco.json")["annotations"] as? [[String: Any]]
    let annotation = try #require(annotations?.first)
    #expect(annotation["area"] as? Double == 48)
    #expect(annotation["bbox"] as? [Double] == [0, 0, 12, 8])
  }

  @Test(arguments: [1, 4]) func `a region is the group that holds its peak, whatever reaches into its box`(
    downsample: Int
  ) throws {
    let study = try ExportStudy()
    let rows = ["#....", ".#.#.", "...#.", "##.#.", ".###."]
    try study.add("a", [.init(name: "s", rows: rows, downsample: downsample)])
    _ = try study.export(.coco)
    let annotations = try #require(try study.object("regions.coco.json")["annotations"] as? [[String: Any]])
    let scale = Double(downsample)
    #expect(annotations.map { $0["area"] as? Double } == [8 * scale * scale, 2 * scale * scale])
    #expect(annotations.map { $0["peak_x"] as? Int } == [3 * downsample, 0])
    #expect(annotations.map { $0["peak_y"] as? Int } == [downsample, 0])
    guard downsample == 1 else { return }
    // In an older index the value is looked for, which here is everywhere the same: the first place in a box that the
    // box of its group allows.
    try study.forgetPeaks()
    #expect(try study.export(.coco).tally == ExportTally(files: 1, regions: 2))
    let again = try #require(try study.object("regions.coco.json")["annotations"] as? [[String: Any]])
    #expect(again.map { $0["area"] as? Double } == [8, 2])
    #expect(again.map { $0["segmentation"] as? [[Double]] } == annotations.map { $0["segmentation"] as? [[Double]] })
  }

  @Test(arguments: ReportExport.Format.allCases, [1, 4])
  func `an index of an older norma gives the same outlines`(format: ReportExport.Format, downsample: Int) throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ["#..#", ".#..", "...#", "...#"], downsample: downsample)])
    _ = try study.export(format)
    let name = try #require(try study.names().first)
    let first = try Data(contentsOf: URL(fileURLWithPath: "\(study.output)/\(name)"))
    try study.forgetPeaks()
    let (tally, sentences) = try study.export(format)
    #expect(tally.leftOut == 0 && sentences == [])
    let second = try Data(contentsOf: URL(fileURLWithPath: "\(study.output)/\(name)"))
    // The tables of regions have the peaks themselves.
    if format != .csv, format != .coco { #expect(second == first) }
  }

  @Test func `COCO's polygons have no holes and the heatmap's area`() throws {
    let study = try ExportStudy()
    try study.add("b", [.init(name: "s", rows: ring)])
    try study.add("a", [.init(name: "t-p001", rows: ["##", ".."], page: 1, path: "a/t.tif")])
    #expect(try study.export(.coco).tally == ExportTally(files: 1, regions: 2))
    let object = try study.object("regions.coco.json")
    let images = try #require(object["images"] as? [[String: Any]])
    #expect(images.map { $0["file_name"] as? String } == ["a/t.tif", "b/s.tif"])
    #expect(images.map { $0["id"] as? Int } == [1, 2] && images.map { $0["width"] as? Int } == [2, 6])
    #expect(images[0]["page"] as? Int == 1 && images[1]["page"] == nil)
    let annotations = try #require(object["annotations"] as? [[String: Any]])
    #expect(annotations.map { $0["image_id"] as? Int } == [1, 2])
    #expect(annotations.map { $0["area"] as? Double } == [2, 10])
    #expect(annotations.map { $0["iscrowd"] as? Int } == [0, 0])
    #expect(annotations[0]["segmentation"] as? [[Double]] == [[2, 0, 2, 1, 0, 1, 0, 0]])
    #expect((annotations[1]["segmentation"] as? [[Double]])?.count == 2)
    let categories = try #require(object["categories"] as? [[String: Any]])
    #expect(categories.map { $0["name"] as? String } == ["anomaly"] && categories[0]["id"] as? Int == 1)
  }

  @Test func `the table quotes names and disarms formulas`() throws {
    var study = try ExportStudy()
    try study.add("=1+2", [.init(name: "a, \"b\"\n<script>", rows: ["#"], pixelSize: PixelSize(x: 500, y: 500))])
    try study.add("-🧠", [.init(name: "..", rows: ["##"], page: 3, path: "@x.tif")])
    try study.finish()
    #expect(try study.export(.csv).tally == ExportTally(files: 1, regions: 2))
    #expect(
      try study.text("regions.csv")
        == "case,scan,path,page,rank,x,y,width,height,area_px,area_mm2,peak,mean,p_value,q_value,micrometers_per_pixel,peak_x,peak_y\r\n"
        + "'-🧠,..,'@x.tif,3,1,0,0,2,1,2,,7.25,7.25,0.05,0.05,,0,0\r\n"
        + "'=1+2,\"a, \"\"b\"\"\n<script>\",\"'=1+2/a, \"\"b\"\"\n<script>.tif\",,1,0,0,1,1,1,0.25,7.25,7.25,0.05,0.05,500.0,0,0\r\n"
    )
  }

  @Test func `a mask is 255 from the level of regions on, with the heatmap's pixel size`() throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ["#..", ".#."], pixelSize: PixelSize(x: 2, y: 2), downsample: 4)])
    #expect(try study.export(.mask).tally == ExportTally(files: 1))
    let file = try TIFFFile(path: study.output + "/a/s.mask.tif")
    #expect(file.pages[0].bitsPerSample == 8)
    #expect(try file.image().samples == [255, 0, 0, 0, 255, 0])
    #expect(abs((file.pages[0].pixelSize?.x ?? 0) - 8) < 1e-4)
  }

  @Test func `ImageJ gets the pages of a stack in one file, those of another size in another`() throws {
    let study = try ExportStudy()
    try study.add(
      "a",
      [
        .init(name: "s-p001", rows: ["#."], page: 1, path: "a/s.tif"),
        .init(name: "s-p002", rows: [".#"], page: 2, path: "a/s.tif"),
        .init(name: "t-p001", rows: ["##"], page: 1, path: "a/t.tif"),
        .init(name: "t-p002", rows: ["#", "#"], page: 2, path: "a/t.tif"),
        .init(name: "u", rows: ["##", ".."]),
      ])
    #expect(try study.export(.imagej).tally == ExportTally(files: 4))
    #expect(
      try study.names() == [
        "a/s.heatmap.tif", "a/t-p1.heatmap.tif", "a/t-p2.heatmap.tif", "a/u.heatmap.tif",
      ])
    let stack = try TIFFFile(path: study.output + "/a/s.heatmap.tif")
    #expect(stack.pages.count == 2)
    #expect(try stack.image(page: 1).samples == [7.25, 0.5])
    #expect(try stack.image(page: 2).samples == [0.5, 7.25])
    #expect(stack.pages[0].description == "ImageJ=1.54f\nimages=2\nslices=2\nmin=0.5\nmax=7.25\n")
  }

  @Test(arguments: ReportExport.Format.allCases)
  func `a report without regions gives empty files`(format: ReportExport.Format) throws {
    let study = try ExportStudy()
    try study.add("a", [.init(name: "s", rows: ["...", "..."])])
    let (tally, sentences) = try study.export(format)
    #expect(tally.files == 1 && tally.regions == 0 && sentences.isEmpty)
    switch format {
    case .geojson: #expect(try study.object("a/s.geojson")["features"] as? [Int] == [])
    case .coco: #expect(try study.object("regions.coco.json")["annotations"] as? [Int] == [])
    default: break
    }
  }

  @Test func `only the cases asked for are exported`() throws {
    let study = try ExportStudy()
    try study.add("ill/1", [.init(name: "s", rows: ["#"])])
    try study.add("ill/2", flagged: false, [.init(name: "s", rows: ["#"])])
    try study.add("well", [.init(name: "s", rows: ["#"])])
    _ = try study.export(.geojson, flaggedOnly: true, names: "i*")
    #expect(try study.names() == ["ill/1/s.geojson"])
    #expect(
      throws: NormaError(
        subject: study.path, found: "it has 3 cases and none with a name like 'x?'",
        remedy: "See their names with norma cases")
    ) { try study.export(.geojson, names: "x?") }
  }

  @Test(arguments: [
    ("*", "", true), ("a*c", "a/b/c", true), ("a?c", "abc", true), ("a?c", "ac", false), ("*b*b", "abab", true),
    ("*b", "abc", false), ("🧠?", "🧠1", true), ("[a]", "a", false), ("", "a", false),
  ])
  func `a glob knows stars and question marks`(pattern: String, name: String, fits: Bool) {
    #expect(NameGlob(pattern).matches(name) == fits)
  }
}
