import Files
import Foundation
import Threads

/// Decodes regions of one page.
struct TIFFDecoder {
  let page: TIFFPage
  private let handle: TIFFHandle
  private let limits: TIFFLimits
  private let rendering: TIFFRendering
  private let palette: [SIMD3<Float>]
  private let chunkWidth: Int
  private let chunkHeight: Int
  /// Slices of a volume that a tile holds, uncompressed; 1 for a picture.
  private let chunkDepth: Int

  /// Makes the page the current one of the handle.
  init(page: TIFFPage, of handle: TIFFHandle, limits: TIFFLimits) throws(NormaError) {
    self.page = page
    self.handle = handle
    self.limits = limits
    func failure(_ kind: NormaError.Kind, _ found: String, _ remedy: String = NormaError.reexport) -> NormaError {
      NormaError(kind, subject: handle.path, page: page.number, found: found, remedy: remedy)
    }
    guard page.width > 0, page.height > 0 else {
      throw failure(.malformed, "the page is \(page.width)x\(page.height) pixels; at least 1x1 is expected")
    }
    guard handle.canDecode(page.compression) else {
      throw failure(
        .unsupported, "Compression is \(page.compression.name), which libtiff was built without",
        "Re-export it with LZW or Deflate")
    }
    guard let rendering = page.rendering else { throw failure(.unsupported, page.unsupportedReason) }
    self.rendering = rendering
    // Read the directory again: after a first use these codecs decode to different pixels, old-style JPEG always, fax
    // if it is damaged.
    if let reason = handle.readPage(at: page.offset, isAnew: page.compression == .oldJPEG || page.compression.isFax) {
      throw failure(.malformed, "the page's directory cannot be read" + reason)
    }
    if case .displayColor = rendering, let reason = handle.displayColorRefusal {
      throw failure(
        .unsupported,
        "PhotometricInterpretation is \(page.photometric.name) in a form libtiff cannot convert: \(reason)",
        "Re-export it as RGB")
    }
    if page.compression == .jpeg && page.photometric == .yCbCr { handle.requestRGBFromJPEG() }
    if rendering.isPalette {
      guard let table = handle.palette(bits: page.bitsPerSample) else {
        throw failure(.malformed, "PhotometricInterpretation is palette, but there is no ColorMap")
      }
      palette = Self.colors(of: table)
    } else {
      palette = []
    }
    switch page.layout {
    case .strips(let rows): (chunkWidth, chunkHeight) = (page.storedWidth, rows)
    case .tiles(let width, let height): (chunkWidth, chunkHeight) = (width, height)
    }
    chunkDepth = page.slice != nil && page.isTiled ? page.tileDepth : 1
    guard chunkWidth > 0, chunkHeight > 0 else {
      throw failure(.malformed, "the page's \(unit)s are \(chunkWidth)x\(chunkHeight) pixels; at least 1x1 is expected")
    }
    let (chunkPixels, isOverflown) = chunkWidth.multipliedReportingOverflow(by: isReadByRow ? 1 : chunkHeight)
    guard !isOverflown, chunkPixels <= limits.maximumChunkBytes * 8 / bitsPerPixel else {
      throw failure(
        .limitExceeded,
        "a \(unit) is \(chunkWidth)x\(chunkHeight) pixels of \(bitsPerPixel) bits;"
          + " up to \(limits.maximumChunkBytes) bytes are allowed",
        "Re-export it in tiles of 256x256")
    }
  }

  /// The number of decoders, each on its own handle, that should share a region; 1 for small regions or pages read by
  /// row.
  func workers(for region: PixelRectangle) -> Int {
    guard !isReadByRow, region.width.multipliedReportingOverflow(by: region.height).partialValue >= Self.worthSharing
    else { return 1 }
    return min(grid(of: region).count, Parallel.threads)
  }

