import Foundation
import Imaging

/// What can be wrong with a file that is named like a scan.
enum BadScan: CaseIterable {
  case empty, text, otherFormat, headerAlone, wrongMagic, truncated, directoryBeyondEnd, brokenPixels, hugeDimensions
  case noWidth, unknownCompression, unknownSamples, color, missing, pipe, endlessDevice

  /// - Parameter healthy: a whole file with one gray page, as `TIFFWriter` makes it: little-endian, its directory last.
  func write(from healthy: Data, to path: String) throws {
    switch self {
    case .missing: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path + ".gone")
    case .pipe: guard mkfifo(path, 0o600) == 0 else { throw Norma.Failure(description: "\(path): no pipe can be made") }
    case .endlessDevice: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
    case .color: try TIFFWriter.write(Image(width: 48, height: 48, channels: 3), as: .uint8, to: path, isSynced: false)
    default: try bytes(from: healthy).write(to: URL(fileURLWithPath: path))
    }
  }

  private func bytes(from healthy: Data) -> Data {
    var bytes = [UInt8](healthy)
    switch self {
    case .empty: bytes = []
    case .text: bytes = Array("no scan, only its name\n".utf8)
    case .otherFormat: bytes = Array("%PDF-1.4\n1 0 obj\n".utf8)
    case .headerAlone: bytes = Array(bytes.prefix(8))
    case .wrongMagic: bytes[2] = 41
    case .truncated: bytes = Array(bytes.prefix(bytes.count * 3 / 5))
    case .directoryBeyondEnd: Self.put(1 << 30, at: 4, in: &bytes)
    case .brokenPixels: for i in 8..<bytes.count / 2 { bytes[i] = 0 }
    case .hugeDimensions: for tag in [256, 257] { Self.set(tag, to: 0x7FFF_FFFF, in: &bytes) }
    case .noWidth: Self.set(256, to: 0, in: &bytes)
    case .unknownCompression: Self.set(259, to: 40_000, in: &bytes)
    case .unknownSamples: Self.set(258, to: 7777, in: &bytes)
    case .color, .missing, .pipe, .endlessDevice: break
    }
    return Data(bytes)
  }

  private static func set(_ tag: Int, to value: Int, in bytes: inout [UInt8]) {
    func number(_ place: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) } }
    let directory = number(4, 4)
    for entry in 0..<number(directory, 2) {
      let place = directory + 2 + 12 * entry
      guard number(place, 2) == tag else { continue }
      put(4, at: place + 2, in: &bytes)  // as four bytes, one of them
      put(value, at: place + 8, in: &bytes)
      bytes[place + 4] = 1
      return
    }
    preconditionFailure("a scan without tag \(tag)")
  }

  private static func put(_ value: Int, at place: Int, in bytes: inout [UInt8]) {
    for k in 0..<4 { bytes[place + k] = UInt8(truncatingIfNeeded: value >> (8 * k)) }
  }
}
