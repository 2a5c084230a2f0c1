import Files
import Foundation
import Imaging

/// One scan of a case as it was read: a file, or one page of a file.
package struct SourceScan: Sendable {
  /// File name without its ending, with the suffix `-p001` and so on for pages of a stack; unique within its case.
  package var name: String
  /// Path of the file, relative to the study.
  package var path: String
  package var page: Int?
  package var sha256: String?
  /// The scan's content, or one sentence that says why it could not be read.
  package var content: Result<Content, ScanFault>
  /// Names of the cases that norma made this picture from, empty where the file does not name them; `nil` for a real
  /// scan.
  package var origins: [String]?
  /// Text that the file's metadata holds; empty unless `ScanReading.keepsMetadata` is set.
  package var metadata: [String: String] = [:]
  /// Values that stand apart from all others and count as no data, see `Image.markPadding`.
  package var padding: [Float] = []
  /// The scan at its full size, if a smaller level of it was read whole.
  package var base: ScanLevel?

  package enum Content: Sendable {
    /// A scan that was decoded whole.
    case image(Image)
    /// A scan that is too large to be decoded whole.
    case slide(Slide)

    package var channels: Int {
      switch self {
      case .image(let image): image.channels
      case .slide(let slide): slide.level.channels
      }
    }
  }
}

/// How scans are read from their files.
package struct ScanReading: Sendable, Equatable {
  /// Number of channels that a model expects; `nil` takes scans as they are.
  package var channels: Int?
  package var limits: TIFFLimits
  /// Level of a pyramid to read; 0 is the largest.
  package var level: Int?
  /// Edge length of a pixel of the model's grid. The smallest level that is fine enough is read. Overrides `level`.
  package var micrometersPerPixel: Double?
  /// Scans with more pixels than this are read as slides.
  package var largestWhole = 1 << 24
  /// Whether the text of a file's metadata, which may contain patients' names, is read at all.
  package var keepsMetadata = false
  /// Whether synthetic pictures made by norma count as scans.
  package var takesSynthetic = true

  /// The largest whole factor between a level as it is read and the model's grid.
  package static let largestReduction = 64

  package init(
    channels: Int? = nil, limits: TIFFLimits = .default, level: Int? = nil, micrometersPerPixel: Double? = nil
  ) {
    self.channels = channels
    self.limits = limits
    self.level = level
    self.micrometersPerPixel = micrometersPerPixel
  }
}

extension SourceScan {
  /// The picture, if it was decoded whole.
  package var image: Image? { if case .success(.image(let image)) = content { image } else { nil } }

  /// The scan in a message: the path of its file, and its page.
  package func name(in study: Study) -> String {
    "\(study.path)/\(path)" + (page.map { " page \($0)" } ?? "")
  }

  /// A sentence that says how much of the scan is missing; `nil` where nothing or everything is missing, or where the
  /// missing share is not known yet.
  package func incompleteness(in study: Study) -> String? {
    guard case .success(.image(let image)) = content, image.missingShare > 0 else { return nil }
    return Self.incompleteness("\(study.path)/\(path)", share: image.missingShare)
  }

  /// - Parameter share: share of the file that is missing, above 0.
  package static func incompleteness(_ path: String, share: Double) -> String {
    "\(path): \(max(1, Int((100 * share).rounded()))) % of it is missing or broken and counts as no data."
  }
}

extension ScanReading {
  fileprivate func content(
    of scan: TIFFScan, in file: TIFFFile
  ) throws(ScanFault) -> (content: SourceScan.Content, base: ScanLevel?, padding: [Float]) {
    let levels = file.levels(of: scan)
    if !takesSynthetic, SyntheticLabel.origins(of: scan, in: file) != nil {
      throw ScanFault(
        NormaError(
          subject: file.path, found: "it is synthetic, made by norma, and no scan",
          remedy: "Give --include-synthetic to learn from it all the same"))
    }
    let level = try choose(among: levels, path: file.path)
    if let channels, level.channels != channels, level.channels > 0 {
      throw ScanFault(
        NormaError(
          subject: file.path,
          found:
            "it has \(Count.of(level.channels, "channel")), the model was trained on \(channels)",
          remedy: "Analyze it with a model of its own kind, or leave it out with --exclude"))
    }
    do throws(NormaError) {
      if level.pixels > Double(largestWhole) {
        // Find pages that cannot be decoded or are too large now, before the study's other scans have been measured.
        for page in level.pages { _ = try file.bands(ofPage: page) }
        return (.slide(Slide(path: file.path, levels: levels, level: level, limits: limits)), nil, [])
      }
      var image = try file.region(of: level, PixelRectangle(x: 0, y: 0, width: level.width, height: level.height))
      let padding = image.markPadding(bits: file.pages[level.pages[0] - 1].bitsPerSample)
      return (.image(image), level == levels[0] ? nil : levels[0], padding)
    } catch { throw ScanFault(error) }
  }