  /// Ranges of rows of the upright page, from the top, that can be decoded range by range at hardly more cost than all
  /// at once.
  ///
  /// - Parameters:
  ///   - factor: the number of rows of each range, except the last, is a multiple of this.
  ///   - channels: number of channels held for each pixel, if other pages add to this page's own.
  func bands(multipleOf factor: Int, channels: Int) -> [Range<Int>] {
    let isTurned = page.orientation.isTransposed
    // Rows of a strip can be decoded one after the other, but not a second time.
    let isInOrder = isReadByRow && !isTurned && !page.isPlanar && !page.orientation.isMirroredDown
    let isAtOnce = !isInOrder && (isReadByRow || (isTurned && !page.isTiled))
    var unit = isInOrder ? 1 : isAtOnce ? page.height : isTurned ? chunkWidth : chunkHeight
    if unit < page.height, unit % factor != 0 {
      let common = (1...4).first { $0 * unit % factor == 0 }.map { $0 * unit }
      // Otherwise a row of tiles is decoded for two ranges.
      unit = common ?? (2 * unit + factor - 1) / factor * factor
    }
    let rows = max(1, Self.bandSamples / page.width / max(rendering.channels, channels) / unit) * unit
    return stride(from: 0, to: page.height, by: rows).map { $0..<min($0 + rows, page.height) }
  }
  private static let bandSamples = 3 << 22
  private static let worthSharing = 1 << 20

  /// - Parameters:
  ///   - region: rectangle within the upright page.
  ///   - helpers: decoders of the same page on other handles; each takes a part of the work.
  /// - Returns: the picture, and its gaps; their pixels are `NaN`.
  func image(
    of region: PixelRectangle, with helpers: [TIFFDecoder] = []
  ) throws(NormaError) -> (image: Image, gaps: Gaps) {
    let (pixels, isOverflown) = region.width.multipliedReportingOverflow(by: region.height)
    guard !isOverflown, pixels <= limits.maximumPixels else {
      throw failure(
        .limitExceeded,
        "\(region.width)x\(region.height) pixels are declared; up to \(limits.maximumPixels) are allowed",
        "Raise the limit or crop the scan")
    }
    let channels = rendering.channels
    // A pixel may declare 65535 samples; four samples per pixel, such as RGB and one more, have to fit at the largest
    // size.
    guard channels <= max(4, 4 * limits.maximumPixels / max(pixels, 1)) else {
      throw failure(
        .limitExceeded,
        "\(region.width)x\(region.height) pixels of \(Count.of(channels, "channel")) are declared;"
          + " up to \(4 * limits.maximumPixels) samples are allowed",
        "Raise the limit or crop the scan")
    }
    var error: NormaError?
    var gaps = Gaps()
    // The memory is not touched before pixels are decoded into it, so a file that only declares a large page costs
    // nothing.
    let samples = [Float](unsafeUninitializedCapacity: pixels * channels) { buffer, count in
      do throws(NormaError) {
        guard pixels > 0, let start = buffer.baseAddress else { return }
        gaps = try decode(region, with: helpers, into: start)
        count = pixels * channels
      } catch let failure {
        error = failure
      }
    }
    if let error { throw error }
    var image = Image(
      width: region.width, height: region.height, channels: channels, samples: samples, pixelSize: page.pixelSize)
    if !gaps.isEmpty {
      let total = Double(grid(of: region).count * planes.count)
      image.missingShare = Double(gaps.count) / total
      image.omittedShare = Double(gaps.omitted.count) / total
      if region.width == page.width, region.height == page.height { try checkOmitted(image.omittedShare) }
    }
    // Colours that were converted are not the values that a file or a user means.
    if case .samples(_, let type, let isInverted) = rendering {
      let noted = limits.stated.ignoresNotes ? nil : page.noData
      for value in [noted, limits.stated.noData].compactMap({ $0 }) {
        image.markNoData(isInverted ? type.mirror - value : value)
      }
    }
    return (image, gaps)
  }

