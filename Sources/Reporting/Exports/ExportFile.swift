import Files
import Foundation
import Imaging

/// A text file that is written from beginning to end. It gets its name only when it is complete.
final class ExportFile {
  private let file: AtomicFile
  private var pending: [UInt8] = []
  private let encoder = JSONEncoder()

  private static let bytesAtOnce = 1 << 16

  init(path: String) throws(NormaError) {
    file = try AtomicFile(path: path)
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  }

  func write(_ text: String) throws(NormaError) { try write(bytes: text.utf8) }

  /// Appends a value as JSON.
  func write(json value: some Encodable) throws { try write(bytes: encoder.encode(value)) }

  /// Completes the file and gives it its name. `AtomicFile.syncAll` must still sync it to the disk.
  func finish() throws(NormaError) {
    try file.write(pending)
    try file.commit(isSynced: false)
  }

  private func write(bytes: some Sequence<UInt8>) throws(NormaError) {
    pending += bytes
    guard pending.count >= Self.bytesAtOnce else { return }
    try file.write(pending)
    pending.removeAll(keepingCapacity: true)
  }
}
