import Anomaly
import Compute
import Files
import Foundation
import Numerics
import Testing

/// Model files that were damaged, or made to do harm: a sentence with the path, or a model that can be used.
struct HostileModelTests {
  let folder: TemporaryFolder
  let path: String
  let sound: Safetensors
  let bytes: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    path = folder.path + "/model.safetensors"
    try TinyStudy.model.get().save(to: path)
    bytes = try folder.bytes(of: "model.safetensors")
    sound = try Safetensors(Data(bytes), path: path)
  }

  /// Reads the file and does with the model what `analyze` does.
  ///
  /// - Returns: what was complained of; `nil` where nothing was.
  private func use() -> String? {
    do {
      let model = try Model(path: path)
      let engine = try Engine()
      let image = TinyStudy.scan(seed: 101)
      _ = try Scorer(model, path: path, engine: engine).analyze(
        ScanGroup([image], prepared: model.preparation.prepare([image])), rate: 0.3)
      return nil
    } catch let error as NormaError {
      #expect(error.subject == path)
      return error.description
    } catch {
      Issue.record("\(error)")
      return nil
    }
  }

  private func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

  @Test func `a sound file can be used`() { #expect(use() == nil) }

  @Test func `bytes changed anywhere in the header crash nothing`() throws {
    var random = RandomGenerator(seed: 6)
    func place(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
    let header = 8 + bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    var refused = 0
    for round in 0..<400 {
      var changed = bytes
      switch round % 4 {
      case 0: changed[place(8)] = UInt8(place(256))
      // Digits and signs make the numbers that are the hardest to notice.
      case 1: for _ in 0..<3 { changed[8 + place(header - 8)] = Array("0123456789-eE.,:{}[]\"".utf8)[place(21)] }
      case 2: changed[8 + place(header - 8)] = UInt8(place(256))
      default: changed.removeLast(1 + place(changed.count - 1))
      }
      try write(changed)
      if use() != nil { refused += 1 }
    }
    #expect(refused > 200)
  }

  /// Every kind of value of the metadata once, in turn with what a parser or an integer would trip over.
  @Test func `no value in the metadata crashes anything or takes memory without end`() throws {
    let hostile = [
      "-1", "0", "9223372036854775807", "-9223372036854775808", "1e300", "1e30", "-1e30", "1000000000", "NaN",
      "Infinity", "1e400", "null", "\"text\"", "[]", "{}", "true", "0.5", "1e-300",
    ]
    var random = RandomGenerator(seed: 7)
    var refused = 0
    var used = 0
    for (key, text) in sound.metadata.sorted(by: { $0.key < $1.key }) where text.hasPrefix("{") {
      let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
      for place in places(of: object) {
        let value = hostile[Int(random.next() % UInt64(hostile.count))]
        var file = sound
        let marked = try JSONSerialization.data(withJSONObject: setting(place[...], of: object, to: "@here@"))
        file.metadata[key] = String(decoding: marked, as: UTF8.self).replacing("\"@here@\"", with: value)
        try write([UInt8](try file.encoded()))
        used += 1
        if use() != nil { refused += 1 }
      }
    }
    #expect(used > 150 && refused > used / 3, "\(refused) of \(used)")
  }

  /// Of the elements of a list the first stands for all.
  private func places(of object: Any) -> [[String]] {
    if let fields = object as? [String: Any] {
      return fields.keys.sorted().flatMap { key in [[key]] + places(of: fields[key]!).map { [key] + $0 } }
    }
    if let first = (object as? [Any])?.first { return [["0"]] + places(of: first).map { ["0"] + $0 } }
    return []
  }

  private func setting(_ place: ArraySlice<String>, of object: Any, to value: Any) -> Any {
    guard let name = place.first else { return value }
    if var fields = object as? [String: Any] {
      fields[name] = setting(place.dropFirst(), of: fields[name]!, to: value)
      return fields
    }
    var list = object as! [Any]
    list[0] = setting(place.dropFirst(), of: list[0], to: value)
    return list
  }

  @Test(arguments: [Float.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0, .leastNonzeroMagnitude])
  func `weights beyond all measure are borne`(value: Float) throws {
    for name in sound.arrays.keys.sorted().prefix(12) {
      var file = sound
      file.arrays[name]!.values = file.arrays[name]!.values.map { _ in value }
      try write([UInt8](try file.encoded()))
      _ = use()
    }
  }

  @Test func `a pipe, a device and a folder are no models`() throws {
    let pipe = folder.path + "/pipe"
    mkfifo(pipe, 0o600)
    for place in [pipe, "/dev/zero", folder.path] {
      let error = #expect(throws: NormaError.self) { try Model(path: place) }
      #expect(
        error?.description
          == "\(place): this is a folder or a device, a file was expected. Give a file that `norma train` wrote.")
    }
  }

  @Test func `a file larger than any model is not read`() throws {
    truncate(path, 1 << 40)
    let error = #expect(throws: NormaError.self) { try Model(path: path) }
    #expect(
      error?.description
        == "\(path): the file has 1048576 MiB, less than 4096 was expected. Give a file that `norma train` wrote.")
  }
}
