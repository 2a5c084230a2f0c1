import Anomaly
import Compute
import Files
import Foundation
import Numerics
import Testing

private let path = "model.safetensors"

/// What a user would read; "no error" where the bytes are accepted.
private func message(_ bytes: [UInt8]) -> String {
  do throws(NormaError) {
    _ = try Safetensors(Data(bytes), path: path)
    return "no error"
  } catch {
    return error.description
  }
}

private func whole(_ header: String, _ body: [UInt8] = [], stated: UInt64? = nil) -> [UInt8] {
  let length = stated ?? UInt64(header.utf8.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8) + body
}

@Test func `arrays and texts come back as they were`() throws {
  var random = RandomGenerator(seed: 1)
  let file = Safetensors(
    arrays: [
      "encode0.0.conv.weight": .init(shape: [3, 5, 2], values: (0..<30).map { _ in random.normal() }),
      "extremes": .init(
        shape: [6], values: [0, -0.0, .greatestFiniteMagnitude, -.leastNonzeroMagnitude, 1 / 3, .pi]),
      "scalar": .init(shape: [], values: [42]),
      "nothing": .init(shape: [0, 7], values: []),
      "a \"quoted\" näme/\\": .init(shape: [1], values: [1]),
    ], metadata: ["format": "norma", "text": "line\nbreak, \"quotes\", \u{1F9E0}"])
  let read = try Safetensors(file.encoded(), path: path)
  #expect(read == file)
  // Equality takes -0 for 0.
  #expect(read.arrays["extremes"]!.values.map(\.bitPattern) == file.arrays["extremes"]!.values.map(\.bitPattern))
}

/// Written out from the format's description: https://github.com/huggingface/safetensors#format.
@Test func `a small file has the bytes the format asks for`() throws {
  let file = Safetensors(
    arrays: ["b": .init(shape: [2], values: [1, -2]), "a": .init(shape: [1, 1], values: [0.5])], metadata: ["k": "v"])
  let header =
    #"{"__metadata__":{"k":"v"},"a":{"data_offsets":[0,4],"dtype":"F32","shape":[1,1]},"#
    + #""b":{"data_offsets":[4,12],"dtype":"F32","shape":[2]}}"#
  let padded = header + String(repeating: " ", count: 1)
  #expect(header.utf8.count == 135 && padded.utf8.count % 8 == 0)
  #expect(
    [UInt8](try file.encoded())
      == [136, 0, 0, 0, 0, 0, 0, 0] + Array(padded.utf8)
      + [0, 0, 0, 0x3F, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0])
}

@Test func `the same contents give the same bytes`() throws {
  func file(_ names: [String]) -> Safetensors {
    var result = Safetensors()
    for name in names {
      result.arrays[name] = .init(shape: [1], values: [Float(name.utf8.first!)])
      result.metadata[name] = name
    }
    return result
  }
  let names = (0..<20).map { "\($0)" }
  #expect(try file(names).encoded() == file(names.reversed()).encoded())
}

