import Anomaly
import ArgumentParser
import Files
import Foundation
import Imaging
import Logging
import Reporting
import Synchronization

/// Format of messages on standard error.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
  /// Sentences for people.
  case text
  /// One JSON object per line, for programs: `time`, `level`, `message`, `command`, and fields on the message's
  /// subject, such as `case`, `scan`, `path`, `remedy`, `progress`.
  case json

  private static let chosen = Mutex(LogFormat.text)

  /// The format that this process writes.
  static var current: LogFormat {
    get { chosen.withLock { $0 } }
    set { chosen.withLock { $0 = newValue } }
  }
}

/// Options for messages; part of every command.
struct LogOptions: ParsableArguments {
  @Option(help: "Messages on standard error: text, or json with one object a line.")
  var logFormat: LogFormat = .text
}

/// A command whose messages can be written in either format.
protocol LoggedCommand: ParsableCommand {
  var log: LogOptions { get }
}

extension Logger {
  /// Logger of all messages of the program; see `LogHandler` of the package swift-log for levels.
  static let norma = Logger(label: "norma")

  /// Reports the error that ends a command or one of its parts, with what is known of its cause.
  func report(_ error: any Error, level: Logger.Level = .critical) {
    log(level: level, "\(error)", metadata: Self.facts(of: error))
  }

  /// Type of an error and, where known, the kind of fault, the file and the remedy.
  static func facts(of error: any Error) -> Logger.Metadata {
    let known = error as? NormaError ?? (error as? ScanFault)?.error
    var facts: Logger.Metadata = ["error": "\(type(of: error))"]
    if let known {
      facts["path"] = known.subject.map { "\($0)" }
      facts["remedy"] = "\(known.remedy)"
      facts["fault"] = "\(known.kind.rawValue)"
    }
    return facts
  }
}

/// Writes messages to standard error in the current format.
struct StandardErrorLog: LogHandler {
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]
  let command: String

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let metadata = metadata.merging(event.metadata ?? [:]) { $1 }
    switch LogFormat.current {
    case .text:
      Terminal.writeLine(Self.prefix(event.level, metadata) + PrintableText.escaped(event.message.description))
    case .json: Terminal.writeLine(json(event, metadata))
    }
  }

  private static func prefix(_ level: Logger.Level, _ metadata: Logger.Metadata) -> String {
    switch level {
    case .critical: "norma: "
    case .error: "failed: "
    case .warning: "warning: "
    case .info, .notice, .debug, .trace:
      if case .stringConvertible(let share as Double) = metadata["progress"] {
        String(format: "%3.0f %% ", share * 100)
      } else {
        ""
      }
    }
  }

  private func json(_ event: LogEvent, _ metadata: Logger.Metadata) -> String {
    var object: [String: Any] = [
      "time": Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)),
      "level": event.level.rawValue, "message": event.message.description, "command": command,
    ]
    for (key, value) in metadata { object[key] = Self.plain(value) }
    // File names that are not UTF-8 are repaired when they become strings, so everything here can be encoded.
    let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data ?? Data(), as: UTF8.self)
  }

  private static func plain(_ value: Logger.Metadata.Value) -> Any {
    switch value {
    case .string(let text): text
    case .stringConvertible(let number as Double): number
    case .stringConvertible(let number as Int): number
    case .stringConvertible(let other): other.description
    case .array(let values): values.map(plain)
    case .dictionary(let values): values.mapValues(plain)
    }
  }
}
