internal import CTIFF

/// libtiff's messages about one file. They are attached to the error, never printed.
final class TIFFLog {
  let pointer: UnsafeMutablePointer<norma_tiff_log>
  private static let capacity = 512
  /// The version of the libtiff in use, for provenance: `libtiff 4.5.0`.
  static var libraryVersion: String {
    let line = LibraryMessage.line(String(cString: TIFFGetVersion()))
    return "libtiff " + (line.split(separator: " ").first { $0.first?.isNumber == true } ?? "of unknown version")
  }
  /// The file name that libtiff gets: it puts the name before some of its messages, but norma's messages already begin
  /// with the path.
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

  /// Value of `errno` when the first error was reported.
  var systemError: Int32 { pointer.pointee.system_error }

  /// libtiff's first error after a colon, to be appended to a clause; empty if there is none.
  var explanation: String { isEmpty ? "" : ": " + Self.sentence(String(cString: pointer.pointee.text)) }

  func clear() {
    pointer.pointee.text[0] = 0
    pointer.pointee.system_error = 0
  }

  /// The message on one line, without the file name that libtiff puts before it and without the full stop at its end.
  static func sentence(_ text: String) -> String {
    let line = LibraryMessage.line(text)
    let prefix = fileName + ": "
    return line.hasPrefix(prefix) ? String(line.dropFirst(prefix.count)) : line
  }
}
