internal import Glibc

/// What tells the contents of a file from earlier ones without reading them. Its size and times: whoever sets the time of
/// the last change back changes the time of that.
package struct FileState: Sendable, Equatable {
  private let numbers: [Int]
  /// Bytes. Foundation's `attributesOfItem` would ask the system's name service for the owner too.
  package let size: Int
  /// Whether the last change was long before. The system keeps time in steps, and a change has its time before its bytes:
  /// of a file that has just been changed two states can be the same and its contents not.
  package let isSettled: Bool

  /// `nil` where there is no such file.
  package init?(ofFile path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    size = Int(status.st_size)
    numbers = [
      Int(status.st_dev), Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
      status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
    ]
    isSettled = abs(time(nil) - status.st_ctim.tv_sec) > 2
  }

  package static func == (a: FileState, b: FileState) -> Bool { a.numbers == b.numbers }

  /// Whether there is a file with contents of its own: neither a folder nor a pipe or device, which may have no end.
  package static func isRegular(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Whether the file system that holds a file has locks. Locks on the file that the process itself may hold are lost, as
  /// with every closing of a file. Source: POSIX.1-2017, `fcntl`.
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
