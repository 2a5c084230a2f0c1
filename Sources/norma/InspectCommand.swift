import ArgumentParser
import Imaging

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show what the loader sees in a file.")

  @Argument(help: ArgumentHelp("A TIFF scan.", valueName: "scan"))
  var scan: String

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let inspection = ScanInspection(of: try TIFFFile(path: scan))
    print(json ? try inspection.json() : inspection.text)
    if inspection.problem != nil || inspection.pages.contains(where: { $0.problem != nil }) {
      throw ExitCode(ExitStatus.failed)
    }
  }
}

extension ScanInspection {
  /// The same in lines for a reader.
  fileprivate var text: String {
    let details = pages.flatMap { page -> [String] in
      let size =
        page.pixelSize.map { String(format: "%.4g x %.4g µm (%@)", $0.x, $0.y, page.pixelSizeSource ?? "") }
        ?? "unknown"
      var lines = [
        "page \(page.number)  \(page.role)",
        "  size         \(page.width) x \(page.height), \(page.channels.map { "\($0)" } ?? "?") channels, pixel size \(size)",
        "  samples      \(page.bits) bit \(page.sampleFormat), \(page.photometric), orientation \(page.orientation)",
        "  stored       \(page.compression), \(page.layout)",
      ]
      for (index, channel) in page.statistics.enumerated() {
        guard let low = channel.min, let high = channel.max, let mean = channel.mean else {
          lines.append("  channel \(index + 1)    no data")
          continue
        }
        lines.append(
          "  channel \(index + 1)    " + String(format: "minimum %.6g, maximum %.6g, mean %.6g", low, high, mean))
      }
      if let problem = page.problem { lines.append("  cannot be decoded: \(problem)") }
      return lines
    }
    return ([path] + details + (problem.map { ["breaks off: \($0)"] } ?? [])).joined(separator: "\n")
  }
}
