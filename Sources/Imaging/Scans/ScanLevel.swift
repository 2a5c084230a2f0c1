import Files

/// A scan at one of the resolutions that a file stores.
package struct ScanLevel: Sendable, Equatable {
  /// One-based page numbers, in the order of the channels.
  package let pages: [Int]
  package let width: Int
  package let height: Int
  package let channels: Int
  /// Size of a pixel; `nil` if the file does not state it.
  package let pixelSize: PixelSize?

  package var pixels: Double { Double(width) * Double(height) }
}

extension TIFFFile {
  /// A whole scan in upright orientation, with the values that the file stores and its channels in order.
  package func image(of scan: TIFFScan) throws(NormaError) -> Image {
    let level = levels(of: scan)[0]
    return try region(of: level, PixelRectangle(x: 0, y: 0, width: level.width, height: level.height))
  }

  /// The scan itself, then the lower levels of its pyramid that norma can decode; each is smaller than the one before.
  package func levels(of scan: TIFFScan) -> [ScanLevel] {
    let base = level(of: scan.pages)
    let levels = scan.pages.map(levelPages)
    let common = levels.map(\.count).min() ?? 0
    let smaller = (0..<common).map { k in level(of: levels.map { $0[k] }) }
    var result = [base]
    for next in smaller
    where next.channels == base.channels && next.width < result.last!.width
      && next.pages.allSatisfy({ pages[$0 - 1].width == next.width && pages[$0 - 1].height == next.height })
    {
      result.append(next)
    }
    return result
  }

  /// A region of a level with its channels in order; see `region(page:x:y:width:height:)`.
  package func region(of level: ScanLevel, _ area: PixelRectangle) throws(NormaError) -> Image {
    // The limit for one page applies to all pages of the level together.
    let (pixels, isOverflown) = area.width.multipliedReportingOverflow(by: area.height)
    guard level.pages.count == 1 || (!isOverflown && pixels <= 4 * limits.maximumPixels / max(level.channels, 1)) else {
      throw NormaError(
        .limitExceeded, subject: path, page: level.pages[0],
        found: "\(area.width)x\(area.height) pixels of \(Count.of(level.channels, "channel")) are declared; up to "
          + "\(4 * limits.maximumPixels) samples are allowed", remedy: "Raise the limit or crop the scan")
    }
    var parts: [Image] = []
    for page in level.pages {
      parts.append(try region(page: page, x: area.x, y: area.y, width: area.width, height: area.height))
    }
    return Image(joining: parts)
  }

  private func level(of numbers: [Int]) -> ScanLevel {
    let first = pages[numbers[0] - 1]
    return ScanLevel(
      pages: numbers, width: first.width, height: first.height,
      channels: numbers.reduce(0) { $0 + (pages[$1 - 1].channels ?? 0) }, pixelSize: first.pixelSize)
  }

  /// Numbers of the pages that hold smaller levels of a page, the largest first.
  private func levelPages(of number: Int) -> [Int] {
    pages.filter { $0.role == .pyramidLevel && $0.channels != nil && $0.picture == number }
      .sorted { $0.width > $1.width }.map(\.number)
  }
}

extension Image {
  /// One picture with all channels of several pictures of the same size.
  init(joining parts: [Image]) {
    if parts.count == 1 {
      self = parts[0]
      return
    }
    let channels = parts.reduce(0) { $0 + $1.channels }
    self.init(width: parts[0].width, height: parts[0].height, channels: channels, pixelSize: parts[0].pixelSize)
    missingShare = parts.reduce(0) { $0 + $1.missingShare } / Double(parts.count)
    omittedShare = parts.reduce(0) { $0 + $1.omittedShare } / Double(parts.count)
    var channel = 0
    for part in parts {
      for c in 0..<part.channels {
        for pixel in 0..<width * height {
          samples[pixel * channels + channel] = part.samples[pixel * part.channels + c]
        }
        channel += 1
      }
    }
  }

  /// The part of the picture within a rectangle.
  package func cropped(to area: PixelRectangle) -> Image {
    precondition(
      area.x >= 0 && area.y >= 0 && area.x + area.width <= width && area.y + area.height <= height,
      "\(area) leaves a picture of \(width)x\(height)")
    var result = Image(width: area.width, height: area.height, channels: channels, pixelSize: pixelSize)
    result.paste(self, from: area, atX: 0, y: 0)
    return result
  }

  /// Copies some channels of a part of another picture to a position in this picture, which has as many channels.
  package mutating func paste(
    channels chosen: Range<Int>, of other: Image, from area: PixelRectangle, atX x: Int, y: Int
  ) {
    precondition(chosen.count == channels, "\(chosen.count) channels for a picture of \(channels)")
    let (count, stride) = (channels, other.channels)
    samples.withUnsafeMutableBufferPointer { target in
      other.samples.withUnsafeBufferPointer { source in
        for row in 0..<area.height {
          let from = ((area.y + row) * other.width + area.x) * stride + chosen.lowerBound
          let to = ((y + row) * width + x) * count
          for column in 0..<area.width {
            for channel in 0..<count {
              target[to &+ column &* count &+ channel] = source[from &+ column &* stride &+ channel]
            }
          }
        }
      }
    }
  }

  /// Copies another picture with the same number of channels, or a part of it, to a position in this picture.
  package mutating func paste(_ other: Image, from part: PixelRectangle? = nil, atX x: Int, y: Int) {
    let area = part ?? PixelRectangle(x: 0, y: 0, width: other.width, height: other.height)
    let count = area.width * channels
    samples.withUnsafeMutableBufferPointer { target in
      other.samples.withUnsafeBufferPointer { source in
        for row in 0..<area.height {
          let from = ((area.y + row) * other.width + area.x) * channels
          let to = ((y + row) * width + x) * channels
          _ = target[to..<to + count].update(fromContentsOf: source[from..<from + count])
        }
      }
    }
  }
}
