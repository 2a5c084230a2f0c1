import Compute
import Foundation
import Imaging
import Threads

/// The steps applied to every scan before the model sees it; stored in the model file and applied again when scoring.
package struct Preparation: Codable, Sendable, Equatable {
  package var normalization: Normalization
  /// Whole factor by which scans are reduced first, unless `micrometersPerPixel` is set.
  package var reduction: Int
  /// Level of a pyramid to read, see `ScanReading`.
  package var level: Int?
  package var micrometersPerPixel: Double?
  package var channels: Int
  /// Channels that decide where a scan shows tissue; `nil` for all. A lesion in a channel is looked for only where that
  /// channel was acquired.
  package var tissueChannels: [Int]?
  /// If set, the local mean (Gaussian of this standard deviation, in pixels of the model's grid) is subtracted before
  /// normalization, for scans whose background varies more than their lesions. Source of the idea: Graham 2015, "Kaggle
  /// diabetic retinopathy detection competition report".
  package var localContrast: Float?
  /// How tissue differs from the background. `nil` stands for `bright`, as in models made before this could be chosen.
  package var tissueAppearance: TissueLook?
  /// Units of the texture of whole scans; `nil` where it is not measured.
  package var texture: TextureScale?
  /// The prediction of channels from each other; `nil` where `ChannelExpectation` has none, for photographs, and in
  /// models of an older norma.
  package var expectation: ChannelExpectation?
  /// Texture around the pixels of healthy tissue; `nil` where `LocalTexture` has none, and for photographs.
  package var localTexture: LocalTexture?
  /// A value that means no data in the files, if the user stated one for training.
  package var noData: Float?
  /// Whether features are measured, see `LocalFeatures`. `nil` stands for `false`.
  package var takesFeatures: Bool?

  package init(
    normalization: Normalization, reduction: Int, channels: Int, tissueChannels: [Int]? = nil,
    localContrast: Float? = nil, tissueAppearance: TissueLook? = nil, level: Int? = nil,
    micrometersPerPixel: Double? = nil
  ) {
    self.level = level
    self.micrometersPerPixel = micrometersPerPixel
    self.tissueAppearance = tissueAppearance
    self.localContrast = localContrast
    self.normalization = normalization
    self.reduction = reduction
    self.channels = channels
    self.tissueChannels = tissueChannels
  }
}

extension Preparation {
  /// How scans are read for this model.
  package func reading(limits: TIFFLimits = .default) -> ScanReading {
    var reading = ScanReading(
      channels: channels, limits: limits, level: level, micrometersPerPixel: micrometersPerPixel)
    if needsWholeScans { reading.largestWhole = limits.maximumPixels }
    if limits.stated.noData == nil { reading.limits.stated.noData = noData }
    return reading
  }

  /// Whether no scan can be scored piece by piece: the local mean looks far around a pixel, and so do features.
  package var needsWholeScans: Bool { localContrast != nil || takesFeatures == true }

  /// The whole factor by which a scan, or a level of a scan, is reduced to the model's grid.
  ///
  /// - Parameter size: size of the scan's pixels.
  func factor(for size: PixelSize?) -> Int {
    guard let micrometersPerPixel, let size else { return reduction }
    let factor = (micrometersPerPixel / size.x).rounded()
    return factor >= 1 ? Int(min(factor, Double(ScanReading.largestReduction))) : 1
  }

  /// Where the model's grid comes from, in words.
  package var gridDescription: String {
    if let micrometersPerPixel { return "\(micrometersPerPixel) µm a pixel" }
    return (level.map { "level \($0), " } ?? "") + "reduced by \(reduction)"
  }
}

/// A scan on the model's grid, with the parameters to normalize it at its own size.
package struct PreparedImage: Sendable {
  package var scan: PreparedScan
  /// Factor by which the scan was reduced.
  package var factor: Int
  /// Why the scan is not scored; `nil` where it is.
  package var nothingToScore: NothingToScore?
  fileprivate var parameters: NormalizationParameters
  /// Local mean that was subtracted, on the model's grid.
  fileprivate var background: Image?

  /// Converts `grid`, an image on the model's grid, to the size and units of the scan's file; `nil` where the
  /// normalization cannot be undone.
  ///
  /// - Parameter scan: the scan as read; only its size is used.
  package func undone(_ grid: Image, over scan: Image) -> Image? {
    guard parameters.canBeUndone, background == nil else { return nil }
    return parameters.undo(grid.enlarged(by: factor, over: scan))
  }
}

extension [PreparedImage] {
  /// The scans with their places in series of slices.
  package func at(_ places: [SlicePlace?]) -> [PreparedImage] {
    zip(self, places).map { image, place in
      var image = image
      image.scan.place = place
      return image
    }
  }
}

extension Preparation {
  /// Brings the scans of one case onto the model's grid and finds their tissue.
  package func prepare(_ images: [Image]) -> [PreparedImage] {
    prepare(Parallel.map(images.count) { reduced(images[$0]) })
  }