  /// The strips or tiles of a page without data.
  struct Gaps {
    /// Those that are missing or broken.
    var broken: Set<Int> = []
    /// Those that the writer left out on purpose: they have neither an offset nor bytes.
    var omitted: Set<Int> = []

    var count: Int { broken.count + omitted.count }
    var isEmpty: Bool { count == 0 }

    mutating func formUnion(_ other: Gaps) {
      broken.formUnion(other.broken)
      omitted.formUnion(other.omitted)
    }
  }

  /// The share of the page's strips or tiles that are gaps, in 0...1.
  ///
  /// - Throws: `NormaError` if more of them are broken than the limits tolerate.
  func share(of gaps: Gaps) throws(NormaError) -> Double {
    let total = chunksAcross * chunksDown * planes.count
    guard Double(gaps.broken.count) <= limits.toleratedMissing * Double(total) else {
      throw tooMuchMissing(of: total)
    }
    try checkOmitted(Double(gaps.omitted.count) / Double(total))
    return Double(gaps.count) / Double(total)
  }

  /// - Throws: `NormaError` if so many strips or tiles are left out that the file looks unfinished.
  private func checkOmitted(_ share: Double) throws(NormaError) {
    guard share > max(TIFFLimits.mostOmitted, limits.toleratedMissing) else { return }
    throw failure(
      .malformed, "\(Int(100 * share)) % of its \(unit)s are not in it; its writer may not have finished it",
      "Copy or export it again, or tolerate more")
  }

  // MARK: Chunks

  private var unit: String { page.isTiled ? "tile" : "strip" }
  private var samplesPerChunkPixel: Int { page.isPlanar ? 1 : page.samplesPerPixel }
  private var bitsPerPixel: Int {
    if case .displayColor = rendering { 32 } else { samplesPerChunkPixel * page.bitsPerSample }
  }
  private var rowBytes: Int { (chunkWidth * bitsPerPixel + 7) / 8 }

  /// Whether a page of large strips is decoded row by row, so that it is not in memory twice.
  private var isReadByRow: Bool {
    if case .displayColor = rendering { return false }
    if page.compression.isJPEG2000 { return false }
    if page.contiguousOffset != nil { return true }
    let bytes = rowBytes.multipliedReportingOverflow(by: chunkHeight)
    return !page.isTiled && (bytes.overflow || bytes.partialValue > Self.largeStrip)
  }
  private static let largeStrip = 1 << 22

  private var chunksAcross: Int { (page.storedWidth - 1) / chunkWidth + 1 }
  private var chunksDown: Int { (page.storedHeight - 1) / chunkHeight + 1 }

  /// Buffers that are reused for every strip or tile.
  private struct Buffers {
    let chunk: UnsafeMutableRawBufferPointer
    let row: UnsafeMutablePointer<Float>
  }

  /// The strips or tiles that a region of the upright page touches, numbered row by row.
  private struct Grid {
    let rows: ClosedRange<Int>
    let columns: ClosedRange<Int>

    var count: Int { rows.count * columns.count }

    subscript(index: Int) -> (row: Int, column: Int) {
      (rows.lowerBound + index / columns.count, columns.lowerBound + index % columns.count)
    }
  }

  private func grid(of region: PixelRectangle) -> Grid {
    let area = page.orientation.stored(region, width: page.width, height: page.height)
    return Grid(
      rows: (area.y / chunkHeight)...((area.y + area.height - 1) / chunkHeight),
      columns: (area.x / chunkWidth)...((area.x + area.width - 1) / chunkWidth))
  }

