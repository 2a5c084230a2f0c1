import ArgumentParser
import Imaging

/// What a user can set about reading scans; shared by `train`, `analyze` and `inspect`.
struct LoaderOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Larger scans are refused before anything is decoded, in pixels; not by inspect, which holds a few rows at a time.",
      valueName: "pixels"))
  var maxPixels = TIFFLimits.default.maximumPixels

  @Option(
    help: ArgumentHelp(
      "Share of a scan's strips or tiles that may be missing or broken; they become no data.", valueName: "share"))
  var tolerateMissing = 0.0

  var limits: TIFFLimits { TIFFLimits(maximumPixels: maxPixels, toleratedMissing: tolerateMissing) }

  func validate() throws {
    if !(1...1 << 40).contains(maxPixels) {
      throw ValidationError("--max-pixels is \(maxPixels); 1 to \(1 << 40) is expected.")
    }
    if !(tolerateMissing >= 0 && tolerateMissing <= 1) {
      throw ValidationError("--tolerate-missing is \(tolerateMissing); a share from 0 to 1 is expected.")
    }
  }
}
