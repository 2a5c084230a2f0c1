import Files

/// Writes gray float32 pictures of one size as a TIFF file that ImageJ 1.x reads without plugins.
///
/// ImageJ's own decoder supports neither tiles of floats nor floating-point predictors. Of a stack it reads only the
/// first directory and expects all planes after each other, uncompressed. The directory is written at the end of the
/// file, when the range of the values is known. Like `TIFFWriter`, this class gives the file its name only when it is
/// complete.
package final class ImageJStackWriter {
  private let file: AtomicFile
  private let width: Int
  private let height: Int
  private let images: Int
  private let pixelSize: PixelSize?
  private let remark: (key: String, value: String)?
  private var written = 0
  private var range: ClosedRange<Float>?

  /// Most pixels of all planes together: a file for ImageJ has less than 2^31 bytes, some of which are the header and
  /// directory.
  package static let mostPixels = ((1 << 31) - (1 << 16)) / 4

  package static func canHold(width: Int, height: Int, images: Int) -> Bool {
    let (plane, isWide) = width.multipliedReportingOverflow(by: height)
    let (all, isLong) = plane.multipliedReportingOverflow(by: images)
    return !isWide && !isLong && all <= mostPixels
  }

  /// - Parameters:
  ///   - images: number of planes, the slices of a stack.
  ///   - remark: an additional line of the description, for people.
  /// - Throws: `NormaError` if the file cannot be created.
  package init(
    path: String, width: Int, height: Int, images: Int, pixelSize: PixelSize?,
    remark: (key: String, value: String)? = nil
  ) throws(NormaError) {
    precondition(width > 0 && height > 0 && images > 0, "\(images) planes of \(width)x\(height)")
    precondition(Self.canHold(width: width, height: height, images: images), "\(images) planes of \(width)x\(height)")
    (self.width, self.height, self.images) = (width, height, images)
    (self.pixelSize, self.remark) = (pixelSize, remark)
    file = try AtomicFile(path: path)
    let directory = UInt32(Self.headerBytes + width * height * images * 4)
    try file.write([0x49, 0x49, 42, 0] + Self.bytes(directory))
  }

  /// - Parameter values: the next values, row by row and plane by plane; NaN is kept.
  package func append(_ values: [Float]) throws(NormaError) {
    written += values.count
    precondition(written <= width * height * images, "\(written) values for \(images) planes of \(width)x\(height)")
    var bytes = [UInt8](repeating: 0, count: values.count * 4)
    var (low, high) = (range?.lowerBound ?? .infinity, range?.upperBound ?? -.infinity)
    for (k, value) in values.enumerated() {
      let bits = value.bitPattern
      for shift in 0..<4 { bytes[4 * k + shift] = UInt8(truncatingIfNeeded: bits >> (8 * UInt32(shift))) }
      if value.isFinite { (low, high) = (min(low, value), max(high, value)) }
    }
    if low <= high { range = low...high }
    try file.write(bytes)
  }

  /// Writes the directory and gives the file its name.
  package func finish(isSynced: Bool = true) throws(NormaError) {
    precondition(written == width * height * images, "\(written) values for \(images) planes of \(width)x\(height)")
    try file.write(directory)
    try file.commit(isSynced: isSynced)
  }

  // MARK: - The directory

  private static let headerBytes = 8

  private enum Field {
    case short(UInt16)
    case long(UInt32)
    case text([UInt8])
    case ratio(Double)
  }

  /// The description for ImageJ. It states the unit of the resolution tags, since TIFF has no unit for micrometers.
  private var description: String {
    var lines = ["ImageJ=1.54f", "images=\(images)", "slices=\(images)"]
    if pixelSize != nil { lines.append("unit=micron") }
    if let range, range.lowerBound < range.upperBound {
      lines += ["min=\(range.lowerBound)", "max=\(range.upperBound)"]
    }
    if let remark { lines.append("\(remark.key)=\(remark.value)") }
    return lines.joined(separator: "\n") + "\n"
  }

  private var directory: [UInt8] {
    var fields: [(tag: UInt16, field: Field)] = [
      (254, .long(0)), (256, .long(UInt32(width))), (257, .long(UInt32(height))), (258, .short(32)),
      // Uncompressed, black is zero.
      (259, .short(1)), (262, .short(1)), (270, .text(Array(description.utf8) + [0])),
      (273, .long(UInt32(Self.headerBytes))), (277, .short(1)), (278, .long(UInt32(height))),
      (279, .long(UInt32(width * height * 4))),
    ]
    if let pixelSize {
      fields += [(282, .ratio(1 / pixelSize.x)), (283, .ratio(1 / pixelSize.y)), (296, .short(1))]
    }
    // Floating point.
    fields.append((339, .short(3)))
    let start = Self.headerBytes + width * height * images * 4
    var entries: [UInt8] = []
    var rest: [UInt8] = []
    for (tag, field) in fields {
      var place: UInt32 { UInt32(start + 2 + fields.count * 12 + 4 + rest.count) }
      entries += Self.bytes(tag)
      switch field {
      case .short(let value): entries += Self.bytes(UInt16(3)) + Self.bytes(UInt32(1)) + Self.bytes(UInt32(value))
      case .long(let value): entries += Self.bytes(UInt16(4)) + Self.bytes(UInt32(1)) + Self.bytes(value)
      case .text(let text):
        entries += Self.bytes(UInt16(2)) + Self.bytes(UInt32(text.count)) + Self.bytes(place)
        rest += text + [UInt8](repeating: 0, count: text.count % 2)
      case .ratio(let value):
        entries += Self.bytes(UInt16(5)) + Self.bytes(UInt32(1)) + Self.bytes(place)
        let (numerator, denominator) = Self.ratio(value)
        rest += Self.bytes(numerator) + Self.bytes(denominator)
      }
    }
    return Self.bytes(UInt16(fields.count)) + entries + Self.bytes(UInt32(0)) + rest
  }

  /// The value as a fraction, as exact as numbers below 2^31 allow; older ImageJ reads larger numbers as negative.
  private static func ratio(_ value: Double) -> (UInt32, UInt32) {
    let most = 1e9
    guard value.isFinite, value > 0 else { return (1, 1) }
    // A whole number of pixels per unit, or of units per pixel, is stored exactly.
    if value <= most, value.rounded() == value { return (UInt32(value), 1) }
    let inverse = (1 / value).rounded()
    if inverse >= 1, inverse <= most, abs(inverse * value - 1) < 1e-12 { return (1, UInt32(inverse)) }
    return value < 1
      ? (UInt32(max((value * most).rounded(), 1)), UInt32(most))
      : (UInt32(most), UInt32(max((most / value).rounded(), 1)))
  }

  private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
