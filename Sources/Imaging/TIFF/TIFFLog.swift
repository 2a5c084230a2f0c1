internal import CTIFF

/// What libtiff said about one file. It is attached to the error, never printed.
final class TIFFLog {
  let pointer: UnsafeMutablePointer<norma_tiff_log>
  private static let capacity = 512
  /// Given to libtiff as the file's name: it puts that before some of its messages, and norma's begin with the path.
  static let fileName = "TIFF"

  init() {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: Self.capacity)
    text.initialize(repeating: 0, count: Self.capacity)
    pointer = .allocate(capacity: 1)
    pointer.initialize(to: norma_tiff_log(text: text, capacity: Self.capacity, system_error: 0))
  }

  deinit {
    pointer.pointee.text.deallocate()
    pointer.deallocate()
  }

  var isEmpty: Bool { pointer.pointee.text[0] == 0 }

  /// `errno` when the first error was reported.
  var systemError: Int32 { pointer.pointee.system_error }

  /// libtiff's first error after a colon, to be put behind a clause; empty where it said nothing.
  var explanation: String { isEmpty ? "" : ": " + Self.sentence(String(cString: pointer.pointee.text)) }

  func clear() {
    pointer.pointee.text[0] = 0
    pointer.pointee.system_error = 0
  }

  /// One line without libtiff's name of the file and without the full stop at its end.
  static func sentence(_ text: String) -> String {
    let line = LibraryMessage.line(text)
    let prefix = fileName + ": "
    return line.hasPrefix(prefix) ? String(line.dropFirst(prefix.count)) : line
  }
}
