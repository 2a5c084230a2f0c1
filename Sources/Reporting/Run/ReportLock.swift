import Files
import Imaging

extension ReportFolder {
  static let lock = ".norma.lock"

  /// Takes the lock for writing this report. The caller holds it until it releases the returned lock.
  ///
  /// - Parameters:
  ///   - command: the command line, which is written to the lock file.
  ///   - makingFolder: whether to make the folder if it does not exist. Without a folder there is nothing to lock.
  /// - Throws: `NormaError` that names the process that is writing here.
  package func lock(command: String, makingFolder: Bool) throws(NormaError) -> WriterLock {
    if makingFolder { try makeIndexFolder() }
    do {
      return try WriterLock(
        path: "\(indexFolder)/\(Self.lock)", subject: indexFolder, command: command,
        elsewhere: makingFolder ? "choose another folder with --output" : "try again later")
    } catch { throw .writing(path, error) }
  }
}
