import ArgumentParser
import Files
import Foundation
import Imaging

struct InspectCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show what the loader sees in a file.",
    discussion: CommandHelp.text(example: "norma inspect STUDY/patients/CASE/SCAN.tif"))

  @Argument(help: ArgumentHelp("TIFF scans.", valueName: "scans"), completion: .file())
  var scans: [String]

  @OptionGroup(title: "Reading files") var loader: LoaderOptions

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    let console = Console()
    var isSound = true
    var texts: [String] = []
    for scan in scans {
      do {
        let inspection = ScanInspection(of: try TIFFFile(path: scan, limits: loader.limits))
        isSound = isSound && inspection.problem == nil && !inspection.pages.contains { $0.problem != nil }
        texts.append(json ? try inspection.json() : inspection.text)
      } catch let error as NormaError where scans.count > 1 {
        // A scan that cannot be opened does not keep the others from being shown.
        console.show(.failed(error))
        isSound = false
      }
    }
    // One scan gives an object, several give a list.
    console.print(json && scans.count > 1 ? "[\(texts.joined(separator: ",\n"))]" : texts.joined(separator: "\n"))
    if !isSound { throw ExitCode(ExitStatus.failed) }
  }
}

extension ScanInspection {
  /// The inspection as lines of text.
  fileprivate var text: String {
    let details = pages.flatMap { page -> [String] in
      let size =
        page.pixelSize.map { String(format: "%.4g x %.4g µm (%@)", $0.x, $0.y, page.pixelSizeSource ?? "") }
        ?? "unknown" + (page.pixelSizeDoubt.map { " (\($0))" } ?? "")
      var lines = [
        "page \(page.number)  \(page.role)",
        "  size         \(page.width) x \(page.height), \(page.channels.map { Count.of($0, "channel") } ?? "? channels"), pixel size \(size)",
        "  samples      \(page.bits) bit \(page.sampleFormat), \(page.photometric), orientation \(page.orientation)",
        "  stored       \(page.compression), \(page.layout)",
      ]
      for (index, channel) in page.statistics.enumerated() {
        guard let low = channel.min, let high = channel.max, let mean = channel.mean else {
          lines.append("  channel \(index + 1)    no data" + (channel.name.map { ", \($0)" } ?? ""))
          continue
        }
        lines.append(
          "  channel \(index + 1)    " + String(format: "minimum %.6g, maximum %.6g, mean %.6g", low, high, mean)
            + (channel.name.map { ", \($0)" } ?? ""))
      }
      if page.missingShare > 0 {
        lines.append(String(format: "  missing      %.0f %% of its strips or tiles", 100 * page.missingShare))
      }
      if let problem = page.problem { lines.append("  cannot be decoded: \(problem)") }
      return lines
    }
    let head = [path, "format  \(formats.joined(separator: ", "))"]
    return (head + notes.map { "note  \($0)" } + details + (problem.map { ["breaks off: \($0)"] } ?? [])).joined(
      separator: "\n")
  }
}
