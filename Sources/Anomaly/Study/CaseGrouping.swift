import Files

/// Hints that scans of one patient may be in several cases. Such cases are no independent ones: a rate of false
/// positives that is counted over them says too much, and a patient may be learned from and held out at once.
struct CaseGrouping {
  let path: String
  /// Names of the cases, each with its first file.
  let cases: [(name: String, file: String)]

  /// Folders that hold cases of the same names; fewer may be chance.
  private static let fewestFolders = 3
  /// Names that repeat; more are numbers of patients.
  private static let mostNames = 8
  private static let advice = "If these are of one patient, put all scans of a patient into one folder"

  /// Sentences for the user.
  var notes: [String] { [nested, repeated, numbered].compactMap { $0 } }

  private var folders: [String] { cases.filter { FilePath.folder(of: $0.file) == $0.name }.map(\.name) }

  /// Cases in the folder of another case.
  private var nested: String? {
    let all = Set(folders)
    let inner = folders.compactMap { name -> (name: String, outer: String)? in
      let parts = FilePath.parts(of: name)
      let outer = parts.indices.dropFirst().map { parts[..<$0].joined(separator: "/") }.first(where: all.contains)
      return outer.map { (name, $0) }
    }
    guard let (first, outer) = inner.first else { return nil }
    return
      "\(path): \(Count.of(inner.count, "case lies", "cases lie")) in the folder of another case, such as \(first) in "
      + "\(outer). A case is a folder with its own files. \(Self.advice)."
  }

  /// Cases of the same few names in several folders, such as the left and the right side of each patient.
  private var repeated: String? {
    let children = Dictionary(grouping: folders.filter { $0.contains("/") }) { FilePath.folder(of: $0) }
    let names = children.mapValues { $0.map { FilePath.name(of: $0) } }
    let groups = Dictionary(grouping: names.filter { (2...Self.mostNames).contains($0.value.count) }.keys) {
      names[$0]!.sorted()
    }
    guard let (shared, parents) = groups.max(by: { $0.value.count < $1.value.count }),
      parents.count >= Self.fewestFolders, 2 * parents.count > children.count
    else { return nil }
    return "\(path): \(Count.of(parents.count, "folder")), such as \(parents.min()!), hold cases of the same names "
      + "(\(shared.joined(separator: ", "))). \(Self.advice)."
  }

  /// Files that are a case each and are named like scans of the same patients: `p01_1.tif`, `p01_2.tif`.
  private var numbered: String? {
    let files = cases.filter { FilePath.folder(of: $0.file).isEmpty }.map { FilePath.withoutEnding($0.file) }
    let groups = Dictionary(grouping: files) { name -> String in
      let stem = name.reversed().drop { $0.isNumber }.drop { !$0.isNumber }
      return String(stem.reversed())
    }.filter { !$0.key.isEmpty }
    let several = groups.filter { $0.value.count > 1 }
    guard several.count >= Self.fewestFolders, 2 * several.values.reduce(0, { $0 + $1.count }) > files.count,
      let first = several.min(by: { $0.key < $1.key })
    else { return nil }
    return
      "\(path): each of its \(Count.of(files.count, "file")) is a case, and their names look like those of scans of "
      + "\(Count.of(groups.count, "patient")), such as \(first.value.sorted().prefix(2).joined(separator: " and ")). "
      + "\(Self.advice)."
  }
}