  /// Decodes a region.
  ///
  /// - Returns: its gaps; their pixels are `NaN`.
  private func decode(
    _ region: PixelRectangle, with helpers: [TIFFDecoder], into output: UnsafeMutablePointer<Float>
  ) throws(NormaError) -> Gaps {
    let grid = grid(of: region)
    var workers = [self] + helpers
    let total = grid.count * planes.count
    if workers.count == 1 {
      return try decode(region, part: 0..<grid.count, of: grid, into: output)
    }
    let output = SplitBuffer(output, count: region.width * region.height * rendering.channels)
    // Every worker has its own handle and its own part. If several fail, the error of the first in the file is thrown,
    // as if one worker had decoded all.
    let gaps = try workers.withSplitBuffer { workers throws(NormaError) in
      try Parallel.map(workers.count) { k throws(NormaError) in
        let part = grid.count * k / workers.count..<grid.count * (k + 1) / workers.count
        return try workers[k].decode(region, part: part, of: grid, into: output.start)
      }
    }.reduce(into: Gaps()) { $0.formUnion($1) }
    guard Double(gaps.broken.count) <= limits.toleratedMissing * Double(total) else {
      throw tooMuchMissing(of: total)
    }
    return gaps
  }

  /// Decodes some of the strips or tiles of a region.
  ///
  /// - Returns: those of them that are gaps.
  private func decode(
    _ region: PixelRectangle, part: Range<Int>, of grid: Grid, into output: UnsafeMutablePointer<Float>
  ) throws(NormaError) -> Gaps {
    let area = page.orientation.stored(region, width: page.width, height: page.height)
    let walk = page.orientation.walk(width: region.width, height: region.height)
    let bytes = rowBytes * (isReadByRow ? 1 : chunkHeight)
    // Zeroed memory, so that parts a codec leaves out do not show earlier contents; not touched before it is decoded
    // into.
    guard let memory = calloc(bytes, 1) else { preconditionFailure("no memory for a \(unit) of \(bytes) bytes") }
    defer { free(memory) }
    let chunk = UnsafeMutableRawBufferPointer(start: memory, count: bytes)
    let row = UnsafeMutablePointer<Float>.allocate(capacity: min(chunkWidth, area.width) * samplesPerChunkPixel)
    defer { row.deallocate() }
    let buffers = Buffers(chunk: chunk, row: row)

    let planes = planes
    let total = grid.count * planes.count
    var gaps = Gaps()
    let volumeStart = (page.slice ?? 0) / chunkDepth * chunksDown * chunksAcross
    for plane in planes {
      for k in part {
        let (row, column) = grid[k]
        let place = Chunk(
          index: volumeStart + ((plane ?? 0) * chunksDown + row) * chunksAcross + column, x: column * chunkWidth,
          y: row * chunkHeight, plane: plane)
        if isOmitted(place.index) {
          try checkAnythingIsHeld()
          if page.omittedIsGlass {
            fill(place, of: area, walk: walk, in: output, with: glass)
          } else {
            gaps.omitted.insert(place.index)
            fill(place, of: area, walk: walk, in: output, with: .nan)
          }
          continue
        }
        do throws(NormaError) {
          try decode(place, of: area, walk: walk, through: buffers, into: output)
        } catch {
          gaps.broken.insert(place.index)
          guard Double(gaps.broken.count) <= limits.toleratedMissing * Double(total) else {
            throw gaps.broken.count == 1 ? error : tooMuchMissing(of: total, last: error)
          }
          fill(place, of: area, walk: walk, in: output, with: .nan)
        }
      }
    }
    return gaps
  }

  /// A strip or tile, and the position of its first pixel on the stored page.
  private struct Chunk {
    let index: Int
    let x: Int
    let y: Int
    let plane: Int?
  }

  private func tooMuchMissing(of total: Int, last: NormaError? = nil) -> NormaError {
    failure(
      last?.kind ?? .malformed,
      "more than \(Int(limits.toleratedMissing * 100)) % of its \(total) \(unit)s are missing or broken"
        + (last.map { "; the last that was tried: " + $0.found } ?? ""), "Copy or export it again, or tolerate more")
  }

