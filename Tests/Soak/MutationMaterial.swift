/// What fields that steer decoding are known to hold, and what they must not.
enum Settings {
  /// Tags with the values to try.
  static let values: [(tag: Int, choices: [UInt64])] = [
    (254, [0, 1, 2, 4, 5]),
    (256, sizes), (257, sizes),
    (258, [0, 1, 2, 4, 7, 8, 10, 12, 16, 24, 31, 32, 33, 64, 65, 128, 65535]),
    (
      259,
      [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 32766, 32771, 32773, 32809, 32895, 32908, 32909, 32946, 33003, 33004, 33005,
        34661, 34676, 34677, 34712, 34887, 34892, 34925, 50000, 50001, 50002, 65535,
      ]
    ),
    (262, [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 32803, 32844, 32845, 34892, 65535]),
    (266, [0, 1, 2, 3]), (274, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    (277, [0, 1, 2, 3, 4, 5, 6, 16, 255, 256, 257, 65535]),
    (278, sizes), (284, [0, 1, 2, 3]), (292, [0, 1, 2, 4, 7]), (293, [0, 2]), (296, [0, 1, 2, 3, 4]),
    (317, [0, 1, 2, 3, 34892, 34893, 65535]), (322, sizes), (323, sizes), (332, [1, 2]), (338, [0, 1, 2, 3]),
    (339, [0, 1, 2, 3, 4, 5, 6, 7]), (347, [0, 1]), (512, [1, 14, 99]), (513, [0, 8, 100]), (514, [0, 4, 1 << 20]),
    (530, [0, 1, 2, 3, 4, 8, 255]), (531, [0, 1, 2, 3]), (50674, [0, 1, 2]),
  ]

  static let tags = values.map(\.tag) + [263, 270, 271, 273, 279, 282, 283, 305, 320, 324, 325, 330, 519, 529, 65421]

  private static let sizes: [UInt64] = [
    0, 1, 2, 8, 15, 16, 17, 255, 256, 4096, 4097, 16384, 20000, 65535, 65536, 1 << 20, 1 << 28, 1 << 30, 0x7FFF_FFFF,
    0x8000_0000, 0xFFFF_FFFF,
  ]
}

/// Descriptions that the loader reads (tag 270), sound at first.
enum Descriptions {
  private static let sound = [
    """
    <?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0" Name="a">\
    <Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="8" SizeY="8" SizeZ="1" SizeC="2" SizeT="1" \
    PhysicalSizeX="0.5" PhysicalSizeXUnit="µm" PhysicalSizeY="0.5"><Channel ID="Channel:0:0" SamplesPerPixel="1" \
    Name="DAPI"/><Channel ID="Channel:0:1" SamplesPerPixel="1"/><TiffData IFD="0" FirstC="0" FirstZ="0" FirstT="0" \
    PlaneCount="2"><UUID FileName="scan.tif">urn:uuid:1</UUID></TiffData></Pixels></Image><Image Name="label image">\
    <Pixels DimensionOrder="XYZCT" SizeZ="1" SizeC="1" SizeT="1"><TiffData IFD="1"/></Pixels></Image></OME>
    """,
    "ImageJ=1.53t\nimages=6\nchannels=2\nslices=3\nframes=1\nhyperstack=true\nunit=micron\nspacing=2.0\nloop=false\n",
    "ImageJ=1.11a\nimages=100000000\nunit=\\u00B5m\n",
    "Aperio Image Library v11.2.1 \r\n46000x32914 [0,0 46000x32914] (240x240) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990",
    "Aperio Image Library v11.2.1 \r\nlabel 387x463",
    "<DataObject><Attribute Name=\"DICOM_PIXEL_SPACING\" Group=\"0x0028\">\"0.00025\" \"0.00025\"</Attribute></DataObject>",
    "synthetic, not a scan: seed 1, of cases [\"a\",\"b\"]",
  ]

  private static let numbers = [
    "0", "-1", "1", "2", "65536", "4294967296", "9223372036854775807", "99999999999999999999", "1e309", "-0.0", "nan",
    "inf", "0x10", "", "1 ", "\u{7F}",
  ]

  /// One of those, or the one that is there, with a few things in it changed.
  static func damaged(_ old: String, using random: inout some RandomNumberGenerator) -> String {
    var text = old.isEmpty || Bool.random(using: &random) ? sound.randomElement(using: &random)! : old
    for _ in 0..<Int.random(in: 0...4, using: &random) {
      let characters = Array(text.unicodeScalars)
      guard !characters.isEmpty else { break }
      let place = Int.random(in: 0..<characters.count, using: &random)
      var parts = (Array(characters[..<place]), Array(characters[place...]))
      switch Int.random(in: 0..<6, using: &random) {
      case 0: parts.1.removeFirst()
      case 1: parts.1.removeFirst(min(parts.1.count, Int.random(in: 1...40, using: &random)))
      case 2: parts.1 = []
      case 3: parts.0 += parts.0.suffix(Int.random(in: 1...200, using: &random))
      case 4: parts.0 += Array("<&\"\u{FFFD}=|\n".unicodeScalars.shuffled(using: &random).prefix(2))
      default:
        // The next number becomes an unlikely one.
        guard let start = parts.1.firstIndex(where: { ("0"..."9").contains($0) }) else { continue }
        let end = parts.1[start...].firstIndex { !("0"..."9").contains($0) } ?? parts.1.endIndex
        parts.1.replaceSubrange(start..<end, with: numbers.randomElement(using: &random)!.unicodeScalars)
      }
      text = String(String.UnicodeScalarView(parts.0 + parts.1))
    }
    return text
  }
}
