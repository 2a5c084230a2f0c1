import Foundation
import Mustache

/// A page's template, embedded in the program at build time.
struct PageTemplate: Sendable {
  private let template: MustacheTemplate

  static let study = PageTemplate(PackageResources.study_mustache)
  static let `case` = PageTemplate(PackageResources.case_mustache)

  static let model = PageTemplate(PackageResources.model_mustache)

  static let style = Data(PackageResources.style_css)
  /// One script file for all pages. Each of its parts does nothing on a page that lacks the elements it works on.
  static let script = Data(
    Array("\"use strict\";\n".utf8) + PackageResources.review_js + PackageResources.table_js
      + PackageResources.values_js + PackageResources.tiles_js + PackageResources.panes_js + PackageResources.viewer_js)

  private init(_ bytes: [UInt8]) {
    MustacheContentTypes.register(ScalarHTML(), named: "ScalarHTML")
    let text = "{{% CONTENT_TYPE: ScalarHTML}}" + String(decoding: bytes, as: UTF8.self)
    // The template is part of the program. If it did not parse, every test of the pages would fail.
    template = try! MustacheTemplate(string: text)
  }

  func page(_ content: some Sendable) -> Data { Data(template.render(PageObject.shown(content) as Any).utf8) }
}

/// Escapes text byte by byte: each character that is special in HTML is one byte of UTF-8 that never occurs in another
/// character.
///
/// swift-mustache's own escaping compares each `Character`. A quote followed by a combining accent is a different
/// `Character` and is not escaped, but a browser still sees the quote: a hostile folder name could end its attribute.
private struct ScalarHTML: MustacheContentType {
  func escapeText(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "<"): bytes += "&lt;".utf8
      case UInt8(ascii: ">"): bytes += "&gt;".utf8
      case UInt8(ascii: "&"): bytes += "&amp;".utf8
      case UInt8(ascii: "\""): bytes += "&quot;".utf8
      case UInt8(ascii: "'"): bytes += "&#39;".utf8
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
