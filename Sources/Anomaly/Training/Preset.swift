import Imaging

/// Settings to start from for one kind of scan. Each of them can also be set on its own.
package enum Preset: String, CaseIterable, Sendable {
  /// Makes no assumption about the scan or about what a lesion looks like.
  case generic
  /// MR slices of any contrast: intensities have no unit, and a lesion may be brighter or darker.
  case mri
  /// Slices with three channels, pre-contrast, FLAIR and post-contrast: lesions are bright in FLAIR.
  case flair
  /// CT slices in Hounsfield units, soft tissue.
  case ct
  /// Radiographs: the pose is nearly, but never exactly, the same.
  case xray
  /// Stained slides: no fixed pose, colors that differ from batch to batch, bright glass around tissue.
  case histology
  /// Fundus photographs: many small lesions, dark or bright, on a background that varies more than they do.
  case fundus

  package struct Values: Sendable, Equatable {
    package var rule = EvidenceRule()
    package var normalization = Normalization(method: .robust, scope: .scan)
    package var tissueAppearance = TissueLook.bright
    /// Radii of planted lesions, in pixels of the model's grid.
    package var radii: ClosedRange<Float> = 2...32
    /// Size of the planted lesions' offset, in normalized intensity.
    package var contrast: ClosedRange<Float> = 0.1...0.7
    /// See `Preparation.localContrast`.
    package var localContrast: Float?
    /// Factor of the reduction; `nil` chooses it by the scans' size.
    package var reduction: Int?
    package var augmentation = Augmentation.mirror
    /// Most kinds of lesions that a training patch may have at once.
    package var kinds = 1
    /// See `LesionShape.borders`.
    package var borders: ClosedRange<Float>?
    package var inference = Inference.Settings()
  }

  package var values: Values {
    var values = Values()
    switch self {
    case .generic: break
    case .mri: values.normalization = Normalization(method: .robust, scope: .wholeCase)
    case .ct: values.normalization = Normalization(method: .window(low: -160, high: 240), scope: .trainingSet)
    case .xray: values.augmentation = .mild
    case .histology:
      values.normalization = Normalization(method: .macenko, scope: .wholeCase)
      values.tissueAppearance = .stained
      values.kinds = 2
    case .flair:
      values.rule = EvidenceRule(channelWeights: [0, 1, 0], polarity: .bright)
      values.radii = 4...36
    case .fundus:
      values.rule.smoothing = 1.5
      values.rule.erosion = 6
      values.radii = 1.2...24
      values.localContrast = 24
      values.contrast = 0.12...1.2
      values.reduction = 2
      values.augmentation = .photograph
      values.kinds = 4
      // Exudates and haemorrhages have sharp borders; changes over many pixels come from the light.
      values.borders = 0.4...2
      values.inference.flips = true
      values.inference.overlap = 0.5
    }
    return values
  }
}
