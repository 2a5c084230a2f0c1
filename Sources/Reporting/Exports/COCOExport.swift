import Anomaly

/// Writes regions as one file of COCO object annotations, which pycocotools loads.
///
/// COCO's polygons have no holes, and the polygons of an annotation are united. So a region with holes becomes several
/// polygons side by side. Its mask and area are then the same as on the heatmap.
struct COCOExport: ScanExport {
  private let file: ExportFile
  private let title: String
  private let run: RunRow?
  private var lastRegion = 0
  /// Index ids of the scans that were exported. Scans that could not be read are left out: an image without annotations
  /// would look like an image without anomalies.
  private var images: [Int64] = []

  init(in folder: ExportFolder, title: String, run: RunRow?) throws {
    file = try ExportFile(path: folder.file("regions.coco.json"))
    (self.title, self.run) = (title, run)
    try file.write(#"{"annotations":["#)
  }

  mutating func write(_ scan: ExportScan, from report: ReportFolder) throws -> ExportTally {
    var annotations: [Annotation] = []
    if !scan.regions.isEmpty {
      let heatmap = try ScanHeatmap(of: scan, in: report)
      let found = try HeatmapRegions(in: heatmap, threshold: scan.threshold)
      for region in scan.regions {
        let shape = RegionShape(of: region, try found.pixels(of: region), on: heatmap, of: scan, hasHoles: false)
        annotations.append(Annotation(region, shape, id: lastRegion + annotations.count + 1, image: images.count + 1))
      }
    }
    for annotation in annotations {
      try file.write(annotation.id == 1 ? "\n" : ",\n")
      try file.write(json: annotation)
    }
    lastRegion += annotations.count
    images.append(scan.row.id)
    return ExportTally(regions: annotations.count)
  }

  mutating func finish(_ selection: ExportSelection) throws -> ExportTally {
    try file.write("],\n\"categories\":[")
    try file.write(json: Category())
    try file.write("],\n\"images\":[")
    var next = 0
    // Reads the index a second time, so that only one case is held in memory.
    try selection.forEachCase { item in
      for scan in item.scans where next < images.count && scan.row.id == images[next] {
        next += 1
        try file.write(next == 1 ? "\n" : ",\n")
        try file.write(json: ImageEntry(scan, id: next))
      }
    }
    try file.write("],\n\"info\":")
    try file.write(
      json: Info(
        description: title, version: run?.toolVersion ?? "", dateCreated: run?.startedAt ?? "",
        year: run.flatMap { Int($0.startedAt.prefix(4)) } ?? 0))
    try file.write(",\n\"licenses\":[]}\n")
    try file.finish()
    return ExportTally(files: 1)
  }
}

private struct Category: Encodable {
  let id = 1
  let name = "anomaly"
  let supercategory = "anomaly"
}

private struct Info: Encodable {
  let contributor = "norma"
  let description: String
  let version: String
  /// The time when the report was made, not the time of the export, so that the same report always gives the same file.
  let dateCreated: String
  let year: Int

  enum CodingKeys: String, CodingKey {
    case contributor, description, version, year
    case dateCreated = "date_created"
  }
}

private struct ImageEntry: Encodable {
  let id: Int
  /// Path of the scan's file, relative to the study.
  let fileName: String
  /// Size of the scan at full size, in pixels. Annotations use these pixels.
  let width: Int
  let height: Int
  let caseName: String
  let scan: String
  let page: Int?
  let micrometersPerPixel: Double?

  enum CodingKeys: String, CodingKey {
    case id, width, height, scan, page
    case fileName = "file_name"
    case caseName = "case"
    case micrometersPerPixel = "micrometers_per_pixel"
  }

  init(_ scan: ExportScan, id: Int) {
    self.id = id
    fileName = scan.row.path
    (width, height) = (scan.width, scan.height)
    (caseName, self.scan, page) = (scan.caseName, scan.row.name, scan.row.page)
    micrometersPerPixel = scan.row.micrometersPerPixel?.finite
  }
}

private struct Annotation: Encodable {
  let id: Int
  let image: Int
  let category = 1
  let isCrowd = 0
  let box: [Double]
  let area: Double
  let segmentation: [[Double]]
  let rank: Int
  let peak: Double?
  let peakX: Int?
  let peakY: Int?
  let mean: Double?
  let pValue: Double?
  let qValue: Double?
  let outline: String

  enum CodingKeys: String, CodingKey {
    case id, area, segmentation, rank, peak, mean, outline
    case image = "image_id"
    case category = "category_id"
    case isCrowd = "iscrowd"
    case box = "bbox"
    case peakX = "peak_x"
    case peakY = "peak_y"
    case pValue = "p_value"
    case qValue = "q_value"
  }

  init(_ region: Region, _ shape: RegionShape, id: Int, image: Int) {
    (self.id, self.image) = (id, image)
    let rings = shape.polygons.map { $0[0] }
    // COCO's rings do not repeat their first point.
    segmentation = rings.map { ring in ring.dropLast().flatMap { [$0.x, $0.y] } }
    area = shape.area
    let (low, high) = (
      rings.joined().reduce(rings[0][0], pointwiseMin), rings.joined().reduce(rings[0][0], pointwiseMax)
    )
    box = [low.x, low.y, high.x - low.x, high.y - low.y]
    (rank, peak, mean) = (region.rank, region.peak.finite, region.mean.finite)
    (peakX, peakY) = (region.peakX, region.peakY)
    (pValue, qValue) = (region.pValue?.finite, region.qValue?.finite)
    outline = shape.source.rawValue
  }
}
