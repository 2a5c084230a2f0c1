import Foundation

/// Named arrays of `Float` with text metadata in one file, which Python's `safetensors` package can open too.
///
/// The file holds eight bytes with the header's length (little-endian), a JSON header, and the numbers. Specification:
/// https://github.com/huggingface/safetensors#format.
package struct Safetensors: Sendable, Equatable {
  package struct Array: Sendable, Equatable {
    package var shape: [Int]
    package var values: [Float]

    package init(shape: [Int], values: [Float]) {
      precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
      self.shape = shape
      self.values = values
    }
  }

  package var arrays: [String: Array] = [:]
  package var metadata: [String: String] = [:]

  package init(arrays: [String: Array] = [:], metadata: [String: String] = [:]) {
    self.arrays = arrays
    self.metadata = metadata
  }

  private struct Entry: Codable {
    var dtype: String
    var shape: [Int]
    var dataOffsets: [Int]

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case dataOffsets = "data_offsets"
    }
  }

  private static let largestHeader = 100_000_000

  /// The bytes of the whole file, with the arrays sorted by name.
  package func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var offset = 0
    var parts: [String] = []
    let names = arrays.keys.sorted()
    for name in names {
      let array = arrays[name]!
      let end = offset + array.values.count * 4
      let entry = try encoder.encode(Entry(dtype: "F32", shape: array.shape, dataOffsets: [offset, end]))
      parts.append(try quoted(name) + ":" + String(decoding: entry, as: UTF8.self))
      offset = end
    }
    let texts = String(decoding: try encoder.encode(metadata), as: UTF8.self)
    var header = "{" + (["\"__metadata__\":\(texts)"] + parts).joined(separator: ",") + "}"
    // The format requires the numbers to start at a multiple of eight bytes.
    header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    var result = Data(capacity: 8 + header.utf8.count + offset)
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { result.append(contentsOf: $0) }
    result.append(contentsOf: header.utf8)
    for name in names {
      arrays[name]!.values.withUnsafeBytes { result.append(contentsOf: $0) }
    }
    return result
  }

  private func quoted(_ text: String) throws -> String {
    String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
  }

  /// Reads a file's bytes without trusting the lengths and offsets stated in it.
  ///
  /// - Throws: `NormaError` that says which part is invalid.
  package init(_ data: Data, path: String) throws(NormaError) {
    let data = Data(data)  // so that indices start at zero
    func damaged(_ found: String) -> NormaError {
      NormaError(.malformed, subject: path, found: found, remedy: "Copy the file again or train anew")
    }
    guard data.count >= 8 else {
      throw damaged("it holds \(data.count) bytes, a safetensors file has at least 8")
    }
    let stated = data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard stated <= UInt64(Self.largestHeader), stated <= UInt64(data.count - 8) else {
      throw damaged(
        "its header is stated to be \(stated) bytes long, the file holds \(data.count): it is no safetensors file or is cut off"
      )
    }
    let body = 8 + Int(stated)
    guard let fields = (try? JSONSerialization.jsonObject(with: data[8..<body])) as? [String: Any] else {
      throw damaged("its header is not a JSON object")
    }
    var claimed: [Range<Int>] = []
    for (name, field) in fields {
      if name == "__metadata__" {
        guard let texts = field as? [String: String] else { throw damaged("its metadata is not a map of texts") }
        metadata = texts
        continue
      }
      guard let entry = field as? [String: Any], let dtype = entry["dtype"] as? String,
        let shape = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int], offsets.count == 2
      else { throw damaged("its entry '\(name)' lacks dtype, shape or data_offsets") }
      guard dtype == "F32" else { throw damaged("'\(name)' is of type \(dtype), F32 was expected") }
      var count = 1
      for edge in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: edge)
        guard edge >= 0, !overflow, product <= 1 << 40 else { throw damaged("'\(name)' has the shape \(shape)") }
        count = product
      }
      guard offsets[0] >= 0, offsets[1] >= offsets[0], offsets[1] <= data.count - body,
        offsets[1] - offsets[0] == count * 4
      else {
        throw damaged(
          "'\(name)' of shape \(shape) is stated to lie at bytes \(offsets[0]) to \(offsets[1]) of \(data.count - body)"
        )
      }
      claimed.append(offsets[0]..<offsets[1])
      var values = [Float](repeating: 0, count: count)
      _ = values.withUnsafeMutableBytes { target in
        data.copyBytes(to: target, from: body + offsets[0]..<body + offsets[1])
      }
      guard values.allSatisfy(\.isFinite) else { throw damaged("'\(name)' holds numbers that are not finite") }
      arrays[name] = Array(shape: shape, values: values)
    }
    claimed.sort { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
    for (a, b) in zip(claimed, claimed.dropFirst()) where a.upperBound > b.lowerBound {
      throw damaged("two of its arrays overlap at byte \(b.lowerBound)")
    }
  }
}

extension Safetensors {
  /// Checks that a file may be written here: that nothing lies here, or a file of this format, or an empty one.
  ///
  /// - Throws: `NormaError` where another file would be lost, such as a scan whose path was given by mistake.
  package static func checkReplaceable(_ path: String) throws(NormaError) {
    guard FileManager.default.fileExists(atPath: path) else { return }
    var isOurs = false
    if FileState.isRegular(path), let file = FileHandle(forReadingAtPath: path) {
      // The length of the header in eight bytes, and the header, which is JSON.
      let start = (try? file.read(upToCount: 9)) ?? Data()
      isOurs = start.isEmpty || start.count == 9 && start[start.startIndex + 8] == UInt8(ascii: "{")
      try? file.close()
    }
    guard isOurs else {
      throw NormaError(
        subject: path, found: "there is something else than a model, which would be lost",
        remedy: "Choose another --output, or move it away")
    }
  }
}
