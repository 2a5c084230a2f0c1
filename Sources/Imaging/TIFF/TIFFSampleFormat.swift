/// The kind of number that a sample is (TIFF tag 339).
package enum TIFFSampleFormat: UInt16, Sendable, Codable {
  case unsigned = 1
  case signed, float, undefined, complexInteger, complexFloat

  package var name: String {
    switch self {
    case .unsigned: "unsigned integer"
    case .signed: "signed integer"
    case .float: "floating point"
    case .undefined: "undefined"
    case .complexInteger: "complex integer"
    case .complexFloat: "complex floating point"
    }
  }
}