  private func choose(among levels: [ScanLevel], path: String) throws(ScanFault) -> ScanLevel {
    if let micrometersPerPixel {
      guard let finest = levels[0].pixelSize?.x else {
        throw ScanFault(
          NormaError(
            subject: path,
            found: "it does not say how large its pixels are, \(micrometersPerPixel) micrometers were asked for",
            remedy: "Choose by --level and --reduction instead, or export it with its pixel size"))
      }
      guard finest <= micrometersPerPixel * Self.tolerance else {
        throw ScanFault(
          NormaError(
            subject: path, found: "its pixels are \(finest) micrometers wide, \(micrometersPerPixel) were asked for",
            remedy: "Ask for larger ones"))
      }
      let fine = levels.last { level in level.pixelSize.map { $0.x <= micrometersPerPixel * Self.tolerance } ?? false }
      let level = fine ?? levels[0]
      guard micrometersPerPixel / (level.pixelSize?.x ?? finest) < Double(Self.largestReduction) else {
        throw ScanFault(
          NormaError(
            subject: path,
            found: "it says its pixels are \(level.pixelSize?.x ?? finest) micrometers wide, less than a "
              + "\(Self.largestReduction)th of the \(micrometersPerPixel) that were asked for",
            remedy: "Check its pixel size with norma inspect"))
      }
      return level
    }
    guard let level else { return levels[0] }
    guard levels.indices.contains(level) else {
      throw ScanFault(
        NormaError(
          subject: path,
          found:
            "it has \(Count.of(levels.count, "level")), level \(level) was asked for; 0 is the largest",
          remedy: "Choose another --level"))
    }
    return levels[level]
  }

  /// Pixel sizes whose ratio is at most this count as equal, because writers round them.
  private static let tolerance = 1.02
}

/// The text at the beginning of the description (tag 270) of synthetic files made by norma.
package enum SyntheticLabel {
  package static let prefix = "synthetic, not a scan: "

  /// Text before the JSON array that names the cases a picture was made from.
  private static let origins = ", of cases "

  package static func text(_ details: String, of cases: [String]) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return prefix + details + ((try? encoder.encode(cases)).map { origins + String(decoding: $0, as: UTF8.self) } ?? "")
  }

  /// - Returns: names of the cases the picture was made from, empty if it does not name them; `nil` for a real scan.
  static func origins(of scan: TIFFScan, in file: TIFFFile) -> [String]? {
    guard let text = file.pages[scan.pages[0] - 1].description, text.hasPrefix(prefix) else { return nil }
    guard let place = text.range(of: origins, options: .backwards) else { return [] }
    return (try? JSONDecoder().decode([String].self, from: Data(text[place.upperBound...].utf8))) ?? []
  }
}

/// An error of one scan that does not stop the other scans of its study. It has its own type, so that an error that
/// ends a run cannot be mistaken for it.
package struct ScanFault: Error, Sendable, Equatable, CustomStringConvertible {
  package let error: NormaError

  package init(_ error: NormaError) { self.error = error }

  package var description: String { error.description }

  static func changed(_ path: String) -> ScanFault {
    ScanFault(
      NormaError(
        .system, subject: path, found: "the file was changed while it was read",
        remedy: "Run norma again when it is complete"))
  }
}

extension Study {
  /// Reads all scans of a case. A file that cannot be read becomes a scan with a fault; nothing is left out.
  package func scans(of item: Case, reading: ScanReading = ScanReading()) -> [SourceScan] {
    var result: [SourceScan] = []
    read(item, reading: reading) { result.append($0) }
    return result
  }

  /// Reads the scans of a case one after the other, in order, so that only one is held in memory at a time.
  package func read(_ item: Case, reading: ScanReading, each: (SourceScan) throws -> Void) rethrows {
    var taken: Set<String> = []
    for (file, name) in zip(item.files, Self.scanNames(of: item.files)) {
      try readFile(file, named: name, reading: reading) { scan in
        var scan = scan
        // Names that would be equal if letter case is ignored get a number. So do pages named like another file.
        let plain = scan.name
        var number = 2
        while !taken.insert(scan.name.lowercased()).inserted {
          scan.name = "\(plain)~\(number)"
          number += 1
        }
        try each(scan)
      }
    }
  }

