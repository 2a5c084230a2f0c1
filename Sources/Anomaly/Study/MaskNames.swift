import Files

/// Files of a study that are named like masks, labels or results of other programs.
struct MaskNames {
  /// Files with the same word in the same place of their names.
  struct Group {
    /// Fits the files: `*_mask.tif`, or the name of a folder.
    let pattern: String
    let files: [String]
    /// Whether these are by their names no scans, whatever they look like.
    let isDerived: Bool
  }

  /// Sorted by pattern.
  let groups: [Group]
  /// The other files.
  let others: [String]

  private static let words: Set<String> = [
    "mask", "masks", "seg", "segm", "segmentation", "segmentations", "label", "labels", "labelmap", "annotation",
    "annotations", "groundtruth", "roi", "rois", "heatmap", "residual",
  ]
  /// Words for pictures that scanners save beside a slide; they may show the label, with a patient's name.
  private static let companions: Set<String> = ["macro", "overview", "thumbnail", "thumb", "barcode"]
  /// The folder of results in the Brain Imaging Data Structure. Source: BIDS 1.9, "Derivatives".
  private static let derivatives = "derivatives"

  /// - Parameter files: paths relative to the study.
  init(of files: [String]) {
    var named: [String: [String]] = [:]
    var others: [String] = []
    for file in files {
      if let pattern = Self.pattern(of: file) { named[pattern, default: []].append(file) } else { others.append(file) }
    }
    groups = named.sorted { $0.key < $1.key }.map { group in
      let words = group.key.lowercased().split { !$0.isLetter }.map(String.init)
      return Group(
        pattern: group.key, files: group.value,
        isDerived: words.contains { $0 == Self.derivatives || Self.companions.contains($0) })
    }
    self.others = others
  }

  private static func pattern(of file: String) -> String? {
    let folders = FilePath.parts(of: FilePath.folder(of: file))
    if let folder = folders.first(where: { $0.lowercased() == derivatives || words.contains($0.lowercased()) }) {
      return folder
    }
    let name = FilePath.name(of: file)
    let stem = FilePath.withoutEnding(name)
    let ending = String(decoding: name.utf8.dropFirst(stem.utf8.count), as: UTF8.self)
    let tokens = stem.split { "_-. ".contains($0) }
    guard let first = tokens.first, let last = tokens.last(where: { !withoutNumber($0).isEmpty }) else { return nil }
    if words.contains(word(last)) || companions.contains(word(last)) {
      let start = last.startIndex == stem.startIndex ? "" : "*\(stem[stem.index(before: last.startIndex)])"
      let isNumbered = withoutNumber(last).endIndex < stem.endIndex
      return "\(start)\(withoutNumber(last))\(isNumbered ? "*" : "")\(ending)"
    }
    return words.contains(word(first)) ? "\(withoutNumber(first))*\(ending)" : nil
  }

  private static func word(_ token: Substring) -> String { withoutNumber(token).lowercased() }

  private static func withoutNumber(_ token: Substring) -> Substring {
    token[..<(token.lastIndex { !$0.isNumber }.map(token.index(after:)) ?? token.startIndex)]
  }
}
