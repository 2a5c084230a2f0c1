import Anomaly
import ArgumentParser
internal import CSystem

/// Options for the memory of a run; shared by `train` and `analyze`.
struct MemoryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Memory to get by with, such as 1GB or 800MB: fewer scans are held and scored at a time, large ones are read piece by \
      piece, and what cannot fit is refused. By default as much as is quickest.
      """, valueName: "size"))
  var memoryLimit: String?

  func validate() throws {
    guard let memoryLimit else { return }
    guard let size = Self.bytes(memoryLimit) else {
      throw ValidationError(
        "--memory-limit is '\(memoryLimit)'; a number with its unit, such as 1GB, 800MB or 2GiB, is expected.")
    }
    guard size >= MemoryBudget.least else {
      throw ValidationError(
        "--memory-limit is \(memoryLimit); \(MemoryBudget.least / 1_000_000)MB or more is expected, since networks and "
          + "their buffers alone take half of that.")
    }
  }

  var budget: MemoryBudget { memoryLimit.flatMap(Self.bytes).map { MemoryBudget(limit: $0) } ?? .unlimited }

  /// With a memory limit, freed memory goes back to the system at once. This costs time, because the system clears it
  /// again.
  func apply() {
    guard memoryLimit != nil else { return }
    mallopt(M_MMAP_THRESHOLD, 1 << 20)
    mallopt(M_TRIM_THRESHOLD, 1 << 22)
  }

  /// - Returns: number of bytes; `nil` unless the text is a positive number with a unit of bytes.
  static func bytes(_ text: String) -> Int? {
    let units = [
      "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 0x1p10, "mib": 0x1p20, "gib": 0x1p30, "tib": 0x1p40,
    ]
    let number = text.prefix { $0.isNumber || $0 == "." }
    let unit = text.dropFirst(number.count).drop { $0 == " " }.lowercased()
    guard let factor = units[unit], let value = Double(number), value > 0, value * factor < 0x1p60 else { return nil }
    return Int(value * factor)
  }
}
