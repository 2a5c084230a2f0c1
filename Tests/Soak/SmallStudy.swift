import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Numerics

/// Phantoms at half their size: healthy cases to learn from, and as many scans to analyze as are asked for, some of
/// them bad.
struct SmallStudy {
  let folder: String
  private let pool: [Image]

  static let scansPerCase = 4
  private static let healthyCases = 24

  var healthy: String { folder + "/healthy" }
  var scans: String { folder + "/scans" }
  var model: String { folder + "/model.safetensors" }

  init(in folder: String) throws {
    self.folder = folder
    pool = (0..<16).flatMap { seed in
      Phantom(seed: UInt64(seed), hasLesions: seed % 2 == 1).slices.map { $0.image.reduced(by: 2) }
    }
    for k in 0..<Self.healthyCases {
      for (number, slice) in Phantom(seed: UInt64(100 + k), hasLesions: false).slices.enumerated() {
        try write(slice.image.reduced(by: 2), gain: 180, to: "\(healthy)/case-\(k)/slice-\(number).tif")
      }
    }
  }

  /// Learns just enough to give every scan a heatmap.
  func train(_ options: String...) throws {
    let command = ["train", healthy, "--output", model, "--epochs", "4", "--held-out", "0.5", "--score-share", "0"]
    _ = try Norma.succeed(command + options)
  }

  /// - Parameter share: of the scans that are bad.
  /// - Returns: the bad ones by their paths in the study.
  func writeScans(_ count: Int, badShare share: Double, seed: UInt64) throws -> [String: BadScan] {
    var random = RandomGenerator(seed: seed)
    let bad = Set((0..<count).shuffled(using: &random).prefix(Int((Double(count) * share).rounded())))
    var kinds: [String: BadScan] = [:]
    let healthy = try Data(contentsOf: URL(fileURLWithPath: "\(self.healthy)/case-0/slice-0.tif"))
    for k in 0..<count {
      let name = String(format: "case-%06d/slice-%d.tif", k / Self.scansPerCase, k % Self.scansPerCase)
      let image = pool[random.integer(below: pool.count)]
      let gain = random.uniform(120, 220)
      guard bad.contains(k) else {
        try write(image, gain: gain, to: "\(scans)/\(name)")
        continue
      }
      let kind = BadScan.allCases[kinds.count % BadScan.allCases.count]
      try makeFolder(of: "\(scans)/\(name)")
      try kind.write(from: healthy, to: "\(scans)/\(name)")
      kinds[name] = kind
    }
    return kinds
  }

  /// A disc of healthy phantoms side by side on an empty background, written a few rows at a time.
  ///
  /// - Parameter shift: makes another picture of it.
  func writeMosaic(edge: Int, shift: Int = 0, to path: String) throws {
    try makeFolder(of: path)
    let writer = try TIFFTileWriter(path: path, width: edge, height: edge, pixelSize: nil, as: .uint8)
    let side = pool[0].width
    for top in stride(from: 0, to: edge, by: side) {
      var rows = Plane<Float>(width: edge, height: min(side, edge - top), filledWith: 0)
      for left in stride(from: 0, to: edge, by: side) {
        let (dx, dy) = (left + side / 2 - edge / 2, top + side / 2 - edge / 2)
        guard 16 * (dx * dx + dy * dy) < edge * edge else { continue }
        let image = pool[(left / side * 7 + top / side * 3 + shift) % 4]
        for y in 0..<rows.height {
          for x in 0..<min(side, edge - left) { rows[left + x, y] = 180 * image.samples[y * side + x] }
        }
      }
      try writer.append(rows)
    }
    try writer.finish(isSynced: false)
  }

  private func write(_ image: Image, gain: Float, to path: String) throws {
    var image = image
    for i in image.samples.indices { image.samples[i] *= gain }
    try makeFolder(of: path)
    try TIFFWriter.write(image, as: .uint8, to: path, isSynced: false)
  }

  private func makeFolder(of path: String) throws {
    try FileManager.default.createDirectory(
      atPath: FilePath.folder(of: path), withIntermediateDirectories: true)
  }
}
