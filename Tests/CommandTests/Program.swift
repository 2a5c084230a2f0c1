import Foundation
import Imaging
import Testing

/// The built program, run as a user runs it.
struct Program {
  struct Result {
    var status: Int32
    var output: String
    var errors: String
  }

  /// The program lies beside the test bundle's executable.
  static let url: URL = {
    let test = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    let beside = test.deletingLastPathComponent().appendingPathComponent("norma")
    if FileManager.default.isExecutableFile(atPath: beside.path) { return beside }
    // swift-testing's helper runs the bundle from elsewhere; the bundle's path is then among the arguments.
    for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
      let candidate = URL(fileURLWithPath: argument).deletingLastPathComponent().appendingPathComponent("norma")
      if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
    }
    return beside
  }()

  /// Why the program cannot be run as nobody, or `nil`.
  static let lackOfNobody: Comment? = {
    let isThere = (try? run(["--version"], in: TemporaryFolder(), through: asNobody))?.status == 0
    return isThere ? nil : "the superuser and setpriv are needed, to run the program as nobody"
  }()

  static func run(_ arguments: String..., in folder: TemporaryFolder) throws -> Result {
    try run(arguments, in: folder)
  }

  /// Starts the program without the rights of the user who runs the tests.
  static let asNobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

  /// - Parameters:
  ///   - environment: set beside what the tests run with.
  ///   - launcher: what starts the program, which is appended to it.
  static func run(
    _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:],
    through launcher: [String] = []
  ) throws -> Result {
    try start(arguments, in: folder, environment: environment, through: launcher).wait()
  }

  /// The program while it runs.
  final class Running {
    private let process = Process()
    private let output = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    private let errors = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    fileprivate init(
      _ arguments: [String], in folder: TemporaryFolder, environment: [String: String], through launcher: [String]
    ) throws {
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      let command = launcher + [url.path] + arguments
      process.executableURL = URL(fileURLWithPath: command[0])
      process.arguments = Array(command.dropFirst())
      process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
      for file in [output, errors] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
      process.standardOutput = try FileHandle(forWritingTo: output)
      process.standardError = try FileHandle(forWritingTo: errors)
      try process.run()
    }

    deinit {
      if process.isRunning { send(SIGKILL) }
      for file in [output, errors] { try? FileManager.default.removeItem(at: file) }
    }

    var isRunning: Bool { process.isRunning }

    var identifier: Int32 { process.processIdentifier }

    /// Does nothing where the program has ended.
    func send(_ signal: Int32) { if process.isRunning { kill(process.processIdentifier, signal) } }

    /// - Returns: false where the program ended before the condition held.
    func wait(until condition: () -> Bool) -> Bool {
      while process.isRunning {
        if condition() { return true }
        usleep(2000)
      }
      return false
    }

    /// Of a program that a signal ended the status is less than 0.
    func wait() throws -> Result {
      process.waitUntilExit()
      return Result(
        status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
        output: try String(contentsOf: output, encoding: .utf8),
        errors: try String(contentsOf: errors, encoding: .utf8))
    }
  }

  static func start(
    _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:],
    through launcher: [String] = []
  ) throws -> Running {
    try Running(arguments, in: folder, environment: environment, through: launcher)
  }
}

/// A folder that is removed with its owner.
final class TemporaryFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("norma-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

  func write(_ data: Data, to name: String) throws {
    let url = URL(fileURLWithPath: file(name))
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
  }

  /// A disc with rings, brighter by `brightness` within `lesion`; every name gives its own rings.
  func writeScan(
    _ name: String, size: Int = 48, channels: Int = 1, lesion: (x: Int, y: Int, radius: Int)? = nil
  ) throws {
    let phase = Float(name.unicodeScalars.reduce(0) { ($0 * 31 + Int($1.value)) % 1000 }) / 100
    var image = Image(width: size, height: size, channels: channels)
    for y in 0..<size {
      for x in 0..<size {
        let (dx, dy) = (Float(x) - Float(size) / 2, Float(y) - Float(size) / 2)
        let r = (dx * dx + dy * dy).squareRoot()
        var value: Float = r < Float(size) * 0.42 ? 120 + 25 * sin(r * 0.5 + phase) : 2
        if let lesion {
          let (lx, ly) = (x - lesion.x, y - lesion.y)
          if lx * lx + ly * ly <= lesion.radius * lesion.radius { value += 90 }
        }
        for c in 0..<channels { image[x, y, c] = value }
      }
    }
    try makeFolder(of: name)
    try TIFFWriter.write(image, as: .uint8, to: file(name))
  }

  func writeMask(_ name: String, size: Int = 48, lesion: (x: Int, y: Int, radius: Int)?) throws {
    var image = Image(width: size, height: size, channels: 1)
    if let lesion {
      for y in 0..<size {
        for x in 0..<size {
          let (lx, ly) = (x - lesion.x, y - lesion.y)
          if lx * lx + ly * ly <= lesion.radius * lesion.radius { image[x, y] = 255 }
        }
      }
    }
    try makeFolder(of: name)
    try TIFFWriter.write(image, as: .uint8, to: file(name))
  }

  func makeFolder(of name: String) throws {
    try FileManager.default.createDirectory(
      atPath: (file(name) as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
  }
}
