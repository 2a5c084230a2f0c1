import Files
import Foundation
import Imaging
import Testing

/// Streams made by OpenJPEG without loss, of 8x8 pixels.
struct JPEG2000Tests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A codestream of three components: 30 x, 30 y and 15 (x + y).
  private static let color = """
    /0//UQAvAAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAADBwEBBwEBBwEB/1IADAAAAAEAAAQEAAH/XAAEQED/ZAAlAAFDcmVhdGVkIGJ5\
    IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAACcAAH/k9+BQBFqofAhBYJwUgpXWn+UgXf0cy8yWH6CwE1GFp0d1HWXl5eXl5e0K3/fgTgSjirQ\
    9fs8y7xB5r55GQAFJMHu/g2i8ExKntV5DVtQAAAAAAAQIC/fgbASK2bXD3RpBodX31X61azs3s4soWQtt012LFk3MNKesALE1capyTYAaaKdkZNn9zET\
    iJxE4if/2Q==
    """
  /// A JP2 file of one component of 16 bits: 1000 x + 100 y.
  private static let gray = """
    AAAADGpQICANCocKAAAAFGZ0eXBqcDIgAAAAAGpwMiAAAAAtanAyaAAAABZpaGRyAAAACAAAAAgAAQ8HAAAAAAAPY29scgEAAAAAABEAAADqanAyY/9P\
    /1EAKQAAAAAACAAAAAgAAAAAAAAAAAAAAAgAAAAIAAAAAAAAAAAAAQ8BAf9SAAwAAAABAAAEBAAB/1wABECA/2QAJQABQ3JlYXRlZCBieSBPcGVuSlBF\
    RyB2ZXJzaW9uIDIuNS40/5AACgAAAAAAeAAB/5Pf+JMwEitnFo+PoYIMJUYFo+xH9gmusBLDrfW02Db5x7Q5/Ly9Pbr6D121icflSWu9pJOc6aetNTMf\
    2BRIpMfb2/9l971PvxM5hX/eerEwOxHoqCD+Qh2FP7qqqqqqqqlEQAAAAAAABAgL/9k=
    """

  private func page(_ text: String, compression: Int, samples: Int, bits: Int = 8, width: Int = 8) -> TIFFBytes {
    var page = TIFFBytes.Page(
      width: width, height: 8, bits: bits, [UInt8](Data(base64Encoded: text)!),
      tags: [259: [compression], 262: [samples == 3 ? 2 : 1], 277: [samples]])
    if samples == 3 { page.tags[258] = [bits, bits, bits] }
    return TIFFBytes(page)
  }

  private func image(_ file: TIFFBytes) throws -> Image { try TIFFFile(path: folder.write(file)).image() }

  @Test(arguments: [33005, 34712])
  func `components are red, green and blue`(compression: Int) throws {
    let image = try image(page(Self.color, compression: compression, samples: 3))
    #expect(image.channels == 3)
    for y in 0..<8 {
      for x in 0..<8 {
        let expected = [30 * x, 30 * y, 15 * (x + y)].map { Float($0) }
        #expect((0..<3).map { image[x, y, $0] } == expected)
      }
    }
  }

  /// Source: JFIF 1.02, page 3.
  @Test func `Aperio's other kind holds luminance and colour differences`() throws {
    let image = try image(page(Self.color, compression: 33003, samples: 3))
    for y in 0..<8 {
      for x in 0..<8 {
        let l = Double(30 * x)
        let b = Double(30 * y - 128)
        let r = Double(15 * (x + y) - 128)
        var expected: [Double] = [0, 0, 0]
        expected[0] = l + 1.402 * r
        expected[1] = l - 0.344136 * b
        expected[1] -= 0.714136 * r
        expected[2] = l + 1.772 * b
        for c in 0..<3 {
          let clipped: Double = min(max(expected[c], 0), 255)
          let found = Double(image[x, y, c])
          #expect(abs(found - clipped) <= 0.51)
        }
      }
    }
  }

  @Test func `16 bits keep their value`() throws {
    let image = try image(page(Self.gray, compression: 34712, samples: 1, bits: 16))
    let expected = (0..<64).map { (i: Int) -> Float in Float(1000 * (i % 8) + 100 * (i / 8)) }
    #expect(image.samples == expected)
  }

  /// Bytes changed, cut and repeated at random: an answer or an error, never a crash.
  @Test func `damaged streams end in pixels or a sentence`() throws {
    var generator = SeededGenerator(seed: 12)
    for round in 0..<600 {
      let (text, samples) = round % 2 == 0 ? (Self.color, 3) : (Self.gray, 1)
      var file = page(text, compression: round % 4 < 2 ? 33005 : 34712, samples: samples, bits: samples == 1 ? 16 : 8)
      var bytes = file.pages[0].chunks[0]
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: bytes.removeSubrange(place..<min(place + 3, bytes.count - 1))
        default: bytes.insert(contentsOf: bytes.prefix(place % 9), at: place)
        }
      }
      file.pages[0].chunks[0] = bytes
      let path = try folder.write(file.bytes)
      do throws(NormaError) {
        let image = try TIFFFile(path: path).image()
        #expect(image.samples.count == 64 * samples)
      } catch { #expect(error.description.contains("cannot be decoded")) }
    }
  }

  @Test func `what does not fit the page, and what is damaged, is told of`() throws {
    func detail(_ file: TIFFBytes) throws -> String? {
      let path = try folder.write(file.bytes)
      do throws(NormaError) { _ = try TIFFFile(path: path).image() } catch { return error.found }
      return nil
    }
    #expect(
      try detail(page(Self.color, compression: 33005, samples: 3, width: 16))
        == "strip 1 cannot be decoded: it holds 8x8 pixels of 3 components; 16x8 of 3 are expected")
    #expect(
      try detail(page(Self.gray, compression: 34712, samples: 1))
        == "strip 1 cannot be decoded: component 1 has 16 bits; up to 8 are expected")
    // 16384 components where one pixel has three, and tiles of one pixel.
    var many = page(Self.color, compression: 33005, samples: 3)
    (many.pages[0].chunks[0][40], many.pages[0].chunks[0][41]) = (0x40, 0)
    #expect(try detail(many)?.contains("of 16384 components") == true)
    var tiny = page(Self.color, compression: 33005, samples: 3)
    for k in [24, 25, 26, 28, 29, 30] { tiny.pages[0].chunks[0][k] = 0 }
    (tiny.pages[0].chunks[0][27], tiny.pages[0].chunks[0][31]) = (0, 1)
    #expect(try detail(tiny) == "strip 1 cannot be decoded: its tiles are empty")
    var cut = page(Self.color, compression: 33005, samples: 3)
    cut.pages[0].chunks[0] = Array(cut.pages[0].chunks[0].prefix(90))
    #expect(try detail(cut)?.hasPrefix("strip 1 cannot be decoded: ") == true)
    cut.pages[0].chunks[0] = [1, 2, 3]
    #expect(try detail(cut)?.hasPrefix("strip 1 cannot be decoded: ") == true)
  }
}