  private func decode(
    _ place: Chunk, of area: PixelRectangle, walk: (start: Int, right: Int, down: Int), through buffers: Buffers,
    into output: UnsafeMutablePointer<Float>
  ) throws(NormaError) {
    let left = max(place.x, area.x)
    let width = min(place.x + chunkWidth, area.x + area.width) - left
    let top = max(place.y, area.y)
    let bottom = min(place.y + chunkHeight, area.y + area.height)
    try check(place.index)
    if !isReadByRow { try readChunk(place.index, x: place.x, y: place.y, into: buffers.chunk) }
    // Rows within a strip can only be decoded in order, beginning with its first.
    let first = isReadByRow ? handle.row(toGoOnFrom: place.index, ofPageAt: page.offset, within: place.y...top) : top
    for line in first..<bottom {
      if isReadByRow { try readRow(line, of: place.index, plane: place.plane, into: buffers.chunk) }
      guard line >= top else { continue }
      let start = walk.start + (left - area.x) * walk.right + (line - area.y) * walk.down
      self.place(
        buffers.chunk, row: isReadByRow ? 0 : line - place.y, rowWidth: min(chunkWidth, page.storedWidth - place.x),
        column: left - place.x, width: width, plane: place.plane, scratch: buffers.row,
        into: output + start * rendering.channels, step: walk.right * rendering.channels)
    }
  }

  /// Fills the pixels of a strip or tile with one value.
  private func fill(
    _ place: Chunk, of area: PixelRectangle, walk: (start: Int, right: Int, down: Int),
    in output: UnsafeMutablePointer<Float>, with value: Float
  ) {
    let channels = rendering.channels
    for y in max(place.y, area.y)..<min(place.y + chunkHeight, area.y + area.height) {
      for x in max(place.x, area.x)..<min(place.x + chunkWidth, area.x + area.width) {
        let pixel = walk.start + (x - area.x) * walk.right + (y - area.y) * walk.down
        for c in 0..<channels where place.plane == nil || holds(channel: c, plane: place.plane!) {
          output[pixel * channels + c] = value
        }
      }
    }
  }

  /// Whether a plane contributes to a channel of the picture.
  private func holds(channel: Int, plane: Int) -> Bool {
    switch rendering {
    case .samples(let kept, _, _): kept[channel] == plane
    // Black is multiplied into all channels; without a colour ink only that ink's channel has no data.
    case .inks: plane == channel || plane == 3
    case .palette, .displayColor: true
    }
  }

  /// The planes to decode; a single `nil` if all samples of a pixel are decoded together.
  private var planes: [Int?] {
    guard page.isPlanar else { return [nil] }
    return switch rendering {
    case .samples(let kept, _, _): kept
    case .palette: [0]
    case .inks: [0, 1, 2, 3]
    case .displayColor: [nil]
    }
  }

  /// Whether the writer left a strip or tile out.
  private func isOmitted(_ index: Int) -> Bool {
    page.contiguousOffset == nil && handle.storedExtent(ofChunk: index) == (0, 0)
  }

  /// The value of empty glass: white in colour, dark where light is measured channel by channel.
  private var glass: Float {
    if case .samples(_, let type, let isInverted) = rendering {
      return rendering.channels == 3 || isInverted ? type.fullScale : 0
    }
    return 255
  }

  /// - Throws: `NormaError` if the file holds no strip or tile of the page, as one that was never finished.
  private func checkAnythingIsHeld() throws(NormaError) {
    let slices = page.slice == nil ? 1 : (page.depth - 1) / chunkDepth + 1
    let total = chunksAcross * chunksDown * planes.count * slices
    guard !handle.holdsAny(of: total) else { return }
    throw failure(
      .malformed, "the file holds none of its \(Count.of(total, unit)); its writer did not finish it",
      "Copy or export it again")
  }

