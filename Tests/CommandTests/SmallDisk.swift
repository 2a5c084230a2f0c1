import Foundation
import Testing

/// A file system of its own that can be filled up; unmounted with its owner.
final class SmallDisk {
  let path: String

  /// Why there can be none, or `nil`.
  static let lack: Comment? = {
    do {
      let folder = try TemporaryFolder()
      _ = try SmallDisk(in: folder, name: "try", kibibytes: 64)
      return nil
    } catch { return "a small tmpfs cannot be mounted here: \(error)" }
  }()

  init(in folder: TemporaryFolder, name: String, kibibytes: Int) throws {
    path = folder.file(name)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(kibibytes)k") == 0 else {
      throw LongBatch.Failure(text: String(cString: strerror(errno)))
    }
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }

  /// Leaves so much free space, in whole pages.
  func fill(leaving kibibytes: Int) throws {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { throw LongBatch.Failure(text: String(cString: strerror(errno))) }
    let free = Int(status.f_bavail) * Int(status.f_frsize) / 1024
    guard free > kibibytes else { return }
    try Data(count: (free - kibibytes) * 1024).write(to: URL(fileURLWithPath: path + "/fill"))
  }

  func empty() throws { try FileManager.default.removeItem(atPath: path + "/fill") }

  func isReadOnly(_ isReadOnly: Bool) {
    _ = mount(nil, path, nil, UInt(MS_REMOUNT) | (isReadOnly ? UInt(MS_RDONLY) : 0), nil)
  }
}
