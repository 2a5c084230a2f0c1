import Files
import Imaging
import Threads

/// Tells which files of a study are masks or labels beside the scans. It judges all files together, whatever their
/// order: names first, then the headers and some pixels of a few files.
struct StudyLayout {
  let path: String

  /// So many files of each name are looked at.
  private static let filesJudged = 16
  /// An edge of the part of a file that is looked at, in pixels.
  private static let edge = 1024

  /// - Parameter files: paths relative to the study.
  /// - Returns: the files to leave out, and a sentence for each group of files that was judged.
  func masks(among files: [String]) -> (files: Set<String>, notes: [String]) {
    let names = MaskNames(of: files)
    guard !names.others.isEmpty else { return ([], []) }
    var result: (files: Set<String>, notes: [String]) = ([], [])
    var usual: ScanKind?
    for group in names.groups {
      let such =
        "\(path): \(Count.of(group.files.count, "file")) named like masks or labels "
        + "(\(group.pattern)), \(group.files.count == 1 ? "" : "such as ")\(group.files[0])"
      if usual == nil { usual = most(Self.some(of: names.others)) }
      if group.isDerived || looksLikeMasks(group.files, unlike: usual) {
        result.files.formUnion(group.files)
        result.notes.append("\(such), left out. To take them as scans, give --include '\(group.pattern)'.")
      } else {
        result.notes.append(
          "\(such), taken, since they look like scans. If they are none, give --exclude '\(group.pattern)'.")
      }
    }
    return result
  }

  /// Whether most of the files that are looked at cannot be read as scans, have few values, or are of another kind.
  ///
  /// - Parameter kind: the kind of the scans; `nil` if it is unknown.
  func looksLikeMasks(_ files: [String], unlike kind: ScanKind? = nil) -> Bool {
    let some = Self.some(of: files)
    let masks = Parallel.map(some.count) { isMask(some[$0], unlike: kind) }
    return 2 * masks.count { $0 } > some.count
  }

  private func isMask(_ file: String, unlike kind: ScanKind?) -> Bool {
    guard let tiff = try? TIFFFile(path: "\(path)/\(file)", limits: TIFFLimits.default.forPieces),
      let scan = tiff.scans.first, let own = ScanKind(of: tiff)
    else { return true }
    if let kind, own != kind { return true }
    let level = tiff.levels(of: scan)[0]
    let (width, height) = (min(level.width, Self.edge), min(level.height, Self.edge))
    let center = PixelRectangle(
      x: (level.width - width) / 2, y: (level.height - height) / 2, width: width, height: height)
    guard let part = try? tiff.region(of: level, center) else { return true }
    return part.hasAtMost(Image.mostLabels)
  }

  private func most(_ files: [String]) -> ScanKind? {
    let kinds = Parallel.map(files.count) { k in
      (try? TIFFFile(path: "\(path)/\(files[k])", limits: TIFFLimits.default.forPieces)).flatMap { ScanKind(of: $0) }
    }
    let groups = Dictionary(grouping: kinds.compactMap { $0 }) { $0 }
    return groups.max { ($0.value.count, "\($1.key)") < ($1.value.count, "\($0.key)") }?.key
  }

  /// Some of the files, evenly spread.
  private static func some(of files: [String]) -> [String] {
    let count = min(files.count, filesJudged)
    return (0..<count).map { files[$0 * files.count / count] }
  }
}