  private func check(_ index: Int) throws(NormaError) {
    // Rows without a directory were checked against the file's length when they were found.
    if page.contiguousOffset != nil { return }
    let stored = handle.storedExtent(ofChunk: index)
    guard stored.bytes > 0 else {
      throw failure(
        .malformed, "\(unit) \(index + 1) is missing; the file gives it no bytes", "Copy or export it again")
    }
    let volume = rowBytes * chunkHeight * chunkDepth
    guard chunkDepth == 1 || stored.bytes == volume else {
      throw failure(
        .malformed, "\(unit) \(index + 1) has \(stored.bytes) bytes; \(Count.of(chunkDepth, "slice")) need \(volume)",
        NormaError.reexport)
    }
    let (end, isOverflown) = stored.offset.addingReportingOverflow(stored.bytes)
    guard !isOverflown, end <= handle.fileBytes else {
      throw failure(
        .malformed,
        "\(unit) \(index + 1) lies at bytes \(stored.offset) to \(end), but the file ends at \(handle.fileBytes)",
        "Copy or export it again")
    }
  }

  private func readRow(
    _ row: Int, of index: Int, plane: Int?, into buffer: UnsafeMutableRawBufferPointer
  ) throws(NormaError) {
    let reason =
      if let start = page.contiguousOffset {
        handle.read(
          at: start + UInt64(row * rowBytes), sampleBytes: page.bitsPerSample / 8, into: buffer)
      } else {
        handle.decode(row: row, of: index, plane: plane ?? 0, into: buffer)
      }
    if let reason { throw undecodable(index, reason) }
    addUp(buffer, rows: 1)
  }

  /// Turns differences between neighbours back into samples, if the page holds them. Source: TIFF 6.0, section 14.
  private func addUp(_ buffer: UnsafeMutableRawBufferPointer, rows: Int) {
    guard page.holdsDifferences else { return }
    if case .displayColor = rendering { return }
    for row in 0..<rows {
      let samples = UnsafeMutableRawBufferPointer(rebasing: buffer[row * rowBytes..<(row + 1) * rowBytes])
      PackedSamples(samples, bits: page.bitsPerSample).addUp(
        count: chunkWidth * samplesPerChunkPixel, stride: samplesPerChunkPixel)
    }
  }

