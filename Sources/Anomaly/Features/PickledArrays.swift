import Files
import Foundation

/// Reads the arrays of a file of weights that PyTorch wrote before version 1.6.
///
/// Such a file is a series of pickles: a number, a version, sizes of types, a dictionary of arrays that name where their
/// numbers are kept, and a list of these names; then the numbers follow, for each name. A pickle is a program for a
/// machine with a stack. Only the instructions are followed that build dictionaries, lists and arrays, and nothing that
/// a file names is called. Source: the comments of `pickletools.py` in Python 3.11.
struct PickledArrays {
  private var arrays: [String: PickleMachine.Array] = [:]
  /// Numbers of each storage of `Float`, by its key.
  private var numbers: [String: [Float]] = [:]
  private let path: String

  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
  private static let version = 1001
  private static let mostNumbers = 1 << 28

  init(_ data: Data, path: String) throws(NormaError) {
    self.path = path
    do {
      var machine = PickleMachine(Array(data))
      guard case .long(Self.magic) = try machine.run(), case .int(Self.version) = try machine.run() else {
        throw PickleMachine.Fault(what: "it does not begin as weights that PyTorch wrote before version 1.6 do")
      }
      _ = try machine.run()  // sizes of types on the computer that wrote it
      guard case .table(let table) = try machine.run(), case .list(let keys) = try machine.run() else {
        throw PickleMachine.Fault(what: "it holds no table of arrays")
      }
      var storages: [String: PickleMachine.Storage] = [:]
      for array in table.arrays.values {
        guard storages[array.storage.key, default: array.storage] == array.storage else {
          throw PickleMachine.Fault(what: "two of its arrays do not say the same of where their numbers are")
        }
        storages[array.storage.key] = array.storage
      }
      for key in keys.texts {
        guard let storage = storages[key] else {
          throw PickleMachine.Fault(what: "it lists numbers that no array has")
        }
        let bytes = try machine.numbers(count: storage.count, size: storage.size)
        guard storage.isFloat else { continue }
        numbers[key] = bytes.withUnsafeBytes { bytes in
          (0..<storage.count).map { Float(bitPattern: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
        }
      }
      arrays = table.arrays
    } catch let fault as PickleMachine.Fault {
      throw damaged(fault.what)
    } catch { preconditionFailure("\(error)") }
  }

  private func damaged(_ found: String) -> NormaError {
    NormaError(.malformed, subject: path, found: found, remedy: "Get the file again")
  }

  /// The numbers of an array of `Float`, in the order of a dense array; `nil` where there is none of this name.
  ///
  /// - Parameter shape: the shape that is expected of it; no edge is 0.
  func values(of name: String, shape: [Int]) throws(NormaError) -> [Float]? {
    guard let array = arrays[name], array.storage.isFloat else { return nil }
    guard array.shape == shape else {
      throw damaged("its array '\(name)' has the shape \(array.shape), \(shape) was expected")
    }
    guard let numbers = numbers[array.storage.key] else { throw damaged("the numbers of '\(name)' are missing") }
    return array.places.map { numbers[$0] }
  }

  /// The stack machine of a pickle, with the instructions that a table of arrays needs.
  private struct PickleMachine {
    struct Fault: Error { let what: String }

    /// The arrays of a table; what else a table may hold is of no use, and is dropped.
    final class Table { var arrays: [String: Array] = [:] }
    /// The texts of a list; the only list that is needed holds nothing else.
    final class List { var texts: [String] = [] }

    struct Storage: Equatable {
      let key: String
      let type: String
      let count: Int

      var isFloat: Bool { type == "torch FloatStorage" }
      var size: Int { isFloat ? 4 : 8 }
    }

    struct Array {
      let storage: Storage
      let offset: Int
      let shape: [Int]
      /// How far apart the numbers lie along each edge.
      let strides: [Int]

      /// Where its numbers lie, in the order of a dense array.
      var places: [Int] {
        zip(shape, strides).reduce([offset]) { places, edge in
          places.flatMap { place in (0..<edge.0).map { place + $0 * edge.1 } }
        }
      }
    }

    indirect enum Value {
      case nothing
      case mark
      case flag
      case int(Int)
      case long([UInt8])
      case text(String)
      /// Values; those of tuples in it are no tuples, so that values nest no deeper than arrays need.
      case tuple([Value])
      case list(List)
      case table(Table)
      case global(String)
      case storage(Storage)
      case array(Array)
    }

    private let bytes: [UInt8]
    private var place = 0
    private var stack: [Value] = []
    private var memory: [Int: Value] = [:]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Follows the instructions of one pickle and returns what it builds.
    mutating func run() throws(Fault) -> Value {
      (stack, memory) = ([], [:])
      while true {
        let code = try byte()
        switch code {
        case 0x80: _ = try byte()  // version of the instructions
        case UInt8(ascii: "."): return try pop()
        case UInt8(ascii: "N"): stack.append(.nothing)
        case 0x88, 0x89: stack.append(.flag)
        case UInt8(ascii: "K"): stack.append(.int(try integer(1)))
        case UInt8(ascii: "M"): stack.append(.int(try integer(2)))
        case UInt8(ascii: "J"): stack.append(.int(try integer(4)))
        case 0x8A: stack.append(.long([UInt8](try take(try integer(1)))))
        case UInt8(ascii: "X"): stack.append(.text(String(decoding: try take(try integer(4)), as: UTF8.self)))
        case UInt8(ascii: "c"): stack.append(.global("\(try line()) \(try line())"))
        case UInt8(ascii: "}"): stack.append(.table(Table()))
        case UInt8(ascii: "]"): stack.append(.list(List()))
        case UInt8(ascii: ")"): stack.append(.tuple([]))
        case UInt8(ascii: "("): stack.append(.mark)
        case UInt8(ascii: "t"):
          let items = try popToMark()
          stack.append(try tuple(items))
        case 0x85, 0x86, 0x87:
          let count = Int(code - 0x84)
          guard stack.count >= count else { throw Self.broken }
          let items = Swift.Array(stack.suffix(count))
          stack.removeLast(count)
          stack.append(try tuple(items))
        case UInt8(ascii: "q"): memory[try integer(1)] = try top()
        case UInt8(ascii: "r"): memory[try integer(4)] = try top()
        case UInt8(ascii: "h"): stack.append(try remembered(try integer(1)))
        case UInt8(ascii: "j"): stack.append(try remembered(try integer(4)))
        case UInt8(ascii: "Q"): stack.append(.storage(try storage(try pop())))
        case UInt8(ascii: "R"):
          let arguments = try pop()
          stack.append(try made(by: try pop(), from: arguments))
        case UInt8(ascii: "s"):
          let value = try pop()
          let name = try pop()
          try add([name, value])
        case UInt8(ascii: "u"):
          let pairs = try popToMark()
          try add(pairs)
        case UInt8(ascii: "a"):
          let item = try pop()
          try extend([item])
        case UInt8(ascii: "e"):
          let items = try popToMark()
          try extend(items)
        case UInt8(ascii: "b"): _ = try pop()  // a table's notes
        default: throw Fault(what: "it has the instruction \(code), which a table of arrays does not need")
        }
      }
    }

    /// The numbers of one storage, which begin with their count.
    mutating func numbers(count: Int, size: Int) throws(Fault) -> ArraySlice<UInt8> {
      guard try integer(8) == count else { throw Fault(what: "its numbers are not as many as its table says") }
      return try take(count * size)
    }

    private static let broken = Fault(what: "its table of arrays is broken")

    private mutating func take(_ count: Int) throws(Fault) -> ArraySlice<UInt8> {
      guard count >= 0, count <= bytes.count - place else { throw Fault(what: "it is cut off") }
      place += count
      return bytes[place - count..<place]
    }

    private mutating func byte() throws(Fault) -> UInt8 { try take(1).first! }

    /// An unsigned number, little-endian.
    private mutating func integer(_ size: Int) throws(Fault) -> Int {
      let value = try take(size).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard value <= UInt64(UInt32.max) else { throw Self.broken }
      return Int(value)
    }

    private mutating func line() throws(Fault) -> String {
      guard let end = bytes[place...].prefix(256).firstIndex(of: 10) else { throw Self.broken }
      let text = String(decoding: bytes[place..<end], as: UTF8.self)
      place = end + 1
      return text
    }

    private func top() throws(Fault) -> Value {
      guard let value = stack.last else { throw Self.broken }
      return value
    }

    private mutating func pop() throws(Fault) -> Value {
      guard let value = stack.popLast() else { throw Self.broken }
      return value
    }

    private mutating func popToMark() throws(Fault) -> [Value] {
      let found = stack.lastIndex { if case .mark = $0 { true } else { false } }
      guard let found else { throw Self.broken }
      let items = Swift.Array(stack[(found + 1)...])
      stack.removeLast(stack.count - found)
      return items
    }

    private func remembered(_ number: Int) throws(Fault) -> Value {
      guard let value = memory[number] else { throw Self.broken }
      return value
    }

    private func tuple(_ items: [Value]) throws(Fault) -> Value {
      for case .tuple(let parts) in items {
        for case .tuple(let inner) in parts where !inner.isEmpty { throw Self.broken }
      }
      return .tuple(items)
    }

    private func add(_ pairs: [Value]) throws(Fault) {
      guard case .table(let table) = try top(), pairs.count % 2 == 0 else { throw Self.broken }
      for k in stride(from: 0, to: pairs.count, by: 2) {
        guard case .text(let name) = pairs[k] else { throw Self.broken }
        if case .array(let array) = pairs[k + 1] { table.arrays[name] = array }
      }
    }

    private func extend(_ items: [Value]) throws(Fault) {
      guard case .list(let list) = try top() else { throw Self.broken }
      for item in items {
        guard case .text(let text) = item else { throw Self.broken }
        list.texts.append(text)
      }
    }

    private func storage(_ value: Value) throws(Fault) -> Storage {
      guard case .tuple(let parts) = value, parts.count >= 5, case .text("storage") = parts[0],
        case .global(let type) = parts[1], case .text(let key) = parts[2], case .int(let count) = parts[4],
        ["torch FloatStorage", "torch LongStorage"].contains(type), count <= PickledArrays.mostNumbers
      else { throw Fault(what: "it keeps numbers of a type other than float and long, or too many") }
      return Storage(key: key, type: type, count: count)
    }

    private func made(by maker: Value, from arguments: Value) throws(Fault) -> Value {
      guard case .global(let name) = maker, case .tuple(let parts) = arguments else { throw Self.broken }
      switch name {
      case "collections OrderedDict" where parts.isEmpty: return .table(Table())
      case "torch._utils _rebuild_tensor_v2": return .array(try array(parts))
      default: throw Fault(what: "it asks for '\(name)', which a table of arrays does not need")
      }
    }

    private func array(_ parts: [Value]) throws(Fault) -> Array {
      guard parts.count >= 4, case .storage(let storage) = parts[0], case .int(let offset) = parts[1],
        case .tuple(let sizes) = parts[2], case .tuple(let steps) = parts[3]
      else { throw Self.broken }
      let shape = sizes.compactMap { if case .int(let edge) = $0 { edge } else { nil } }
      let strides = steps.compactMap { if case .int(let step) = $0 { step } else { nil } }
      guard shape.count == sizes.count, strides.count == steps.count, shape.count == strides.count,
        let last = Self.last(shape, strides, from: offset), last < storage.count,
        shape.reduce(1, *) <= storage.count
      else { throw Self.broken }
      return Array(storage: storage, offset: offset, shape: shape, strides: strides)
    }

    /// The place of an array's last number; `nil` where an edge is 0, or a number beyond all limits.
    private static func last(_ shape: [Int], _ strides: [Int], from offset: Int) -> Int? {
      var (last, count) = (offset, 1)
      for (edge, step) in zip(shape, strides) {
        // Each factor is below 2^32, and so are sums that are within the limit.
        guard edge > 0, edge <= mostNumbers, step <= mostNumbers else { return nil }
        last += (edge - 1) * step
        count *= edge
        guard last <= mostNumbers, count <= mostNumbers else { return nil }
      }
      return last
    }
  }
}
