import Files
internal import Glibc

/// What lies in the folders that norma writes to: links, which would lead writing out of the report, and what killed
/// writers left.
struct ReportLinks {
  /// Paths of links in place of the folders of a report, of its index or its lock, relative to it. Links in place of
  /// other files do no harm: norma replaces files, and does not write into them.
  private(set) var links: [String] = []
  /// Paths of unfinished files, relative to the report.
  private(set) var unfinished: [String] = []

  /// The entries of the report itself that norma opens or enters.
  private static let own: Set<String> = [
    "cases", "assets", ReportFolder.shards, ReportFolder.indexName, ReportFolder.lock,
  ]

  init(in report: ReportFolder) {
    var folders = [""]
    while let folder = folders.popLast() {
      for (name, kind) in FolderEntries.kinds(of: folder.isEmpty ? report.path : report.file(folder)) {
        let path = folder.isEmpty ? name : "\(folder)/\(name)"
        let isOwn = Self.own.contains(name)
        switch kind {
        case .link where isOwn || (!folder.isEmpty && leads(toFolder: report.file(path))): links.append(path)
        case .folder where isOwn || !folder.isEmpty: folders.append(path)
        // In the report's own folder other programs may write, such as a training.
        case .file where AtomicFile.isUnfinished(name) && (!folder.isEmpty || Self.isOfReport(name)):
          unfinished.append(path)
        default: break
        }
      }
    }
    links.sort()
    unfinished.sort()
  }

  /// Whether an unfinished file beside the index is one of the index, a page or a table of the report.
  private static func isOfReport(_ name: String) -> Bool {
    [ReportFolder.indexName, ReportFolder.studyPage].contains { name.hasPrefix(".\($0).") }
  }

  private func leads(toFolder path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}

extension ReportFolder {
  /// Refuses a report in which links stand in place of a folder, the index or the lock, before anything is written.
  func refuse(_ links: [String]) throws(NormaError) {
    guard let link = links.first else { return }
    throw NormaError(
      subject: file(link), found: "it is a link, through which norma would write outside of the report",
      remedy: "Remove it, or put what it leads to in its place")
  }
}
