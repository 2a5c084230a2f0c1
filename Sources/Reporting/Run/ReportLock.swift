import Files
import Imaging

extension ReportFolder {
  static let lock = ".norma.lock"

  /// Takes the right to write this report, until it is released.
  ///
  /// - Parameters:
  ///   - command: the command line, for the lock's file.
  ///   - makingFolder: whether the folder is made where there is none; else there is nothing to lock.
  /// - Throws: `NormaError` that says who is writing here.
  package func lock(command: String, makingFolder: Bool) throws(NormaError) -> WriterLock {
    if makingFolder { try makeIndexFolder() }
    do {
      return try WriterLock(
        path: "\(indexFolder)/\(Self.lock)", subject: indexFolder, command: command,
        elsewhere: makingFolder ? "choose another folder with --output" : "try again later")
    } catch { throw .writing(path, error) }
  }
}
