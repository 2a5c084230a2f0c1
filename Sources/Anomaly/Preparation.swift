import Compute
import Crypto
import Foundation
import Imaging

/// What is done to every scan before the model sees it; stored in the model file and applied again when scoring.
package struct Preparation: Codable, Sendable, Equatable {
  package var normalization: Normalization
  /// Scans are reduced by this whole factor first.
  package var reduction: Int
  package var channels: Int
  /// Where a scan counts as tissue is read off these channels; `nil` for all. A lesion in a channel is looked for only
  /// where that channel was acquired.
  package var tissueChannels: [Int]?
  /// Where set, the mean over this neighbourhood (deviation of a Gaussian, in pixels of the model's grid) is subtracted
  /// before normalization, for scans whose background varies more than their lesions. Source of the idea: Graham 2015,
  /// "Kaggle diabetic retinopathy detection competition report".
  package var localContrast: Float?
  /// `nil`, as in models made before it could be chosen, is `bright`.
  package var tissueAppearance: TissueMask.Appearance?

  package init(
    normalization: Normalization, reduction: Int, channels: Int, tissueChannels: [Int]? = nil,
    localContrast: Float? = nil, tissueAppearance: TissueMask.Appearance? = nil
  ) {
    self.tissueAppearance = tissueAppearance
    self.localContrast = localContrast
    self.normalization = normalization
    self.reduction = reduction
    self.channels = channels
    self.tissueChannels = tissueChannels
  }
}

/// One scan of a case as it was read: a file, or a page of one.
package struct SourceScan: Sendable {
  /// File name without its ending, with `-p001` and so on for the pages of a stack; unique within its case.
  package var name: String
  /// Relative to the study.
  package var path: String
  package var page: Int?
  package var sha256: String?
  /// The decoded picture, or why there is none, in one sentence.
  package var content: Result<Image, ScanFault>
}

extension SourceScan {
  /// How much of it is missing, as a sentence; `nil` where all is there or nothing is.
  package func incompleteness(in study: Study) -> String? {
    guard case .success(let image) = content, image.missingShare > 0 else { return nil }
    return Self.incompleteness("\(study.path)/\(path)", share: image.missingShare)
  }

  /// - Parameter share: of a file that is missing, above 0.
  package static func incompleteness(_ path: String, share: Double) -> String {
    "\(path): \(max(1, Int((100 * share).rounded()))) % of it is missing or broken and counts as no data."
  }
}

/// Why a scan cannot be used, as a sentence for the report.
package struct ScanFault: Error, Sendable, Equatable, CustomStringConvertible {
  package var description: String

  package init(_ description: String) { self.description = description }
}

/// A scan on the model's own grid.
package struct PreparedScan: Sendable {
  /// Normalized and reduced, nominally 0...1; `NaN` where there is no data.
  package var image: Image
  package var tissue: TissueMask
  /// What it looked like before normalization; `nil` for what is no whole scan.
  package var appearance: Appearance?

  package init(image: Image, tissue: TissueMask, appearance: Appearance? = nil) {
    self.image = image
    self.tissue = tissue
    self.appearance = appearance
  }
}

extension Study {
  /// Reads all scans of a case. A file that cannot be read is a scan with a fault; nothing is left out.
  ///
  /// - Parameter channels: what a model expects; `nil` takes scans as they are.
  package func scans(of item: Case, channels: Int? = nil, limits: TIFFLimits = .default) -> [SourceScan] {
    let names = Self.scanNames(of: item.files)
    return zip(item.files, names).flatMap { file, name in
      let full = path + "/" + file
      let digest = Self.digest(ofFile: full)
      func fault(_ text: String) -> [SourceScan] {
        [SourceScan(name: name, path: file, page: nil, sha256: digest, content: .failure(ScanFault(text)))]
      }
      let tiff: TIFFFile
      do throws(ImagingError) { tiff = try TIFFFile(path: full, limits: limits) } catch {
        return fault(error.description)
      }
      guard !tiff.scans.isEmpty else {
        return fault(
          "\(full): all of its \(tiff.pages.count) pages are thumbnails, labels or masks; a full-resolution page was "
            + "expected. Export the scan itself.")
      }
      // Pages that cannot be found are told of as one scan.
      let stacked = tiff.scans.count > 1 || tiff.defect != nil
      func suffix(_ page: Int) -> String {
        stacked ? "-p" + String(repeating: "0", count: max(0, 3 - "\(page)".count)) + "\(page)" : ""
      }
      var scans = tiff.scans.map { scan in
        let content: Result<Image, ScanFault>
        do throws(ImagingError) {
          let image = try tiff.image(of: scan)
          if let channels, image.channels != channels {
            content = .failure(
              ScanFault(
                "\(full): it has \(image.channels) channel\(image.channels == 1 ? "" : "s"), the model was trained on "
                  + "\(channels). Analyze it with a model of its own kind."))
          } else {
            content = .success(image)
          }
        } catch {
          content = .failure(ScanFault(error.description))
        }
        return SourceScan(
          name: name + suffix(scan.pages[0]), path: file, page: stacked ? scan.pages[0] : nil, sha256: digest,
          content: content)
      }
      if let defect = tiff.defect {
        let number = tiff.pages.count + 1
        scans.append(
          SourceScan(
            name: name + suffix(number), path: file, page: number, sha256: digest,
            content: .failure(ScanFault(defect.description))))
      }
      return scans
    }
  }

