import Foundation

/// The exclusive right to write a report or a model: one process holds it at a time. Readers need no lock.
///
/// It is an advisory lock on a separate file. The system releases it when the process ends, in whatever way, so a
/// killed run never blocks the next. The file names the holder and is removed on release; a file that a killed process
/// left behind has no effect.
package final class WriterLock: Sendable {
  /// A sentence for the user if the file system has no locks, so that nothing keeps two writers apart; otherwise `nil`.
  package let warning: String?
  private let path: String
  /// Below 0 if nothing is locked.
  private let descriptor: Int32

  /// - Parameters:
  ///   - path: the file to lock; its folder has to exist.
  ///   - subject: name of the report or model to be written, for messages.
  ///   - command: the command line, for people who look into the file.
  ///   - elsewhere: how to write to another place, as the end of a sentence that begins with "Wait".
  /// - Throws: `NormaError` that names the holder if another process writes the same report or model.
  package init(path: String, subject: String, command: String, elsewhere: String) throws(NormaError) {
    self.path = path
    while true {
      var file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
      // A file of another user can be locked even if it cannot be written.
      if file < 0 { file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) }
      guard file >= 0 else {
        // If the lock file cannot be created, nothing else can be either; the later attempt to write reports the
        // reason.
        (descriptor, warning) = (-1, nil)
        return
      }
      guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
        let code = errno
        defer { close(file) }
        if code == EINTR { continue }
        if code == EWOULDBLOCK { throw Self.held(subject, by: Holder(in: file), elsewhere: elsewhere) }
        descriptor = -1
        // Remove the file now: nothing is locked, so `release` would never remove it.
        unlink(path)
        warning =
          "\(subject): its file system has no locks (\(String(cString: strerror(code)))); make sure that no other norma "
          + "writes here."
        return
      }
      // The previous holder may have removed the file after it was opened here and before it was locked.
      if Self.isSame(file, path) {
        (descriptor, warning) = (file, nil)
        Holder(command: command).write(to: file)
        return
      }
      close(file)
    }
  }

  /// Lets other processes write; the end of the program does so too.
  package func release() {
    guard descriptor >= 0 else { return }
    // Unlink while the file is still locked, so that only this file can be removed.
    unlink(path)
    close(descriptor)
  }

  private static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
    var (opened, named) = (stat(), stat())
    return fstat(descriptor, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino
      && opened.st_dev == named.st_dev
  }

  private static func held(_ subject: String, by holder: Holder, elsewhere: String) -> NormaError {
    NormaError(
      .system, subject: subject, found: "another norma is writing here\(holder.clause)",
      remedy: "Wait for it to end, or stop it, or \(elsewhere)")
  }
}

/// The holder of a lock, as the lock file tells it: one fact per line.
private struct Holder {
  var lines: [String]

  init(command: String) {
    lines = [
      "process \(getpid())", "host \(ProcessInfo.processInfo.hostName)", "since \(Date().formatted(.iso8601))",
      "command \(command)",
    ]
  }

  init(in descriptor: Int32) {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    lines = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Errors are ignored: nothing depends on the contents of the file, and the lock holds without them.
  func write(to descriptor: Int32) {
    let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, bytes, bytes.count, 0) }
  }

  /// `: process 12 on host ward7 since 2026-11-25T22:00:00Z`; empty if the holder is not known.
  var clause: String {
    func value(_ name: String) -> String? {
      lines.first { $0.hasPrefix(name + " ") }.map { String($0.dropFirst(name.count + 1)) }
    }
    guard let process = value("process"), let host = value("host"), let start = value("since") else { return "" }
    return ": process \(process) on host \(host) since \(start)"
  }
}