  /// A scan reduced to the grids on which it is prepared.
  struct ReducedScan: Sendable {
    /// The scan on the model's grid, and the factor by which it was reduced.
    var image: Image
    var factor: Int
    /// The scan on the grids of texture; empty where no texture is measured.
    var textured: [Image]
  }

  func reduced(_ scan: Image) -> ReducedScan {
    let factor = factor(for: scan.pixelSize)
    return ReducedScan(
      image: scan.reduced(by: factor), factor: factor,
      textured: texture?.grids.map { scan.reduced(by: $0.factor(beside: factor)) } ?? [])
  }

  /// - Parameter scans: all scans of one case.
  func prepare(_ scans: [ReducedScan]) -> [PreparedImage] {
    let images = scans.map(\.image)
    let factors = scans.map(\.factor)
    var reduced = images
    let lacks = Parallel.map(images.count) { NothingToScore(dataOf: images[$0], channels: tissueChannels) }
    // A scan without content must not shift the scale of the other scans of its case.
    let full = images.indices.filter { lacks[$0] == nil }
    let telling = full.isEmpty ? Array(images.indices) : full
    let found = Normalization.tissue(
      of: full.map { images[$0] }, channels: tissueChannels, appearing: tissueAppearance ?? .bright)
    var masks = images.map { TissueMask(width: $0.width, height: $0.height, filledWith: false) }
    for (index, mask) in zip(full, found) { masks[index] = mask }
    let depths = Parallel.map(masks.count) { [masks] in masks[$0].depth }
    let appearances = Parallel.map(reduced.count) { [reduced, masks] in
      Appearance(of: reduced[$0], tissue: masks[$0], depth: depths[$0])
    }
    let units = texture.map { $0.units(for: telling.map { (reduced[$0], masks[$0]) }) }
    let textures = Parallel.map(scans.count) { [texture] i -> TextureDescriptor? in
      guard let texture, let units else { return nil }
      return TextureDescriptor(of: scans[i].textured, scale: texture, units: units)
    }
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
      parameters = Parallel.map(reduced.count) { [reduced, masks] in
        normalization.parameters(of: [reduced[$0]], tissue: [masks[$0]])
      }
    case .wholeCase, .trainingSet:
      let shared =
        reduced.isEmpty
        ? nil : normalization.parameters(of: telling.map { reduced[$0] }, tissue: telling.map { masks[$0] })
      parameters = reduced.map { _ in shared! }
    }
    return Parallel.map(reduced.count) { [reduced, backgrounds, masks] i in
      let image = normalization.apply(parameters[i], to: reduced[i])
      let scan = PreparedScan(
        image: image, tissue: masks[i], depth: depths[i], appearance: appearances[i], texture: textures[i],
        sharedUnits: sharedUnits(from: parameters[i]))
      return PreparedImage(
        scan: scan, factor: factors[i],
        nothingToScore: NothingToScore(scan, lacking: lacks[i]), parameters: parameters[i],
        background: backgrounds[i])
    }
  }

  /// The units of a scan, or slide, that was normalized with these parameters; `nil` where scans share none.
  func sharedUnits(from parameters: NormalizationParameters) -> SharedUnits? {
    // A scan less its local mean has lost what its brightness was.
    localContrast == nil ? texture?.study.flatMap { SharedUnits(from: parameters, to: $0) } : nil
  }

  /// Normalizes a scan at its own size with the parameters found on the model's grid.
  func normalized(_ image: Image, as prepared: PreparedImage) -> Image {
    guard let background = prepared.background else { return normalization.apply(prepared.parameters, to: image) }
    let whole = background.enlarged(by: prepared.factor, over: image)
    return normalization.apply(prepared.parameters, to: image.subtracting(whole))
  }
}

extension NothingToScore {
  /// - Parameter lack: what the scan's data lack before normalization.
  fileprivate init?(_ scan: PreparedScan, lacking lack: NothingToScore?) {
    let (width, height) = (scan.image.width, scan.image.height)
    let tissue = scan.depth.values.count { $0 > 0 }
    guard let reason = NothingToScore(tissuePixels: tissue, width: width, height: height) else { return nil }
    // The scan's size is the plainer reason.
    if case .tooSmall = reason { self = reason } else { self = lack ?? reason }
  }
}

extension Image {
  /// Gaussian mean over tissue alone, so that a dark background does not lower the mean at the tissue's edge.
  fileprivate func localMean(over mask: TissueMask, sigma: Float) -> Image {
    var values = self
    var weights = self
    for pixel in mask.values.indices {
      for channel in 0..<channels {
        let i = pixel * channels + channel
        let counts = mask.values[pixel] && !samples[i].isNaN
        values.samples[i] = counts ? samples[i] : 0
        weights.samples[i] = counts ? 1 : 0
      }
    }
    var mean = values.blurred(sigma: sigma)
    let share = weights.blurred(sigma: sigma)
    for i in mean.samples.indices {
      // Far outside tissue there is nothing to average: use the scan's own value, so that subtraction leaves 0.
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
