internal import CExpat
import Foundation

/// Reads the elements of an XML text in their order. Source: XML 1.0, fifth edition; libexpat.
///
/// The text comes from a file that anybody may have written. Document types, which can define entities, are refused;
/// depth, attributes and length have limits.
struct XMLElements {
  /// Elements within each other.
  static let greatestDepth = 64
  /// Attributes of one element.
  static let mostAttributes = 256
  /// Bytes of a text.
  static let longestText = 1 << 26

  private let parser: XML_Parser
  /// Bytes of the text within one element that are kept.
  static let longestContent = 1 << 16

  private let visit: (String, [String: String]) -> Void
  private let content: (String, String) -> Void
  private var depth = 0
  /// The text since the last tag.
  private var text: [UInt8] = []

  /// - Parameters:
  ///   - text: an XML document. An encoding that it declares is ignored, since it was the encoding of the file.
  ///   - visit: takes the name of an element, without its prefix, and its attributes, where the element begins.
  ///   - content: takes the name of an element that has text and no elements after it, and the text, where the element
  ///     ends.
  /// - Returns: whether the whole text is well-formed, has no document type and is within the limits. `visit` may have
  ///   been called before a fault is found.
  static func read(
    _ text: String, visit: (String, [String: String]) -> Void, content: (String, String) -> Void = { _, _ in }
  ) -> Bool {
    let bytes = Array(text.utf8.drop { $0 != UInt8(ascii: "<") })
    guard bytes.count <= longestText, let parser = XML_ParserCreate("UTF-8") else { return false }
    defer { XML_ParserFree(parser) }
    return withoutActuallyEscaping(visit) { visit in
      withoutActuallyEscaping(content) { content in
        var elements = XMLElements(parser: parser, visit: visit, content: content)
        return withUnsafeMutablePointer(to: &elements) { elements in
          XML_SetUserData(parser, elements)
          XML_SetStartDoctypeDeclHandler(parser) { elements, _, _, _, _ in XMLElements.at(elements).pointee.stop() }
          XML_SetElementHandler(
            parser, { XMLElements.at($0).pointee.start($1, $2) }, { XMLElements.at($0).pointee.end($1) })
          XML_SetCharacterDataHandler(parser) { XMLElements.at($0).pointee.add($1, Int($2)) }
          return bytes.withUnsafeBytes {
            let start = $0.baseAddress?.assumingMemoryBound(to: CChar.self)
            return XML_Parse(parser, start, Int32($0.count), 1) == XML_STATUS_OK
          }
        }
      }
    }
  }

  /// The reader whose address expat hands to its callbacks.
  private static func at(_ userData: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<XMLElements> {
    userData!.assumingMemoryBound(to: XMLElements.self)
  }

  private func stop() { XML_StopParser(parser, 0) }

  private mutating func start(
    _ name: UnsafePointer<CChar>?, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>?
  ) {
    depth += 1
    guard depth <= Self.greatestDepth, let name else { return stop() }
    var known: [String: String] = [:]
    var next = attributes
    while let pair = next, let key = pair[0], let value = pair[1] {
      guard known.count < Self.mostAttributes else { return stop() }
      known[String(cString: key)] = String(cString: value)
      next = pair + 2
    }
    text = []
    visit(Self.local(name), known)
  }

  private mutating func end(_ name: UnsafePointer<CChar>?) {
    depth -= 1
    defer { text = [] }
    guard !text.isEmpty, let name else { return }
    let trimmed = String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    if !trimmed.isEmpty { content(Self.local(name), trimmed) }
  }

  private mutating func add(_ characters: UnsafePointer<CChar>?, _ count: Int) {
    guard let characters, count > 0, text.count + count <= Self.longestContent else { return }
    text += UnsafeRawBufferPointer(start: characters, count: count)
  }

  /// The name of an element without its prefix.
  private static func local(_ name: UnsafePointer<CChar>) -> String {
    let qualified = String(cString: name)
    return qualified.split(separator: ":").last.map(String.init) ?? qualified
  }
}
