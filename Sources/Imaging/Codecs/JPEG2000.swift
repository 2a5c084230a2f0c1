internal import COpenJPEG
import Files

/// Decodes JPEG 2000 tiles and strips, which libtiff does not decode. Source: ISO/IEC 15444-1, annexes A and I.
enum JPEG2000 {
  /// The content of a strip or tile, according to the page's tags.
  struct Form {
    var width: Int
    var height: Int
    /// Samples per pixel, interleaved in the result.
    var samples: Int
    /// Bits of a sample in the result: 8 or 16.
    var bits: Int
    /// Whether to take the components as luminance and colour differences, whatever the codestream says; they are
    /// converted to RGB.
    var isYCbCr: Bool
  }

  /// - Parameters:
  ///   - stored: a codestream, or a JP2 file that contains one.
  ///   - buffer: receives `height * width * samples` unsigned integers in native byte order.
  /// - Returns: `nil` on success, else the reason of the failure, which follows "cannot be decoded" in a message.
  static func decode(
    _ stored: UnsafeRawBufferPointer, as form: Form, into buffer: UnsafeMutableRawBufferPointer
  ) -> String? {
    guard let codestream = codestream(in: stored) else { return ": it holds no JPEG 2000 codestream" }
    if let reason = unfit(codestream, form) { return reason }
    let source = Source(codestream)
    let log = Log()
    // OpenJPEG keeps no references to them, so they are kept alive here.
    defer { withExtendedLifetime((source, log)) {} }
    guard let codec = opj_create_decompress(OPJ_CODEC_J2K) else {
      return ": OpenJPEG cannot be set up"
    }
    defer { opj_destroy_codec(codec) }
    opj_set_error_handler(codec, Log.note, Unmanaged.passUnretained(log).toOpaque())
    var parameters = opj_dparameters_t()
    opj_set_default_decoder_parameters(&parameters)
    guard opj_setup_decoder(codec, &parameters) != 0, let stream = source.stream() else {
      return ": OpenJPEG cannot be set up"
    }
    defer { opj_stream_destroy(stream) }
    var header: UnsafeMutablePointer<opj_image_t>?
    guard opj_read_header(stream, codec, &header) != 0, let picture = header else {
      opj_image_destroy(header)
      return log.explanation
    }
    defer { opj_image_destroy(picture) }
    guard opj_decode(codec, stream, picture) != 0, opj_end_decompress(codec, stream) != 0 else {
      return log.explanation
    }
    return interleave(picture.pointee, form, into: buffer)
  }

  private static let start: [UInt8] = [0xFF, 0x4F, 0xFF, 0x51]

  /// Finds the codestream within a JP2 file: OpenJPEG's own reader of JP2 boxes ends the process on some truncated
  /// files.
  private static func codestream(in stored: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var place = 0
    // A box begins with its length and type, four bytes each. Length 1 means that a length of eight bytes follows;
    // length 0 means that the box reaches to the end of the file.
    while !stored[place...].starts(with: start) {
      guard place + 16 <= stored.count else { return nil }
      let short = number(in: stored, at: place, bytes: 4)
      let (head, length) = short == 1 ? (16, number(in: stored, at: place + 8, bytes: 8)) : (8, short)
      if stored[(place + 4)...].starts(with: "jp2c".utf8) {
        place += head
        return stored[place...].starts(with: start) ? UnsafeRawBufferPointer(rebasing: stored[place...]) : nil
      }
      guard length >= UInt64(head), length < UInt64(stored.count - place) else { return nil }
      place += Int(length)
    }
    return UnsafeRawBufferPointer(rebasing: stored[place...])
  }

  /// Reads a big-endian number; both boxes and markers are big-endian.
  private static func number(in bytes: UnsafeRawBufferPointer, at place: Int, bytes count: Int) -> UInt64 {
    (0..<count).reduce(0) { $0 << 8 | UInt64(bytes[place + $1]) }
  }

  private static let mostTiles = 4096

  /// Why the codestream does not fit the page, according to its first marker, SIZ; `nil` if it fits. Checked first,
  /// since OpenJPEG allocates memory by what SIZ declares.
  private static func unfit(_ stream: UnsafeRawBufferPointer, _ form: Form) -> String? {
    guard stream.count >= 42 else { return ": it ends within its first marker" }
    func number(_ place: Int, bytes: Int = 4) -> Int { Int(Self.number(in: stream, at: place, bytes: bytes)) }
    let (width, height) = (number(8) - number(16), number(12) - number(20))
    let components = number(40, bytes: 2)
    // One component more than `samples` is allowed; it is transparency.
    guard width == form.width, height == form.height, (form.samples...form.samples + 1).contains(components) else {
      return ": it holds \(width)x\(height) pixels of \(components) components;"
        + " \(form.width)x\(form.height) of \(form.samples) are expected"
    }
    let (tileWidth, tileHeight) = (number(24), number(28))
    guard tileWidth > 0, tileHeight > 0 else { return ": its tiles are empty" }
    let tiles = ((number(8) - number(32)) / tileWidth + 1) * ((number(12) - number(36)) / tileHeight + 1)
    return (0...mostTiles).contains(tiles)
      ? nil : ": it is cut into \(Count.of(tiles, "tile")); up to \(mostTiles) are expected"
  }