  private func readChunk(
    _ index: Int, x: Int, y: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(NormaError) {
    // The last strip has only the remaining rows; tiles always have all rows.
    let rows = page.isTiled ? chunkHeight : min(chunkHeight, page.storedHeight - y)
    let reason: String?
    if case .displayColor = rendering {
      let raster = buffer.assumingMemoryBound(to: UInt32.self)
      let area = PixelRectangle(
        x: x, y: y, width: min(chunkWidth, page.storedWidth - x), height: min(rows, page.storedHeight - y))
      reason = handle.decodeDisplayColor(area, into: raster.baseAddress!)
    } else if chunkDepth > 1 {
      let slice = UInt64((page.slice ?? 0) % chunkDepth * buffer.count)
      reason = handle.read(
        at: handle.storedExtent(ofChunk: index).offset + slice, sampleBytes: page.bitsPerSample / 8, into: buffer)
    } else if page.compression.isJPEG2000 {
      reason = decodeJPEG2000(index, rows: rows, into: buffer)
    } else {
      let bytes = rowBytes * rows
      reason = handle.decode(chunk: index, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<bytes]))
    }
    if let reason { throw undecodable(index, reason) }
    addUp(buffer, rows: rows)
  }

  private func decodeJPEG2000(_ index: Int, rows: Int, into buffer: UnsafeMutableRawBufferPointer) -> String? {
    guard [8, 16].contains(page.bitsPerSample) else {
      return ": its samples have \(page.bitsPerSample) bits, which is unsupported in JPEG 2000; 8 or 16 are expected"
    }
    let stored = handle.stored(chunk: index)
    if let reason = stored.reason { return reason }
    let form = JPEG2000.Form(
      width: chunkWidth, height: rows, samples: samplesPerChunkPixel, bits: page.bitsPerSample,
      isYCbCr: page.compression == .aperioYCbCr)
    return stored.bytes.withUnsafeBytes { JPEG2000.decode($0, as: form, into: buffer) }
  }

  private func undecodable(_ index: Int, _ reason: String) -> NormaError {
    // libtiff has no error code for valid files that it does not support, so search its message.
    let isBeyondUs = reason.lowercased().contains("unsupported") || reason.contains("not supported")
    return failure(
      isBeyondUs ? .unsupported : .malformed, "\(unit) \(index + 1) cannot be decoded" + reason,
      isBeyondUs ? "Re-export it with LZW or Deflate" : "Copy or export it again")
  }

  // MARK: Pixels

  /// Writes one row of a decoded chunk to the picture.
  ///
  /// - Parameter rowWidth: number of pixels in a row of the chunk that lie on the page.
  /// - Parameter step: distance between neighbouring pixels in `output`, in samples.
  private func place(
    _ chunk: UnsafeMutableRawBufferPointer, row: Int, rowWidth: Int, column: Int, width: Int, plane: Int?,
    scratch: UnsafeMutablePointer<Float>, into output: UnsafeMutablePointer<Float>, step: Int
  ) {
    let perPixel = samplesPerChunkPixel
    func unpack(_ type: TIFFSampleType, into target: UnsafeMutablePointer<Float>) {
      let start = chunk.baseAddress! + row * rowBytes
      type.unpack(row: start, first: column * perPixel, count: width * perPixel, into: target)
    }
    switch rendering {
    case .samples(let kept, let type, let isInverted):
      if plane == nil && kept.count == perPixel && step == perPixel && !isInverted {
        unpack(type, into: output)
        return
      }
      unpack(type, into: scratch)
      if isInverted {
        let mirror = type.mirror
        for index in 0..<(width * perPixel) { scratch[index] = mirror - scratch[index] }
      }
      for (channel, sample) in kept.enumerated() where plane == nil || plane == sample {
        let source = scratch + (plane == nil ? sample : 0)
        for x in 0..<width { output[x * step + channel] = source[x * perPixel] }
      }
    case .palette(let type):
      unpack(type, into: scratch)
      for x in 0..<width {
        let color = palette[Int(scratch[x * perPixel])]
        for channel in 0..<3 { output[x * step + channel] = color[channel] }
      }
    case .inks(let type):
      unpack(type, into: scratch)
      let full = type.fullScale
      for ink in 0..<4 where plane == nil || plane == ink {
        let source = scratch + (plane == nil ? ink : 0)
        for x in 0..<width {
          let light = full - source[x * perPixel]
          if ink < 3 {
            output[x * step + ink] = light
          } else {
            for channel in 0..<3 { output[x * step + channel] *= light / full }
          }
        }
      }
    case .displayColor(let channels):
      let raster = chunk.assumingMemoryBound(to: UInt32.self).baseAddress! + row * rowWidth + column
      for x in 0..<width {
        let pixel = raster[x]
        for channel in 0..<channels { output[x * step + channel] = Float(pixel >> UInt32(8 * channel) & 0xFF) }
      }
    }
  }

  /// The colours of a table as 0...255. Tables should have 16 bits per colour; tables with 8 bits are common too and
  /// are recognized by having no larger value than 255.
  private static func colors(of table: [SIMD3<UInt16>]) -> [SIMD3<Float>] {
    let isByte = table.allSatisfy { $0.max() < 256 }
    return table.map { SIMD3<Float>(Float($0.x), Float($0.y), Float($0.z)) / (isByte ? 1 : 257) }
  }

  private func failure(_ kind: NormaError.Kind, _ found: String, _ remedy: String) -> NormaError {
    NormaError(kind, subject: handle.path, page: page.number, found: found, remedy: remedy)
  }
}

extension TIFFRendering {
  fileprivate var isPalette: Bool { if case .palette = self { true } else { false } }
}
