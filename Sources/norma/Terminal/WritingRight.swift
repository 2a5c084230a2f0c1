import Anomaly
import Files
import Imaging
import Logging
import Reporting

extension WriterLock {
  /// How SQLite has to treat an index that this lock stands for. Hosts share shards, and a whole report is one host's.
  func sharing(of shard: Shard?) -> CaseIndex.Sharing {
    if warning != nil { return .networkWithoutLocks }
    return shard == nil ? .host : .network
  }
}

/// The right to write a report or a model, taken by the commands that do.
enum WritingRight {
  private static var command: String { CommandLine.arguments.joined(separator: " ") }

  /// - Parameter makingFolder: whether the report may be a new one.
  static func take(report: String, shard: Shard? = nil, makingFolder: Bool = false) throws -> WriterLock {
    warned(try ReportFolder(report, shard: shard).lock(command: command, makingFolder: makingFolder))
  }

  static func take(model: String) throws -> WriterLock {
    let lock = warned(
      try WriterLock(
        path: model + ".lock", subject: model, command: command, elsewhere: "choose another file with --output"))
    // What a killed training left behind is as large as a model.
    let (folder, name) = (FilePath.folder(of: model), FilePath.name(of: model))
    AtomicFile.removeUnfinished(in: folder.isEmpty ? "." : folder, of: name)
    AtomicFile.removeUnfinished(in: folder.isEmpty ? "." : folder, of: name + ".checkpoint")
    return lock
  }

  private static func warned(_ lock: WriterLock) -> WriterLock {
    if let warning = lock.warning { Logger.norma.warning("\(warning)") }
    return lock
  }
}
