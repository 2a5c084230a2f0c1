import Anomaly
import Files
import Foundation
import Testing

struct FeatureWeightsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func fault(_ bytes: some Sequence<UInt8>, as name: String = "weights.pth") throws -> String {
    let path = try folder.write(bytes, as: name)
    let error = #expect(throws: NormaError.self) { try FeatureWeights(ofPyTorch: path) }
    #expect(error?.subject == path)
    return error?.found ?? ""
  }

  /// A file as PyTorch wrote them, of one array of two numbers with this name, of which `strides` says how they lie.
  ///
  /// - Parameter second: the size that a second array gives the storage, if there is one.
  private func file(
    array name: String, count: UInt8 = 2, stride: UInt8 = 1, second: UInt8? = nil,
    maker: String = "torch._utils\n_rebuild_tensor_v2"
  ) -> [UInt8] {
    func text(_ text: String) -> [UInt8] { [0x58, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8) }
    func global(_ text: String) -> [UInt8] { Array("c\(text)\n".utf8) }
    let magic: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
    let version: [UInt8] = [0x80, 2, 0x4D, 0xE9, 3, 0x2E]
    let system: [UInt8] = [0x80, 2, 0x7D, 0x28] + text("little_endian") + [0x88, 0x75, 0x2E]
    func storage(_ size: UInt8) -> [UInt8] {
      [0x28] + text("storage") + global("torch\nFloatStorage") + text("7") + text("cpu") + [
        0x4B, size, 0x4E, 0x74, 0x51,
      ]
    }
    func array(_ count: UInt8, of size: UInt8) -> [UInt8] {
      global(maker) + [0x28] + storage(size) + [0x4B, 0, 0x4B, count, 0x85, 0x4B, stride, 0x85, 0x89]
        + global("collections\nOrderedDict") + [0x29, 0x52, 0x74, 0x52]
    }
    let other = second.map { text("other") + array($0, of: $0) } ?? []
    let table: [UInt8] =
      [0x80, 2] + global("collections\nOrderedDict") + [0x29, 0x52, 0x28] + text(name) + array(count, of: 2) + other
      + [0x75, 0x2E]
    let keys: [UInt8] = [0x80, 2, 0x5D, 0x28] + text("7") + [0x65, 0x2E]
    let numbers: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0x80, 0x3F] + [0, 0, 0, 0x40]
    return magic + version + system + table + keys + numbers
  }

  @Test func `a file of other weights is told by the array that it lacks`() throws {
    #expect(try fault(file(array: "other.weight")) == "it has no array '_conv_stem.weight'")
    let wrong = try fault(file(array: "_conv_stem.weight"))
    #expect(wrong == "its array '_conv_stem.weight' has the shape [2], [32, 3, 3, 3] was expected")
  }

  @Test func `nothing that a file names is called`() throws {
    let found = try fault(file(array: "a", maker: "os\nsystem"))
    #expect(found == "it asks for 'os system', which a table of arrays does not need")
  }

  @Test func `numbers that would lie outside the file are refused`() throws {
    #expect(try fault(file(array: "_conv_stem.weight", stride: 2)) == "its table of arrays is broken")
  }

  @Test func `values that nest without end, or have edges of 0, are refused`() throws {
    let start: [UInt8] = [0x80, 2]
    #expect(try fault(start + [0x4E] + [UInt8](repeating: 0x85, count: 1_000_000)) == "its table of arrays is broken")
    let lists = [UInt8](repeating: 0x5D, count: 100_000) + [UInt8](repeating: 0x61, count: 99_999)
    #expect(try fault(start + lists) == "its table of arrays is broken")
    #expect(try fault(file(array: "_conv_stem.weight", count: 0)) == "its table of arrays is broken")
  }

  /// Two arrays of one storage that give it different sizes.
  @Test func `arrays that contradict each other are refused`() throws {
    let found = try fault(file(array: "_conv_stem.weight", second: 1))
    #expect(found == "two of its arrays do not say the same of where their numbers are")
  }

  @Test func `a file cut off or changed anywhere is refused and crashes nothing`() throws {
    let sound = file(array: "_conv_stem.weight")
    for count in 0..<sound.count { _ = try fault(sound.prefix(count)) }
    for place in sound.indices {
      for value: UInt8 in [0, 0x2E, 0x28, 0x74, 0x72, 0x8A, 0xFF] {
        var changed = sound
        changed[place] = value
        _ = try fault(changed)
      }
    }
  }

  @Test func `archives that are none, or hold no weights, are told`() throws {
    #expect(try fault([0x50, 0x4B, 3, 4] + Array("junk".utf8)) == "it is no ZIP archive, or is cut off")
    let error = #expect(throws: NormaError.self) { try FeatureWeights(ofPyTorch: folder.path) }
    #expect(error?.found.hasPrefix("this is no file") == true)
  }

  @Test func `a model is no file of features`() throws {
    let path = folder.path + "/model.safetensors"
    try TinyStudy.model.get().save(to: path)
    let error = #expect(throws: NormaError.self) { try FeatureWeights(path: path) }
    #expect(error?.remedy == "Give a file that `norma features` wrote")
  }
}
