import Anomaly
import Files
import Foundation
import Imaging
import Reporting

/// Finds and reads the masks of a report's scans.
struct LesionMasks {
  let folder: String
  let limits: TIFFLimits

  struct Mask {
    let path: String
    /// Whether each pixel of the heatmap is lesion.
    let lesions: Plane<Bool>
    /// Whether the mask is 0 everywhere.
    let isEmpty: Bool
    /// Whether it has values between 0 and half of the largest, which count as healthy.
    let isFaint: Bool
    /// Whether almost all of it is lesion, as where its background is not 0.
    let isFull: Bool
  }

  /// A mask with a larger share of lesion is named: it may have another value than 0 outside lesions.
  private static let largestShare = 0.95

  /// The mask of a scan on the grid of its heatmap; `nil` if it has none.
  ///
  /// - Parameters:
  ///   - recorded: the scans of its case.
  ///   - width: size of the heatmap, like `height`.
  func mask(of scan: ScanRow, among recorded: [ScanRow], width: Int, height: Int) throws -> Mask? {
    guard let path = path(ofMaskFor: scan.path) else { return nil }
    // Where masks lie beside scans, a scan without one would be taken for its own.
    guard Study.digest(ofFile: path) != scan.sha256 else { return nil }
    let stack = recorded.filter { $0.path == scan.path }
    return try read(
      in: path, ordinal: stack.count == 1 ? 0 : stack.firstIndex { $0.page == scan.page } ?? 0,
      scans: max(stack.count, 1), width: width, height: height, full: (scan.width ?? width, scan.height ?? height))
  }

  /// What the masks say beyond the scans that were scored.
  struct Remainder {
    /// Masks of no scan of the report, by path.
    var strays: [String] = []
    /// Names of cases with lesions in scans that were not scored, or that the report does not have.
    var abnormalCases: Set<String> = []
  }

  /// Looks at the masks that `mask(of:among:width:height:)` is not asked for.
  ///
  /// - Parameter cases: all scans of the report by the names of their cases.
  func remainder(besides cases: [(name: String, scans: [ScanRow])]) throws -> Remainder {
    var result = Remainder()
    var used: Set<String> = []
    var folders: [String: Set<String>] = [:]
    for (name, scans) in cases {
      for scan in scans {
        folders[FilePath.folder(of: scan.path), default: []].insert(name)
        guard let mask = path(ofMaskFor: scan.path) else { continue }
        used.insert(FilePath.resolved(mask))
        if scan.status != .done, Study.digest(ofFile: mask) != scan.sha256, hasLesion(mask) {
          result.abnormalCases.insert(name)
        }
      }
    }
    let digests = Set(cases.flatMap { $0.scans.compactMap(\.sha256) })
    for file in try FolderWalk(of: folder).files
    where Self.endings.contains(FilePath.ending(of: file.path).lowercased()) {
      let path = "\(folder)/\(file.path)"
      // Where masks lie beside scans, a scan is no mask.
      guard !used.contains(FilePath.resolved(path)), !digests.contains(Study.digest(ofFile: path) ?? "") else {
        continue
      }
      result.strays.append(file.path)
      let names = folders[FilePath.folder(of: file.path)] ?? []
      if names.count == 1, hasLesion(path) { result.abnormalCases.formUnion(names) }
    }
    return result
  }

  /// Whether a mask can be read and shows a lesion on any page.
  private func hasLesion(_ path: String) -> Bool {
    guard let file = try? TIFFFile(path: path, limits: limits) else { return false }
    return file.pages.contains { page in
      ((try? file.image(page: page.number)) ?? nil).map { $0.samples.contains { $0 > 0 } } ?? false
    }
  }

  private static let endings = ["tif", "tiff"]

  private func path(ofMaskFor scan: String) -> String? {
    let scanFolder = FilePath.folder(of: scan)
    let stem = FilePath.withoutEnding(FilePath.name(of: scan))
    for name in ["\(stem)_mask", "\(stem).mask", "\(stem)-mask", stem] {
      for ending in Self.endings + Self.endings.map({ $0.uppercased() }) {
        for base in [scanFolder, stem] {
          let path = [folder, base, "\(name).\(ending)"].filter { !$0.isEmpty }.joined(separator: "/")
          if FileManager.default.fileExists(atPath: path) { return path }
        }
      }
    }
    return nil
  }

  /// - Parameters:
  ///   - ordinal: zero-based position of the scan among the scans of its file.
  ///   - scans: number of scans of that file.
  private func read(
    in path: String, ordinal: Int, scans: Int, width: Int, height: Int, full: (width: Int, height: Int)
  ) throws -> Mask {
    let file = try TIFFFile(path: path, limits: limits)
    // A stack has a stack of masks, one page for each scan.
    let number = ordinal + 1
    guard file.pages.indices.contains(number - 1) else {
      throw NormaError(
        subject: path,
        found: "the mask has \(Count.of(file.pages.count, "page")), scan \(number) of its stack has none",
        remedy: "Export a mask a scan")
    }
    // Smaller pages are the levels of a pyramid.
    let first = file.pages[0]
    let equal = file.pages.count { ($0.width, $0.height) == (first.width, first.height) }
    guard equal <= scans else {
      throw NormaError(
        subject: path,
        found: "the mask has \(Count.of(equal, "page")) of one size, its scan's file \(Count.of(scans, "scan"))",
        remedy: "Export one page a scan, with all of its lesions")
    }
    let image = try file.image(page: number)
    guard (image.width, image.height) == (width, height) || (image.width, image.height) == full else {
      let other = full == (width, height) ? "" : ", its heatmap \(width) x \(height)"
      throw NormaError(
        subject: path,
        found: "the mask is \(image.width) x \(image.height) pixels, its scan \(full.width) x \(full.height)\(other)",
        remedy: "Export the mask at the scan's size" + (other.isEmpty ? "" : " or the heatmap's"))
    }
    // The last of two or four channels is how opaque a pixel is.
    let channels = [2, 4].contains(image.channels) ? image.channels - 1 : image.channels
    func value(_ pixel: Int) -> Float {
      (0..<channels).reduce(-Float.infinity) { max($0, image.samples[pixel * image.channels + $1]) }
    }
    let values = (0..<image.width * image.height).map(value)
    let largest = values.reduce(0, max)
    guard values.allSatisfy({ $0 >= 0 }) else {
      throw NormaError(
        subject: path, found: "the mask has values below 0, or none at all; 0 was expected outside lesions",
        remedy: "Export it with 0 outside lesions and one larger value inside")
    }
    // A heatmap smaller than its scan is compared with the mask at the centers of its pixels.
    let lesions = Plane(
      width: width, height: height,
      values: (0..<width * height).map { pixel in
        let x = (2 * (pixel % width) + 1) * image.width / (2 * width)
        let y = (2 * (pixel / width) + 1) * image.height / (2 * height)
        return largest > 0 && values[y * image.width + x] > largest / 2
      })
    return Mask(
      path: path, lesions: lesions, isEmpty: largest == 0,
      isFaint: values.contains { $0 > 0 && $0 <= largest / 2 },
      isFull: Double(lesions.values.count { $0 }) > Self.largestShare * Double(lesions.values.count))
  }
}