  private static func interleave(
    _ image: opj_image_t, _ form: Form, into buffer: UnsafeMutableRawBufferPointer
  ) -> String? {
    for sample in 0..<form.samples {
      let component = image.comps[sample]
      let (w, h) = (Int(component.w), Int(component.h))
      guard let data = component.data, w > 0, h > 0, component.dx > 0, component.dy > 0 else {
        return ": component \(sample + 1) is empty"
      }
      guard component.prec <= form.bits else {
        return ": component \(sample + 1) has \(component.prec) bits; up to \(form.bits) are expected"
      }
      let (dx, dy) = (Int(component.dx), Int(component.dy))
      let shift: Int32 = component.sgnd != 0 ? 1 << (Int32(component.prec) - 1) : 0
      let largest: Int32 = 1 << Int32(component.prec) - 1
      for y in 0..<form.height {
        let row = data + min(y / dy, h - 1) * w
        for x in 0..<form.width {
          let value = min(max(row[min(x / dx, w - 1)] + shift, 0), largest)
          let i = (y * form.width + x) * form.samples + sample
          if form.bits == 8 {
            buffer.storeBytes(of: UInt8(value), toByteOffset: i, as: UInt8.self)
          } else {
            buffer.storeBytes(of: UInt16(value), toByteOffset: 2 * i, as: UInt16.self)
          }
        }
      }
    }
    if form.isYCbCr, form.samples >= 3, form.bits == 8 { convertToRGB(buffer, samples: form.samples) }
    return nil
  }

  /// Converts YCbCr to RGB by full-range ITU-R BT.601. Source: JFIF 1.02, page 3.
  private static func convertToRGB(_ buffer: UnsafeMutableRawBufferPointer, samples: Int) {
    func byte(_ value: Float) -> UInt8 { UInt8(min(max(value.rounded(), 0), 255)) }
    for i in stride(from: 0, to: buffer.count - 2, by: samples) {
      let (y, cb, cr) = (Float(buffer[i]), Float(buffer[i + 1]) - 128, Float(buffer[i + 2]) - 128)
      buffer[i] = byte(y + 1.402 * cr)
      buffer[i + 1] = byte(y - 0.344_136 * cb - 0.714_136 * cr)
      buffer[i + 2] = byte(y + 1.772 * cb)
    }
  }

  /// Bytes in memory that OpenJPEG reads as a stream.
  private final class Source {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private static func of(_ user: UnsafeMutableRawPointer?) -> Source {
      Unmanaged<Source>.fromOpaque(user!).takeUnretainedValue()
    }

    /// The stream; the source has to outlive it.
    func stream() -> UnsafeMutablePointer<opj_stream_t?>? {
      guard let stream = opj_stream_default_create(1) else { return nil }
      opj_stream_set_user_data(stream, Unmanaged.passUnretained(self).toOpaque(), nil)
      opj_stream_set_user_data_length(stream, UInt64(bytes.count))
      opj_stream_set_read_function(stream) { target, count, user in
        let source = Source.of(user)
        let left = source.bytes.count - source.position
        guard left > 0, let target else { return -1 }
        let n = min(Int(count), left)
        target.copyMemory(from: source.bytes.baseAddress! + source.position, byteCount: n)
        source.position += n
        return OPJ_SIZE_T(n)
      }
      opj_stream_set_skip_function(stream) { count, user in
        let source = Source.of(user)
        guard count > 0, source.position < source.bytes.count else { return -1 }
        let n = min(Int(count), source.bytes.count - source.position)
        source.position += n
        return OPJ_OFF_T(n)
      }
      opj_stream_set_seek_function(stream) { position, user in
        let source = Source.of(user)
        guard (0...Int64(source.bytes.count)).contains(position) else { return 0 }
        source.position = Int(position)
        return 1
      }
      return stream
    }
  }

  /// Keeps the first error message of OpenJPEG.
  private final class Log {
    private var text = ""

    static let note: opj_msg_callback = { message, user in
      guard let message, let user else { return }
      let log = Unmanaged<Log>.fromOpaque(user).takeUnretainedValue()
      if log.text.isEmpty { log.text = String(cString: message) }
    }

    var explanation: String {
      text.isEmpty ? ": it is damaged" : ": " + LibraryMessage.line(text)
    }
  }
}
