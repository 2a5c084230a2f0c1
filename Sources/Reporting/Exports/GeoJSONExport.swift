import Anomaly
import Files
import Foundation

/// Writes regions as annotations that QuPath 0.4 and later import, with one feature collection per scan.
///
/// Positions are pixels of the scan at full size, and y points down. Exterior rings are counterclockwise and holes
/// clockwise if the numbers are drawn with y pointing up, as RFC 7946, 3.1.6 requires. On a screen, where y points
/// down, the directions look reversed.
struct GeoJSONExport: ScanExport {
  let folder: ExportFolder

  func write(_ scan: ExportScan, from report: ReportFolder) throws -> ExportTally {
    try folder.write(named: scan.row.name, ending: ".geojson", ofCase: scan.caseName) { path in
      let features = try Features(of: scan, from: report)
      let file = try ExportFile(path: path)
      try file.write(#"{"features":["#)
      for (k, region) in scan.regions.enumerated() {
        try file.write(k == 0 ? "\n" : ",\n")
        try file.write(json: try features.feature(of: region))
      }
      try file.write("],\n\"type\":\"FeatureCollection\"}\n")
      try file.finish()
    }
    return ExportTally(files: 1, regions: scan.regions.count)
  }

  /// Makes the features of one scan. If the scan has no regions, its heatmap is not read.
  private struct Features {
    let scan: ExportScan
    let heatmap: ScanHeatmap?
    let found: HeatmapRegions?

    init(of scan: ExportScan, from report: ReportFolder) throws(ScanFault) {
      self.scan = scan
      heatmap = scan.regions.isEmpty ? nil : try ScanHeatmap(of: scan, in: report)
      found = try heatmap.map { heatmap throws(ScanFault) in
        try HeatmapRegions(in: heatmap, threshold: scan.threshold)
      }
    }

    func feature(of region: Region) throws(ScanFault) -> Feature {
      let shape = RegionShape(of: region, try found!.pixels(of: region), on: heatmap!, of: scan)
      return Feature(region, shape, of: scan)
    }
  }
}

/// One region in the format of QuPath's annotations.
private struct Feature: Encodable {
  let type = "Feature"
  /// An id that is the same in every export of the same case, scan and rank.
  let id: UUID
  let geometry: Geometry
  let properties: Properties

  enum Geometry: Encodable {
    case polygon([[SIMD2<Double>]])
    case polygons([[[SIMD2<Double>]]])

    private enum Key: CodingKey {
      case type, coordinates
    }

    func encode(to encoder: any Encoder) throws {
      var members = encoder.container(keyedBy: Key.self)
      switch self {
      case .polygon(let rings):
        try members.encode("Polygon", forKey: .type)
        try members.encode(rings, forKey: .coordinates)
      case .polygons(let polygons):
        try members.encode("MultiPolygon", forKey: .type)
        try members.encode(polygons, forKey: .coordinates)
      }
    }
  }

  struct Properties: Encodable {
    let objectType = "annotation"
    let name: String
    let classification = Classification()
    let measurements: [String: Double]
    /// Texts that QuPath 0.5 and later show.
    let metadata: [String: String]
  }

  struct Classification: Encodable {
    let name = "Anomaly"
    /// The color of the outlines on norma's pages.
    let color = [94, 234, 255]
  }

  init(_ region: Region, _ shape: RegionShape, of scan: ExportScan) {
    id = UUID(named: "\(scan.caseName)\0\(scan.row.name)\0\(region.rank)")
    geometry = shape.polygons.count == 1 ? .polygon(shape.polygons[0]) : .polygons(shape.polygons)
    let measurements: [(String, Double?)] = [
      ("rank", Double(region.rank)), ("peak z", region.peak), ("mean z", region.mean),
      ("area px", Double(region.areaPixels)), ("area mm2", region.areaSquareMillimeters), ("p", region.pValue),
      ("q", region.qValue),
    ]
    let metadata: [(String, String?)] = [
      ("case", scan.caseName), ("scan", scan.row.name), ("path", scan.row.path),
      ("page", scan.row.page.map { "\($0)" }),
      ("outline", shape.source.rawValue),
    ]
    properties = Properties(
      name: "Region \(region.rank)",
      measurements: measurements.reduce(into: [:]) { $0[$1.0] = $1.1?.finite },
      metadata: metadata.reduce(into: [:]) { $0[$1.0] = $1.1 })
  }
}

extension UUID {
  /// Makes a UUID of version 5 (RFC 9562) in norma's own name space.
  init(named name: String) {
    let space: [UInt8] = [
      0x6e, 0x6f, 0x72, 0x6d, 0x61, 0x20, 0x52, 0x65, 0x81, 0x67, 0x69, 0x6f, 0x6e, 0x20, 0x76, 0x31,
    ]
    var bytes = Array(Digest.of(space + Array(name.utf8), .sha1).prefix(16))
    bytes[6] = bytes[6] & 0x0f | 0x50
    bytes[8] = bytes[8] & 0x3f | 0x80
    self.init(
      uuid: (
        bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8], bytes[9], bytes[10],
        bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]
      ))
  }
}