  /// The first scan of a case; no later one is decoded. `nil` if the case has no files.
  package func firstScan(of item: Case, reading: ScanReading) -> SourceScan? {
    struct Found: Error { let scan: SourceScan }
    do { try read(item, reading: reading) { throw Found(scan: $0) } } catch { return (error as? Found)?.scan }
    return nil
  }

  private func readFile(
    _ file: String, named name: String, reading: ScanReading, each: (SourceScan) throws -> Void
  ) rethrows {
    let full = path + "/" + file
    var state = FileState(ofFile: full)
    let digest = Self.digest(ofFile: full)
    // If the file changed, the digest would belong to other contents than those that were scored or reported as faulty.
    func hasChanged() -> Bool {
      let now = FileState(ofFile: full)
      guard now == state else { return true }
      guard let known = state, !known.isSettled else { return false }
      guard Self.digest(ofFile: full) == digest else { return true }
      // Once the file's state is settled, later pages do not need another digest of the whole file.
      state = now
      return false
    }
    func changed() -> SourceScan { SourceScan(name: name, path: file, content: .failure(.changed(full))) }
    func failed(_ fault: ScanFault) -> SourceScan {
      hasChanged() ? changed() : SourceScan(name: name, path: file, sha256: digest, content: .failure(fault))
    }
    guard !unopenable.contains(file) else {
      return try each(
        failed(
          ScanFault(
            NormaError(
              subject: full, found: "its path is not UTF-8, bytes of other encodings stand as \\x", remedy: "Rename it")
          )))
    }
    let tiff: TIFFFile
    do throws(NormaError) { tiff = try TIFFFile(path: full, limits: reading.limits) } catch {
      return try each(failed(ScanFault(error)))
    }
    guard !tiff.scans.isEmpty else {
      return try each(
        failed(
          ScanFault(
            NormaError(
              subject: full,
              found: "it has \(Count.of(tiff.pages.count, "page")) and no scan, only thumbnails, "
                + "labels, masks or pages of unknown role; a full-resolution page was expected",
              remedy: "Export the scan itself"))))
    }
    // All pages that cannot be found are reported as one scan.
    let stacked = tiff.scans.count > 1 || tiff.defect != nil
    func suffix(_ page: Int) -> String {
      stacked ? "-p" + String(repeating: "0", count: max(0, 3 - "\(page)".count)) + "\(page)" : ""
    }
    for scan in tiff.scans {
      let content: Result<SourceScan.Content, ScanFault>
      var base: ScanLevel?
      var padding: [Float] = []
      do throws(ScanFault) {
        let read = try reading.content(of: scan, in: tiff)
        if case .image(let image) = read.content, isDoubted(file),
          let found = image.labelling(bits: tiff.pages[scan.pages[0] - 1].bitsPerSample)
        {
          throw ScanFault(
            NormaError(
              subject: full, page: stacked ? scan.pages[0] : nil, found: found,
              remedy: "Leave it out with --exclude, or give --include if it is a scan all the same"))
        }
        (content, base, padding) = (.success(read.content), read.base, read.padding)
      } catch { content = .failure(error) }
      guard !hasChanged() else { return try each(changed()) }
      try each(
        SourceScan(
          name: name + suffix(scan.pages[0]), path: file, page: stacked ? scan.pages[0] : nil, sha256: digest,
          content: content, origins: SyntheticLabel.origins(of: scan, in: tiff),
          metadata: reading.keepsMetadata ? tiff.metadata(ofPage: scan.pages[0]) : [:], padding: padding, base: base))
    }
    if let defect = tiff.defect {
      let number = tiff.pages.count + 1
      try each(
        SourceScan(
          name: name + suffix(number), path: file, page: number, sha256: digest, content: .failure(ScanFault(defect))))
    }
  }

  /// File names without their endings. A file keeps its ending if two names would otherwise be equal (ignoring case),
  /// or if one would equal the whole name of another file.
  static func scanNames(of files: [String]) -> [String] {
    let wholes = files.map(FilePath.name)
    let stems = wholes.map(FilePath.withoutEnding)
    let counts = Dictionary((stems + wholes).map { ($0.lowercased(), 1) }, uniquingKeysWith: +)
    return zip(wholes, stems).map { counts[$1.lowercased()]! > 1 ? $0 : $1 }
  }

  /// SHA-256 of a file in hexadecimal; `nil` where it cannot be read.
  package static func digest(ofFile path: String) -> String? {
    guard FileState.isRegular(path), let handle = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? handle.close() }
    var digest = Digest()
    do {
      while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty { chunk.withUnsafeBytes { digest.add($0) } }
    } catch { return nil }
    return digest.finish().hexadecimal
  }
}
