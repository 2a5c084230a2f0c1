import Files
import Foundation

extension ReportFolder {
  /// Takes the lock for writing this report. The caller holds it until it releases the returned lock.
  ///
  /// - Parameters:
  ///   - command: the command line, which is written to the lock file.
  ///   - makingFolder: whether to make the folder if it does not exist. Without a folder there is nothing to lock.
  /// - Throws: `NormaError` that names the process that is writing here.
  package func lock(command: String, makingFolder: Bool) throws(NormaError) -> WriterLock {
    let found = ReportLinks(in: self)
    try refuse(found.links)
    if makingFolder { try makeIndexFolder() }
    let lock: WriterLock
    do {
      lock = try WriterLock(
        path: "\(indexFolder)/\(Self.lock)", subject: indexFolder, command: command,
        elsewhere: makingFolder ? "choose another folder with --output" : "try again later")
    } catch { throw .writing(path, error) }
    // Shards share the folders of cases, and one of them may be writing there.
    if shardsFound.isEmpty, shard == nil {
      for path in found.unfinished { try? FileManager.default.removeItem(atPath: file(path)) }
    }
    return lock
  }
}
