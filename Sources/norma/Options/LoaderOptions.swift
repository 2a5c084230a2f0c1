import Anomaly
import ArgumentParser
import Imaging
import Workflows

/// Options for reading scans; shared by `train`, `analyze` and `inspect`.
struct LoaderOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Larger scans are refused before anything is decoded, in pixels; not by inspect, which holds a few rows at a time.",
      valueName: "pixels"))
  var maxPixels = TIFFLimits.default.maximumScanPixels

  @Option(
    help: ArgumentHelp(
      "Share of a scan's strips or tiles that may be missing or broken; they become no data.", valueName: "share"))
  var tolerateMissing = 0.0

  @Option(
    help: ArgumentHelp(
      "A value that means no data, such as -2000 around the field of view of a CT; norma recognizes most itself.",
      valueName: "number"))
  var noData: Float?

  @Option(
    help: ArgumentHelp(
      "Edge of a pixel of every scan, or width and height as 0.5x0.25, instead of what the files say.",
      valueName: "micrometers"))
  var pixelSize: PixelSizeOption?

  var limits: TIFFLimits {
    var limits = TIFFLimits(maximumScanPixels: maxPixels, toleratedMissing: tolerateMissing)
    limits.stated = StatedFacts(noData: noData, pixelSize: pixelSize?.size)
    return limits
  }

  func validate() throws {
    if !(1...1 << 40).contains(maxPixels) {
      throw ValidationError("--max-pixels is \(maxPixels); 1 to \(1 << 40) is expected.")
    }
    if !(tolerateMissing >= 0 && tolerateMissing <= 1) {
      throw ValidationError("--tolerate-missing is \(tolerateMissing); a share from 0 to 1 is expected.")
    }
    if let noData, !noData.isFinite {
      throw ValidationError("--no-data is \(noData); a finite number is expected. NaN is no data anyway.")
    }
  }
}

/// The size of a pixel on the command line, in micrometers.
struct PixelSizeOption: ExpressibleByArgument {
  let size: PixelSize

  init?(argument: String) {
    let edges = argument.lowercased().split(separator: "x", omittingEmptySubsequences: false).map { Double($0) ?? 0 }
    guard (1...2).contains(edges.count), edges.allSatisfy({ PixelSize.possible.contains($0) }) else { return nil }
    size = PixelSize(x: edges[0], y: edges[edges.count - 1])
  }
}

/// Options for the resolution at which scans are read; shared by `train` and `analyze`.
struct ResolutionOptions: ParsableArguments {
  @Option(help: "Level of a pyramid to look at, 0 the largest; reduced further where the model's grid is.")
  var level: Int?

  @Option(
    help: ArgumentHelp(
      "Edge of a pixel of the model's grid. The smallest level that is fine enough is read; scans have to say how large "
        + "their pixels are.", valueName: "micrometers"))
  var micrometersPerPixel: Double?

  func validate() throws {
    if level != nil, micrometersPerPixel != nil {
      throw ValidationError("Give --level or --micrometers-per-pixel, not both.")
    }
    if let level, !(0...63).contains(level) {
      throw ValidationError("--level is \(level); a whole number from 0 to 63 is expected.")
    }
    if let micrometersPerPixel, !(micrometersPerPixel > 0 && micrometersPerPixel <= 1e6) {
      throw ValidationError("--micrometers-per-pixel is \(micrometersPerPixel); a number above 0 is expected.")
    }
  }

  var chosen: Resolution { Resolution(level: level, micrometersPerPixel: micrometersPerPixel) }
}
