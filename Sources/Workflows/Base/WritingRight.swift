import Files
import Reporting

/// The right to write a report or a model; whoever holds it keeps other runs of norma from writing there.
enum WritingRight {
  private static var command: String { CommandLine.arguments.joined(separator: " ") }

  /// - Parameter makingFolder: whether the report may be a new one.
  static func take(
    report: String, shard: Shard? = nil, makingFolder: Bool = false, observe: WorkflowObserver
  ) throws -> WriterLock {
    warned(try ReportFolder(report, shard: shard).lock(command: command, makingFolder: makingFolder), observe)
  }

  static func take(model: String, observe: WorkflowObserver) throws -> WriterLock {
    let lock = warned(
      try WriterLock(
        path: model + ".lock", subject: model, command: command, elsewhere: "choose another file with --output"),
      observe)
    // What a killed training left behind is as large as a model.
    let (folder, name) = (FilePath.folder(of: model), FilePath.name(of: model))
    AtomicFile.removeUnfinished(in: folder.isEmpty ? "." : folder, of: name)
    AtomicFile.removeUnfinished(in: folder.isEmpty ? "." : folder, of: name + ".checkpoint")
    return lock
  }

  private static func warned(_ lock: WriterLock, _ observe: WorkflowObserver) -> WriterLock {
    if let warning = lock.warning { observe(.warning(warning)) }
    return lock
  }
}

extension WriterLock {
  /// How SQLite has to treat an index that this lock stands for. Hosts share shards, and a whole report is one host's.
  func sharing(of shard: Shard?) -> CaseIndex.Sharing {
    if warning != nil { return .networkWithoutLocks }
    return shard == nil ? .host : .network
  }
}
