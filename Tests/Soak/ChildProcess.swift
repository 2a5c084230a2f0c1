import Foundation

/// This program run once more, with what it says read line by line.
final class ChildProcess {
  enum Line {
    case text(String)
    /// It said nothing in time.
    case silence
    case end
  }

  private let process = Process()
  private let output = Pipe()
  /// For its temporary files, which one that crashes leaves behind.
  private let folder = NSTemporaryDirectory() + "norma-soak-" + UUID().uuidString
  private var errors: String { folder + "/errors" }
  private var buffer = Data()
  /// A child that inherits what another one writes to would keep that open beyond its end.
  private static let starting = NSLock()

  init(arguments: [String]) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    // A backtrace takes longer than the rest, and the mutant is kept.
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["SWIFT_BACKTRACE": "enable=no", "TMPDIR": folder]) { $1 }
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: errors)
    try Self.starting.withLock {
      try process.run()
      try output.fileHandleForWriting.close()
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func line(within seconds: Double) -> Line {
    let descriptor = output.fileHandleForReading.fileDescriptor
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        defer { buffer = Data(buffer[(end + 1)...]) }
        return .text(String(decoding: buffer[..<end], as: UTF8.self))
      }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let left = max(0, Int32((deadline - ContinuousClock.now) / .milliseconds(1)))
      let found = poll(&waiting, 1, left)
      if found == 0 { return .silence }
      guard found > 0 else { continue }
      let more = output.fileHandleForReading.availableData
      if more.isEmpty { return .end }
      buffer.append(more)
    }
  }

  /// Processor time it has used so far.
  var processorSeconds: Double {
    let status = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)) ?? ""
    // The name before may hold blanks; of what follows it the 12th and 13th are times.
    let fields = status.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// How it ended, and the last it said of itself.
  func end() -> String {
    process.waitUntilExit()
    let status = process.terminationStatus
    let words = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
    return (process.terminationReason == .uncaughtSignal ? "signal \(status)" : "exit status \(status)")
      + ": " + words.suffix(500).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
