import Foundation

/// A Python program that runs steps on request: `run N` in, a line of JSON out.
final class Peer {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private struct Answer: Decodable {
    var ready: Bool?
    var seconds: Double?
    var patches: Double?
  }

  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let name: String
  private var buffer = Data()

  /// Starts it and waits until it is warm.
  init(_ name: String, _ conditions: Conditions, script: String, arguments: [String]) throws {
    self.name = name
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = conditions.peers.command(script) + arguments
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    guard try answer().ready == true else { throw Failure(description: "\(name) did not say that it is ready") }
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// - Returns: patches a second.
  func run(_ steps: Int) throws -> Double {
    try input.fileHandleForWriting.write(contentsOf: Data("run \(steps)\n".utf8))
    let answer = try answer()
    guard let seconds = answer.seconds, let patches = answer.patches else {
      throw Failure(description: "\(name) gave no time")
    }
    return patches / seconds
  }

  private func answer() throws -> Answer {
    while true {
      if let end = buffer.firstIndex(of: 10) {
        let line = buffer[buffer.startIndex..<end]
        buffer = Data(buffer[(end + 1)...])
        // Libraries print warnings of their own.
        if let answer = try? JSONDecoder().decode(Answer.self, from: line) { return answer }
        continue
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw Failure(description: "\(name) ended before it answered") }
      buffer.append(more)
    }
  }
}
