internal import Glibc

/// All files below a folder. Links are followed, and every folder is entered only once.
///
/// Folders that are left out are listed in `notes`.
package struct FolderWalk: Sendable {
  package struct File: Sendable, Equatable {
    /// Path relative to the folder; bytes that are not UTF-8 are written as `\xFF`.
    package let path: String
    /// Whether the path is exact UTF-8, so that the file can be opened by it.
    package let isText: Bool
    /// Whether the file is a link to a target that does not exist.
    package let isDangling: Bool
    /// Whether the entry is a folder that cannot be read.
    package let isLocked: Bool
  }

  /// Sorted by the bytes of their paths; paths that are not UTF-8 come last.
  package private(set) var files: [File] = []
  /// Paths of the folders that were entered, relative to the folder, without itself.
  package private(set) var folders: [String] = []
  /// One sentence for each folder that was not entered, and one for all hidden folders and files.
  package private(set) var notes: [String] = []

  private let root: String
  private let takesHidden: Bool
  private typealias Path = [UInt8]
  private struct Found {
    let path: Path
    var isDangling = false
    var isLocked = false
  }
  private struct Place: Hashable {
    let device: UInt
    let file: UInt

    init(_ status: stat) { (device, file) = (UInt(status.st_dev), UInt(status.st_ino)) }
  }

  /// - Parameters:
  ///   - takesHidden: whether to include names that begin with a dot.
  ///   - refusal: returns a clause that says why a folder below `root` is not entered; `nil` to enter it.
  /// - Throws: `NormaError` if the folder itself cannot be read; unreadable folders within it appear in `files`.
  package init(of root: String, takingHidden takesHidden: Bool = false, refusal: (String) -> String? = { _ in nil })
    throws(NormaError)
  {
    self.root = root
    self.takesHidden = takesHidden
    var found: [Found] = []
    var visited: Set<Place> = []
    var links: [Path] = []
    // Mark the folders above as visited: a link back up would be followed for ever, and a link to the root of the file
    // system for days.
    var above = Array(root.utf8)
    while let status = Self.status(of: above), visited.insert(Place(status)).inserted { above += Array("/..".utf8) }
    if let status = Self.status(of: Array(root.utf8)) { visited.remove(Place(status)) }
    var hidden: [String] = []
    var pending: [Path] = [[]]
    while true {
      // Enter real folders before links to them, so that the order on the disk does not decide which path is listed.
      if pending.isEmpty, !links.isEmpty { pending = [links.removeFirst()] }
      guard let folder = pending.popLast() else { break }
      guard let status = Self.status(of: full(folder)) else { continue }  // it was removed meanwhile
      guard visited.insert(Place(status)).inserted else {
        let clause = "it leads to a folder that is read already or that this one lies in"
        notes.append("\(text(folder)): \(clause). It is left out.")
        continue
      }
      if !folder.isEmpty, let clause = refusal(text(folder)) {
        notes.append("\(text(folder)): \(clause). It is left out.")
        continue
      }
      let names: [Path]
      do throws(NormaError) { names = try self.names(in: folder) } catch {
        guard !folder.isEmpty else { throw error }
        found.append(Found(path: folder, isLocked: true))
        continue
      }
      if !folder.isEmpty { folders.append(Self.escaped(folder)) }
      for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        let path = folder.isEmpty ? name : folder + [UInt8(ascii: "/")] + name
        if !takesHidden, name.first == UInt8(ascii: ".") {
          let shown = String(decoding: name, as: UTF8.self)
          if !Self.systemNames.contains(where: shown.hasPrefix) { hidden.append(text(path)) }
          continue
        }
        var own = stat()
        guard lstat(Self.terminated(full(path)), &own) == 0 else {
          if errno != ENOENT { found.append(Found(path: path)) }
          continue
        }
        let target = Self.status(of: full(path))
        if let target, target.st_mode & S_IFMT == S_IFDIR {
          if own.st_mode & S_IFMT == S_IFLNK { links.append(path) } else { pending.append(path) }
        } else {
          found.append(Found(path: path, isDangling: target == nil))
        }
      }
    }
    if let first = hidden.first {
      notes.append(
        "\(first): its name begins with a dot. It is left out"
          + (hidden.count == 1
            ? "." : ", and so \(hidden.count == 2 ? "is" : "are") \(Count.of(hidden.count - 1, "other"))."))
    }
    files = list(found)
  }

  /// Names of files that systems and norma itself leave behind, of which nothing is said: resource forks and folder
  /// settings of macOS, files that a network file system renamed, locks.
  private static let systemNames = ["._", ".DS_Store", ".Spotlight", ".Trash", ".fseventsd", ".nfs", ".norma", ".git"]

  private func list(_ found: [Found]) -> [File] {
    let sorted = found.sorted { $0.path.lexicographicallyPrecedes($1.path) }
    var texts: [File] = []
    var others: [File] = []
    var taken: Set<String> = []
    for file in sorted {
      if let text = String(validating: file.path, as: UTF8.self) {
        texts.append(File(path: text, isText: true, isDangling: file.isDangling, isLocked: file.isLocked))
        taken.insert(text)
      } else {
        others.append(
          File(path: Self.escaped(file.path), isText: false, isDangling: file.isDangling, isLocked: file.isLocked))
      }
    }
    // A valid name may contain backslashes and equal an escaped name, so make escaped paths unique.
    return texts
      + others.map { file in
        var path = file.path
        while !taken.insert(path).inserted {
          path = "\(FilePath.folder(of: path))/\\\(FilePath.name(of: path))"
        }
        return File(path: path, isText: false, isDangling: file.isDangling, isLocked: file.isLocked)
      }
  }

  private func full(_ path: Path) -> Path { Array(root.utf8) + (path.isEmpty ? [] : [UInt8(ascii: "/")] + path) }

  private func text(_ path: Path) -> String { Self.escaped(full(path)) }

  private static func terminated(_ path: Path) -> [CChar] { path.map { CChar(bitPattern: $0) } + [0] }

  /// `stat` of the file that a path leads to, links followed; `nil` if there is none.
  private static func status(of path: Path) -> stat? {
    var result = stat()
    return stat(terminated(path), &result) == 0 ? result : nil
  }

  private func names(in folder: Path) throws(NormaError) -> [Path] {
    do throws(FolderEntries.Failure) { return try FolderEntries.list(full(folder)).map(\.name) } catch {
      if error.isOpening, error.code == ENOENT { return [] }  // it was removed meanwhile
      throw .system(
        text(folder), doing: "the folder cannot be read", code: error.code,
        remedy: error.isOpening ? "Check its permissions" : "Check the disk")
    }
  }

  /// The text of a path; bytes that are not UTF-8 are written as `\xFF`.
  private static func escaped(_ bytes: Path) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var result = ""
    var rest = bytes[...]
    while let byte = rest.first {
      let scalar = (1...4).lazy.compactMap { String(validating: rest.prefix($0), as: UTF8.self) }.first
      if let scalar {
        result += scalar
        rest = rest.dropFirst(scalar.utf8.count)
      } else {
        result += "\\x" + byte.hexadecimal.uppercased()
        rest = rest.dropFirst()
      }
    }
    return result
  }
}