struct DamagedSafetensors: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bytes: [UInt8]
  let message: String

  init(_ name: String, _ bytes: [UInt8], _ message: String) {
    testDescription = name
    self.bytes = bytes
    self.message = "model.safetensors: \(message). Copy the file again or train anew."
  }

  private static func entry(
    dtype: String = "F32", shape: String = "[2]", offsets: String = "[0,8]", body: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]
  ) -> [UInt8] {
    whole(#"{"w":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}}"#, body)
  }

  private static func two(_ first: String, _ second: String) -> [UInt8] {
    whole(
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":\#(first)},"#
        + #""b":{"dtype":"F32","shape":[2],"data_offsets":\#(second)}}"#, [UInt8](repeating: 0, count: 16))
  }

  static let all: [DamagedSafetensors] = [
    .init("empty", [], "it holds 0 bytes, a safetensors file has at least 8"),
    .init("seven bytes", [1, 2, 3, 4, 5, 6, 7], "it holds 7 bytes, a safetensors file has at least 8"),
    .init("no header", whole(""), "its header is not a JSON object"),
    .init(
      "header longer than the file", whole("{}", stated: 3),
      "its header is stated to be 3 bytes long, the file holds 10: it is no safetensors file or is cut off"),
    .init(
      "header as long as a word can say", whole("{}", stated: .max),
      "its header is stated to be 18446744073709551615 bytes long, the file holds 10: it is no safetensors file or is"
        + " cut off"),
    .init(
      "a TIFF file", Array("II*\0".utf8) + [8, 0, 0, 0, 0, 0],
      "its header is stated to be 34362509641 bytes long, the file holds 10: it is no safetensors file or is cut off"),
    .init("not JSON", whole("{\"w\":"), "its header is not a JSON object"),
    .init("not UTF-8", [2, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFE], "its header is not a JSON object"),
    .init("a list", whole("[1,2]"), "its header is not a JSON object"),
    .init("nested without end", whole(String(repeating: "[", count: 100_000)), "its header is not a JSON object"),
    .init("metadata of numbers", whole(#"{"__metadata__":{"k":1}}"#), "its metadata is not a map of texts"),
    .init("an entry that is no map", whole(#"{"w":[0,8]}"#), "its entry 'w' lacks dtype, shape or data_offsets"),
    .init(
      "an entry without offsets", whole(#"{"w":{"dtype":"F32","shape":[2]}}"#),
      "its entry 'w' lacks dtype, shape or data_offsets"),
    .init("three offsets", entry(offsets: "[0,4,8]"), "its entry 'w' lacks dtype, shape or data_offsets"),
    .init("broken offsets", entry(offsets: "[0.5,8]"), "its entry 'w' lacks dtype, shape or data_offsets"),
    .init(
      "offsets beyond any integer", entry(offsets: "[0,1e300]"), "its entry 'w' lacks dtype, shape or data_offsets"),
    .init("another type", entry(dtype: "BF16"), "'w' is of type BF16, F32 was expected"),
    .init(
      "offsets past the end", entry(offsets: "[4,12]"), "'w' of shape [2] is stated to lie at bytes 4 to 12 of 8"),
    .init("offsets backwards", entry(offsets: "[8,0]"), "'w' of shape [2] is stated to lie at bytes 8 to 0 of 8"),
    .init(
      "an offset before the start", entry(offsets: "[-8,0]"),
      "'w' of shape [2] is stated to lie at bytes -8 to 0 of 8"),
    .init(
      "offsets at the ends of the integers", entry(offsets: "[-9223372036854775808,9223372036854775807]"),
      "'w' of shape [2] is stated to lie at bytes -9223372036854775808 to 9223372036854775807 of 8"),
    .init(
      "more bytes than the shape", entry(shape: "[1]"), "'w' of shape [1] is stated to lie at bytes 0 to 8 of 8"),
    .init(
      "fewer bytes than the shape", entry(shape: "[2,2]"),
      "'w' of shape [2, 2] is stated to lie at bytes 0 to 8 of 8"),
    .init("a negative edge", entry(shape: "[-2]"), "'w' has the shape [-2]"),
    .init("two negative edges", entry(shape: "[-1,-2]"), "'w' has the shape [-1, -2]"),
    .init(
      "a product beyond the integers", entry(shape: "[4294967296,4294967296]"),
      "'w' has the shape [4294967296, 4294967296]"),
    .init(
      "a product that wraps to what fits", entry(shape: "[2,9223372036854775807,2]"),
      "'w' has the shape [2, 9223372036854775807, 2]"),
    .init("overlap", two("[0,8]", "[4,12]"), "two of its arrays overlap at byte 4"),
    .init("the same bytes twice", two("[0,8]", "[0,8]"), "two of its arrays overlap at byte 0"),
    .init("not a number", entry(body: [0, 0, 0, 0, 0, 0, 0xC0, 0x7F]), "'w' holds numbers that are not finite"),
    .init("infinity", entry(body: [0, 0, 0x80, 0x7F, 0, 0, 0, 0]), "'w' holds numbers that are not finite"),
  ]
}

@Test(arguments: DamagedSafetensors.all)
func `a damaged file says what does not fit`(damaged: DamagedSafetensors) {
  #expect(message(damaged.bytes) == damaged.message)
}

@Test func `a file cut off anywhere is refused`() throws {
  let file = Safetensors(
    arrays: ["a": .init(shape: [3], values: [1, 2, 3]), "b": .init(shape: [2], values: [4, 5])],
    metadata: ["format": "norma"])
  let sound = [UInt8](try file.encoded())
  #expect(message(sound) == "no error")
  for count in sound.indices { #expect(message(Array(sound.prefix(count))) != "no error", "\(count) bytes") }
}

@Test func `a flipped bit never crashes`() throws {
  let file = Safetensors(
    arrays: ["a": .init(shape: [3], values: [1, 2, 3]), "b": .init(shape: [2, 1], values: [4, 5])],
    metadata: ["format": "norma"])
  let sound = [UInt8](try file.encoded())
  var refused = 0
  for place in sound.indices {
    for bit in 0..<8 {
      var bytes = sound
      bytes[place] ^= 1 << bit
      if message(bytes) != "no error" { refused += 1 }
    }
  }
  // Most bits of the header matter; most of the numbers' bits give other numbers.
  #expect(refused > sound.count * 8 / 4)
}

@Test func `a part of a larger buffer is read as if it stood alone`() throws {
  let file = Safetensors(arrays: ["a": .init(shape: [1], values: [2])])
  let bytes = Data([9, 9, 9]) + (try file.encoded())
  #expect(try Safetensors(bytes[3...], path: path) == file)
}

/// Runs Python; `nil` where there is none or it fails.
private func python(_ script: String, _ arguments: String...) -> String? {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["python3", "-c", script] + arguments
  let output = Pipe()
  process.standardOutput = output
  process.standardError = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return nil }
  let data = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
}

private let hasPythonPackage = python("import numpy, safetensors.numpy") != nil

@Test(.enabled(if: hasPythonPackage, "python3 with numpy and safetensors is needed"))
func `Python's own reader finds what was written`() throws {
  let folder = try TemporaryFolder()
  let file = Safetensors(
    arrays: ["w": .init(shape: [2, 3], values: [1, 2, 3, 4.5, -6, 0.25]), "b": .init(shape: [], values: [7])],
    metadata: ["format": "norma", "text": "\"quotes\" and ünïcode"])
  let place = try folder.write(try file.encoded(), as: "written.safetensors")
  let script = """
    import json, sys
    from safetensors import safe_open
    with safe_open(sys.argv[1], framework="np") as f:
        arrays = {k: [list(f.get_tensor(k).shape), f.get_tensor(k).flatten().tolist()] for k in f.keys()}
        print(json.dumps([f.metadata(), arrays], sort_keys=True, ensure_ascii=False))
    """
  #expect(
    python(script, place)
      == #"[{"format": "norma", "text": "\"quotes\" and ünïcode"}, "#
      + #"{"b": [[], [7.0]], "w": [[2, 3], [1.0, 2.0, 3.0, 4.5, -6.0, 0.25]]}]"# + "\n")
}
