internal import Glibc

/// A fingerprint that tells whether a file has changed, without reading it: device, inode, size, mtime and ctime. A
/// program that sets mtime back still changes ctime.
package struct FileState: Sendable, Equatable {
  private let numbers: [Int]
  /// Size in bytes. `stat` is used because Foundation's `attributesOfItem` would also ask the system's name service for
  /// the owner.
  package let size: Int
  /// When the file or its attributes were last changed, in seconds since 1970.
  package let changedAt: Int
  /// Whether the last change was more than two seconds ago. The system's clock advances in steps, and a change gets its
  /// time before its bytes are written, so a file that has just been changed can have the same state for different
  /// contents.
  package let isSettled: Bool

  /// Fails with `nil` if there is no such file.
  package init?(ofFile path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    size = Int(status.st_size)
    numbers = [
      Int(status.st_dev), Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
      status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
    ]
    changedAt = status.st_ctim.tv_sec
    isSettled = abs(time(nil) - status.st_ctim.tv_sec) > 2
  }

  package static func == (a: FileState, b: FileState) -> Bool { a.numbers == b.numbers }

  /// Whether the path is a regular file: not a folder, and not a pipe or device, which may have no end.
  package static func isRegular(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Whether the file system that holds a file supports locks. Closing the file drops any locks that this process holds
  /// on it, as every closing of a file does. Source: POSIX.1-2017, `fcntl`.
  package static func hasLocks(_ path: String) -> Bool {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return true }
    defer { close(file) }
    var lock = flock()
    lock.l_type = Int16(F_RDLCK)
    lock.l_whence = Int16(SEEK_SET)
    return fcntl(file, F_GETLK, &lock) == 0 || errno != ENOLCK
  }
}
