import Foundation

/// JSON for people and for other programs: keys sorted, and in snake case if not said otherwise, so that the same value
/// always gives the same text.
package enum ReadableJSON {
  package static func text(
    _ value: some Encodable, keys: JSONEncoder.KeyEncodingStrategy = .convertToSnakeCase
  ) throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = keys
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  package static func write(_ value: some Encodable, to path: String) throws {
    try AtomicFile.write(Array(try text(value).utf8), to: path)
  }
}
