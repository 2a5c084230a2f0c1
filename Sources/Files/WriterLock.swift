import Foundation

/// The right to write a report or a model, which one process has at a time; readers need none.
///
/// It is an advisory lock on a file of its own, let go of by the system when its process ends in whatever way: a killed
/// run never blocks the next. The file says who holds it and is removed with the lock; one that was left behind by a kill
/// means nothing.
package final class WriterLock: Sendable {
  /// A sentence for the user where the file system has no locks, and nothing keeps two writers apart.
  package let warning: String?
  private let path: String
  /// Below 0 where nothing is locked.
  private let descriptor: Int32

  /// - Parameters:
  ///   - path: of the file to lock; its folder has to exist.
  ///   - subject: what is to be written, for messages.
  ///   - command: the command line, for whoever looks into the file.
  ///   - elsewhere: how to write to another place, as the end of a sentence that begins with "Wait".
  /// - Throws: `NormaError` that names the holder, where another process writes the same.
  package init(path: String, subject: String, command: String, elsewhere: String) throws(NormaError) {
    self.path = path
    while true {
      var file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      // Another user's file can be locked, if not written.
      if file < 0 { file = open(path, O_RDONLY | O_CLOEXEC) }
      guard file >= 0 else {
        // Where no file can be made nothing else can, and whoever tries says why.
        (descriptor, warning) = (-1, nil)
        return
      }
      guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
        let code = errno
        defer { close(file) }
        if code == EINTR { continue }
        if code == EWOULDBLOCK { throw Self.held(subject, by: Holder(in: file), elsewhere: elsewhere) }
        descriptor = -1
        // It would never be released, and stay.
        unlink(path)
        warning =
          "\(subject): its file system has no locks (\(String(cString: strerror(code)))); make sure that no other norma "
          + "writes here."
        return
      }
      // The holder before may have removed the file between the opening and the locking of it.
      if Self.isSame(file, path) {
        (descriptor, warning) = (file, nil)
        Holder(command: command).write(to: file)
        return
      }
      close(file)
    }
  }

  /// Lets others write; the program's end does it too.
  package func release() {
    guard descriptor >= 0 else { return }
    // While it is locked, so that nobody's file but this one is removed.
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

/// Who holds a lock, as its file says: a fact a line.
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

  /// Nobody depends on what the file says: where it cannot be written the lock holds all the same.
  func write(to descriptor: Int32) {
    let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, bytes, bytes.count, 0) }
  }

  /// `: process 12 on host ward7 since 2026-11-25T22:00:00Z`; empty where that is not known.
  var clause: String {
    func value(_ name: String) -> String? {
      lines.first { $0.hasPrefix(name + " ") }.map { String($0.dropFirst(name.count + 1)) }
    }
    guard let process = value("process"), let host = value("host"), let start = value("since") else { return "" }
    return ": process \(process) on host \(host) since \(start)"
  }
}
