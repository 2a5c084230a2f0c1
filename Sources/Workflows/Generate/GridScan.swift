import Anomaly
import Files
import Foundation
import Imaging

/// A scan on a model's grid that is small enough to be held in memory.
struct GridScan {
  let image: Image
  let prepared: PreparedImage
  /// A sentence where the file holds more scans than the one that is taken.
  let note: String?

  /// - Parameter path: path of the scan's file; the first scan of a stack is taken.
  /// - Throws: `NormaError` or `ScanFault` where the model cannot use the scan.
  init(_ path: String, for model: Model) throws {
    let folder = FilePath.folder(of: path)
    let file = FilePath.name(of: path)
    guard FileManager.default.fileExists(atPath: path) else {
      throw NormaError(subject: path, found: "there is no such file", remedy: "Give a TIFF scan")
    }
    // The scan is read like the only scan of a study.
    let item = Study.Case(name: file, files: [file])
    let study = Study(path: folder.isEmpty ? "." : folder, cases: [item])
    guard let first = study.firstScan(of: item, reading: model.preparation.reading()) else {
      throw NormaError(subject: path, found: "it holds no scan", remedy: "Give a TIFF scan")
    }
    let pages = first.page == nil ? 1 : try TIFFFile(path: path).pages.count
    note = pages > 1 ? "\(path) has \(Count.of(pages, "page")); the first scan of them is taken" : nil
    switch first.content {
    case .success(.image(let image)):
      prepared = model.preparation.prepare([image])[0]
      switch prepared.nothingToScore {
      case nil, .littleTissue: break
      case .some(let reason):
        throw NormaError(
          subject: path, found: "there is nothing in it to look at (\(reason))", remedy: "Give a scan that shows tissue"
        )
      }
      self.image = prepared.scan.image
    case .success(.slide(let slide)):
      throw NormaError(
        subject: path,
        found: "it has \(slide.level.width)x\(slide.level.height) pixels, which is too many to be held",
        remedy: "Cut the part out that you want to look at")
    case .failure(let fault): throw fault
    }
  }

  /// The part of the scan that a patch covers.
  func patch(at place: (x: Int, y: Int)?, edge: Int, path: String) throws -> Image {
    let x = place?.x ?? max(0, (image.width - edge) / 2)
    let y = place?.y ?? max(0, (image.height - edge) / 2)
    guard (0..<image.width).contains(x), (0..<image.height).contains(y) else {
      throw NormaError(
        subject: path,
        found: "--at \(x),\(y) lies outside; on the model's grid the scan has \(image.width)x\(image.height) pixels",
        remedy: "Give a place within it")
    }
    return image.patch(atX: min(x, max(0, image.width - edge)), y: min(y, max(0, image.height - edge)), edge: edge)
  }
}