  /// Stems of the files; where two would be the same (or differ in case alone), or one is another's whole name, their
  /// endings stay.
  static func scanNames(of files: [String]) -> [String] {
    let wholes = files.map { ($0 as NSString).lastPathComponent }
    let stems = wholes.map { ($0 as NSString).deletingPathExtension }
    let counts = Dictionary((stems + wholes).map { ($0.lowercased(), 1) }, uniquingKeysWith: +)
    return zip(wholes, stems).map { counts[$1.lowercased()]! > 1 ? $0 : $1 }
  }

  /// SHA-256 of a file in hexadecimal; `nil` where it cannot be read.
  package static func digest(ofFile path: String) -> String? {
    guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? handle.close() }
    var hash = SHA256()
    do {
      while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty { hash.update(data: chunk) }
    } catch { return nil }
    return hash.finalize().map { String(format: "%02x", $0) }.joined()
  }
}

/// A scan on the model's grid, and what brings it there at its own size.
package struct PreparedImage: Sendable {
  package var scan: PreparedScan
  fileprivate var parameters: NormalizationParameters
  /// What was subtracted, on the model's grid.
  fileprivate var background: Image?
}

extension Preparation {
  /// Brings the scans of one case onto the model's grid and finds their tissue.
  package func prepare(_ images: [Image]) -> [PreparedImage] {
    var reduced = Parallel.map(images.count) { images[$0].reduced(by: reduction) }
    let masks = Normalization.tissue(of: reduced, channels: tissueChannels, appearing: tissueAppearance ?? .bright)
    let appearances = Parallel.map(reduced.count) { [reduced] in Appearance(of: reduced[$0], tissue: masks[$0]) }
    var backgrounds = [Image?](repeating: nil, count: images.count)
    if let localContrast {
      for i in reduced.indices {
        let background = reduced[i].localMean(over: masks[i], sigma: localContrast)
        reduced[i] = reduced[i].subtracting(background)
        backgrounds[i] = background
      }
    }
    let parameters: [NormalizationParameters]
    switch normalization.scope {
    case .scan:
      parameters = Parallel.map(reduced.count) { [reduced] in
        normalization.parameters(of: [reduced[$0]], tissue: [masks[$0]])
      }
    case .wholeCase, .trainingSet:
      let shared = reduced.isEmpty ? nil : normalization.parameters(of: reduced, tissue: masks)
      parameters = reduced.map { _ in shared! }
    }
    return Parallel.map(reduced.count) { [reduced, backgrounds] i in
      let image = normalization.apply(parameters[i], to: reduced[i])
      let scan = PreparedScan(image: image, tissue: masks[i], appearance: appearances[i])
      return PreparedImage(scan: scan, parameters: parameters[i], background: backgrounds[i])
    }
  }

  /// A scan at its own size, normalized as on the model's grid.
  func normalized(_ image: Image, as prepared: PreparedImage) -> Image {
    guard let background = prepared.background else { return normalization.apply(prepared.parameters, to: image) }
    let whole = background.enlarged(by: reduction, over: image)
    return normalization.apply(prepared.parameters, to: image.subtracting(whole))
  }
}

extension Image {
  /// Gaussian mean over tissue alone, so that a dark surround does not weigh on the rim.
  fileprivate func localMean(over mask: TissueMask, sigma: Float) -> Image {
    var values = self
    var weights = self
    for pixel in mask.isTissue.indices {
      for channel in 0..<channels {
        let i = pixel * channels + channel
        let counts = mask.isTissue[pixel] && !samples[i].isNaN
        values.samples[i] = counts ? samples[i] : 0
        weights.samples[i] = counts ? 1 : 0
      }
    }
    var mean = values.blurred(sigma: sigma)
    let share = weights.blurred(sigma: sigma)
    for i in mean.samples.indices {
      // Far outside tissue there is nothing to take the mean of: the scan itself stands in, and nothing is left of it.
      mean.samples[i] =
        share.samples[i] > 1e-3 ? mean.samples[i] / share.samples[i] : samples[i].isNaN ? 0 : samples[i]
    }
    return mean
  }

  fileprivate func subtracting(_ other: Image) -> Image {
    var result = self
    for i in result.samples.indices { result.samples[i] -= other.samples[i] }
    return result
  }
}
