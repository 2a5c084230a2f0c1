import Files
import Reporting

/// The right to write a report or a model. While one run of norma holds it, no other run can write there.
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
    // An unfinished file of a killed training is as large as a model, so it is removed.
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
  /// How SQLite must treat the index that this lock guards. Several hosts share the folder of a report with shards;
  /// only one host writes a whole report.
  func sharing(of shard: Shard?) -> CaseIndex.Sharing {
    if warning != nil { return .networkWithoutLocks }
    return shard == nil ? .host : .network
  }
}
