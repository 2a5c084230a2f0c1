import Files
import Foundation
import Synchronization

/// The program psql, which runs a script on a PostgreSQL server.
package struct PSQL: Sendable {
  private let program: String
  private let address: PostgresAddress

  /// - Throws: `NormaError` if the program is not installed.
  package init(for address: PostgresAddress) throws(NormaError) {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    guard
      let program = folders.map({ "\($0)/psql" }).first(where: FileManager.default.isExecutableFile(atPath:))
    else {
      throw NormaError(
        .system, subject: "psql", found: "the program is in no folder of PATH, and norma reaches PostgreSQL through it",
        remedy: "Install PostgreSQL's client (apt-get install postgresql-client) and try again")
    }
    self.program = program
    self.address = address
  }

  /// Runs a script, which is written while psql reads it.
  ///
  /// - Throws: the error that the script throws; otherwise `NormaError` with the message of psql or of the server.
  func run(_ script: (_ write: ([UInt8]) throws -> Void) throws(NormaError) -> Void) throws(NormaError) {
    let (process, input, errors) = (Process(), Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: program)
    // psql must not read the user's start-up file, must not ask for a password, and must not put values of rows into
    // error messages.
    process.arguments = [
      "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-v", "SHOW_CONTEXT=never",
      "-d", address.url,
    ]
    process.environment = environment
    (process.standardInput, process.standardOutput, process.standardError) = (input, FileHandle.nullDevice, errors)
    // psql exits at the first error while rows are still being written to it. SIGPIPE must not end norma then.
    let handler = signal(SIGPIPE, SIG_IGN)
    defer { signal(SIGPIPE, handler) }
    do { try process.run() } catch { throw NormaError.writing(program, error) }
    let words = Words(from: errors.fileHandleForReading)
    var (isCut, failure) = (false, NormaError?.none)
    do throws(NormaError) {
      try script { bytes in
        do { try input.fileHandleForWriting.write(contentsOf: Data(bytes)) } catch {
          isCut = true
          throw error
        }
      }
    } catch { failure = error }
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
    let text = words.text
    if let failure, !isCut { throw failure }
    guard process.terminationReason == .exit, process.terminationStatus == 0, !isCut else {
      throw refusal(text, isConnected: process.terminationStatus == 3)
    }
  }

  private var environment: [String: String] {
    var environment = ProcessInfo.processInfo.environment
    environment["PGCLIENTENCODING"] = "UTF8"
    environment["PGAPPNAME"] = "norma"
    environment["LC_ALL"] = "C"
    if environment["PGCONNECT_TIMEOUT"] == nil { environment["PGCONNECT_TIMEOUT"] = "10" }
    if let password = address.password { environment["PGPASSWORD"] = password }
    return environment
  }

  /// The error for a script that psql did not complete.
  ///
  /// - Parameters:
  ///   - text: the text that psql wrote to standard error.
  ///   - isConnected: whether the server was reached and refused a statement.
  private func refusal(_ text: String, isConnected: Bool) -> NormaError {
    let words = Self.sentence(text)
    let remedies = [
      ("password", "Check the user and the password in the URL, in PGPASSWORD or in ~/.pgpass"),
      ("newer norma", "Update norma"),
      ("permission denied", "Ask the owner of the database for the right to do so"),
      ("lock timeout", "Wait until the other load is finished and try again"),
      ("does not exist", "Make it (createdb, createuser), or give another in the URL"),
    ]
    let remedy =
      remedies.first { words.contains($0.0) }?.1
      ?? (isConnected ? "See the log of the server" : "Check the URL, and that the server runs and can be reached")
    return NormaError(
      .system, subject: address.url,
      found: "nothing was loaded: \(words.isEmpty ? "psql ended without a word" : words)",
      remedy: remedy)
  }

  /// The error text of psql as part of a sentence. It removes prefixes such as `psql: error: ` and `ERROR:  `, and
  /// indented lines, which hold advice.
  static func sentence(_ text: String) -> String {
    let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("\t") && !$0.hasPrefix(" ") }
    let plain = lines.map { line in
      ["psql: error: ", "psql: ", "ERROR:  ", "FATAL:  "].reduce(String(line)) {
        $0.hasPrefix($1) ? String($0.dropFirst($1.count)) : $0
      }.replacingOccurrences(of: "FATAL:  ", with: "")
    }
    let joined = PrintableText.escaped(plain.joined(separator: "; "))
    return String((joined.hasSuffix(".") ? String(joined.dropLast()) : joined).prefix(500))
  }
}

/// The text that a program writes to standard error. It is read while the program runs, so that the program never waits
/// for a reader.
private final class Words: Sendable {
  private let data = Mutex(Data())
  private let group = DispatchGroup()

  init(from file: FileHandle) {
    DispatchQueue.global().async(group: group) {
      let read = try? file.readToEnd()
      self.data.withLock { $0 = read ?? Data() }
    }
  }

  /// The whole text. Waits until the program has ended.
  var text: String {
    group.wait()
    return String(decoding: data.withLock { $0 }, as: UTF8.self)
  }
}
