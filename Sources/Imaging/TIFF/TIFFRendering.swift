/// How a page's stored samples become the channels of an `Image`.
enum TIFFRendering: Equatable {
  /// The listed samples themselves, or `mirror - v` if the smallest value means white.
  case samples(kept: [Int], type: TIFFSampleType, isInverted: Bool)
  /// Indices into a table of colours; the colours are delivered as 0...255.
  case palette(type: TIFFSampleType)
  /// Inks, delivered as light: `(full - ink) * (full - black) / full`.
  case inks(type: TIFFSampleType)
  /// libtiff's own conversion to 8-bit RGB.
  case displayColor(channels: Int)

  var channels: Int {
    switch self {
    case .samples(let kept, _, _): kept.count
    case .palette, .inks: 3
    case .displayColor(let channels): channels
    }
  }
}

extension TIFFPage {
  /// Number of channels of the decoded picture; `nil` if norma cannot decode the page.
  package var channels: Int? { rendering?.channels }

  /// How to decode the page; `nil` if norma cannot, and `unsupportedReason` then says why.
  var rendering: TIFFRendering? {
    if samplesPerPixel > Self.mostSamples || holdsFaxOfColours { return nil }
    if photometric == .logL { return .displayColor(channels: 1) }
    if [.cieLab, .logLuv].contains(photometric) { return .displayColor(channels: 3) }
    // For JPEG pages that are not planar, the codec itself converts YCbCr to RGB, which is faster.
    let isDecodedByCodec = (compression == .jpeg || compression == .aperioYCbCr) && !isPlanar
    if photometric == .yCbCr && !isDecodedByCodec { return .displayColor(channels: 3) }
    guard let sampleFormat, let type = TIFFSampleType(bits: bitsPerSample, format: sampleFormat) else { return nil }
    switch photometric {
    case .minIsBlack, .mask, .rgb, .linearRaw, .yCbCr:
      return .samples(kept: keptSamples, type: type, isInverted: false)
    case .minIsWhite:
      return .samples(kept: keptSamples, type: type, isInverted: true)
    case .palette where (1...16).contains(bitsPerSample) && sampleFormat != .float:
      return .palette(type: .unsigned(bits: bitsPerSample))
    case .separated where samplesPerPixel - extraSamples.count >= 4:
      return .inks(type: type)
    default:
      return nil
    }
  }

  /// Indices of the samples of a pixel that are data.
  ///
  /// Alpha is never data. One "unspecified" sample beside red, green and blue is taken as alpha, which is what writers
  /// mean by it. Unspecified samples beside gray, or several of them, are channels of a multiplexed scan and are kept.
  private var keptSamples: [Int] {
    let colours = samplesPerPixel - min(extraSamples.count, samplesPerPixel - 1)
    let extras = (colours..<max(colours, samplesPerPixel)).filter { sample in extraSamples[sample - colours] == 0 }
    return Array(0..<colours) + (colours == 3 && extras.count == 1 ? [] : extras)
  }

  private var holdsFaxOfColours: Bool { compression.isFax && !isPlanar && samplesPerPixel > 1 }

  /// Most samples per pixel; no scanner or microscope gives more, so a larger number means a damaged tag.
  static let mostSamples = 256

  /// The clause that says what was found and what is supported, for a page whose `rendering` is `nil`.
  var unsupportedReason: String {
    if samplesPerPixel > Self.mostSamples {
      return "SamplesPerPixel is \(samplesPerPixel); up to \(Self.mostSamples) are supported"
    }
    if holdsFaxOfColours {
      return "Compression is \(compression.name) of \(samplesPerPixel) samples a pixel; 1 is supported"
    }
    guard let sampleFormat else { return "SampleFormat is unknown; integers and floating point are supported" }
    if [.complexInteger, .complexFloat].contains(sampleFormat) {
      return "the samples are \(sampleFormat.name) numbers; integers and floating point are supported"
    }
    if TIFFSampleType(bits: bitsPerSample, format: sampleFormat) == nil {
      let supported =
        switch sampleFormat {
        case .signed: "8, 16, 32 or 64 are supported for signed integers"
        case .float: "16, 24, 32 or 64 are supported for floating point"
        default: "1 to 32 or 64 are supported"
        }
      return "BitsPerSample is \(bitsPerSample); \(supported)"
    }
    return "PhotometricInterpretation is \(photometric.name) with \(samplesPerPixel) samples of \(bitsPerSample) bits;"
      + " gray, palette, RGB, CMYK, YCbCr, CIE L*a*b* and LogLuv are supported"
  }
}
