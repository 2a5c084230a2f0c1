import Foundation
import Testing

private enum LGG {
  /// Beside the checkout, or where NORMA_DATA says.
  static let path: String = {
    let data =
      ProcessInfo.processInfo.environment["NORMA_DATA"]
      ?? URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../shared/data").standardized.path
    return data + "/lgg"
  }()
  static let isThere = FileManager.default.fileExists(atPath: path + "/train")
}

/// Short training on real brain MR; the margin between model and baseline is several times what seeds differ by.
@Test(.enabled(if: LGG.isThere, "skipped: no brain MR slices in \(LGG.path); set NORMA_DATA"))
func `on real brain slices the model beats the untrained baseline`() throws {
  let folder = try TemporaryFolder()
  let train = try Program.run(
    "train", "\(LGG.path)/train", "--output", "lgg.safetensors", "--epochs", "14", "--channel-weights", "0,1,0",
    "--polarity", "bright", in: folder)
  #expect(train.status == 0, "\(train.errors)")
  let analyze = try Program.run(
    "analyze", "\(LGG.path)/validation", "--model", "lgg.safetensors", "--output", "report", in: folder)
  #expect(analyze.status == 0, "\(analyze.errors)")
  #expect(analyze.output.contains("203 scans computed"))
  let evaluate = try Program.run(
    "evaluate", "report", "--masks", "\(LGG.path)/masks", "--baseline-weights", "-1,1,0", "--resamples", "0", "--json",
    in: folder)
  #expect(evaluate.status == 0, "\(evaluate.errors)")
  let object = try #require(try JSONSerialization.jsonObject(with: Data(evaluate.output.utf8)) as? [String: Any])
  let rows = try #require(object["rows"] as? [[String: Any]])
  func figure(_ row: Int, _ name: String) throws -> Double {
    let figures = try #require(rows[row]["figures"] as? [String: Any])
    return try #require((figures[name] as? [String: Any])?["value"] as? Double)
  }
  for name in ["pixel_ap", "best_dice", "lesion_scan_ap", "scan_auroc"] {
    #expect(try figure(0, name) > figure(2, name), "\(name)")
  }
}
