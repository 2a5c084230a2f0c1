/// How a page's stored samples become the channels of an `Image`.
enum TIFFRendering: Equatable {
  /// The samples themselves, those listed, as `mirror - v` where the smallest value means white.
  case samples(kept: [Int], type: TIFFSampleType, isInverted: Bool)
  /// Indices into a table of colours, delivered as 0...255.
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
  /// Channels of the decoded picture; `nil` where norma cannot decode the page.
  package var channels: Int? { rendering?.channels }

  /// `nil` where norma has none for this page; `unsupportedReason` then says why.
  var rendering: TIFFRendering? {
    if samplesPerPixel > Self.mostSamples || holdsFaxOfColours { return nil }
    if photometric == .logL { return .displayColor(channels: 1) }
    if [.cieLab, .logLuv].contains(photometric) { return .displayColor(channels: 3) }
    // JPEG pages that are not planar have their YCbCr turned to RGB by the codec, which keeps its speed.
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

  /// Samples that are data.
  ///
  /// Alpha never is. One "unspecified" sample beside red, green and blue is taken for alpha, as its writers mean it;
  /// beside gray, or where there are more of them, they are the channels of a multiplexed scan and kept.
  private var keptSamples: [Int] {
    let colours = samplesPerPixel - min(extraSamples.count, samplesPerPixel - 1)
    let extras = (colours..<max(colours, samplesPerPixel)).filter { sample in extraSamples[sample - colours] == 0 }
    return Array(0..<colours) + (colours == 3 && extras.count == 1 ? [] : extras)
  }

  private var holdsFaxOfColours: Bool { compression.isFax && !isPlanar && samplesPerPixel > 1 }

  /// More samples a pixel than any scanner or microscope gives are a damaged tag.
  static let mostSamples = 256

  /// What was found and what is supported, where `rendering` is `nil`.
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
