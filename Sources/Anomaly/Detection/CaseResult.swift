import Imaging

extension ScanResult.Findings {
  /// The findings on a smaller level of a scan, converted to pixels of the scan at its full size.
  package func scaled(to base: ScanLevel) -> Self {
    let (x, y) = (Double(base.width) / Double(width), Double(base.height) / Double(height))
    var result = self
    (result.width, result.height, result.pixelSize) = (base.width, base.height, base.pixelSize)
    (result.downsample, result.downsampleY) = (x, y)
    result.regions = regions.map { $0.scaled(x: x, y: y) }
    return result
  }
}

/// The outcome of one scan: a file, or one page of a stack.
package struct ScanResult: Sendable, Equatable {
  package struct Findings: Sendable, Equatable {
    package var width: Int
    package var height: Int
    package var channels: Int
    package var pixelSize: PixelSize?
    /// Mean `z` of the most abnormal pixels.
    package var score: Double
    /// Distance of the scan's texture from that of healthy scans, see `TextureReference`, from which the case's score is
    /// made; `nil` where the model measures none; not kept after that.
    package var textureDistance: Double?
    /// How unusual the scan is as a whole, in the units of `score`; `nil` where the model cannot say.
    package var wholeScore: Double?
    /// Share of held-out healthy scans that score at least as high (hierarchical conformal), in 0...1.
    package var pValue: Double
    package var regions: [Region]
    /// The mass of each region, from which its p-value is computed once all scans of the case are known; not kept after
    /// that.
    package var regionMasses: [Double] = []
    /// Measured appearance of this scan, from which the case's appearance is made; not kept after that.
    package var appearance: Appearance?
    /// Share of the file's strips or tiles that were missing or broken, in 0...1.
    package var missingShare = 0.0
    /// Width of one heatmap pixel in pixels of the scan; 1 except for slides and smaller levels of pyramids.
    package var downsample = 1.0
    /// Height of one heatmap pixel in pixels of the scan. Levels are rounded to whole pixels along each axis, so
    /// `downsample` and `downsampleY` can differ a little.
    package var downsampleY = 1.0

    package init(
      width: Int, height: Int, channels: Int, pixelSize: PixelSize?, score: Double, pValue: Double, regions: [Region],
      appearance: Appearance? = nil
    ) {
      self.width = width
      self.height = height
      self.channels = channels
      self.pixelSize = pixelSize
      self.score = score
      self.pValue = pValue
      self.regions = regions
      self.appearance = appearance
    }
  }

  package enum Outcome: Sendable, Equatable {
    case done(Findings)
    /// The scan was read, and there is nothing in it to score.
    case empty(NothingToScore)
    /// The reason is one sentence that a user can act on.
    case failed(reason: String)
  }

  /// File name without its extension, with `-p001` and so on added for the pages of a stack. Unique within its case.
  package var name: String
  /// Path relative to the study folder.
  package var path: String
  /// One-based page of a stack; `nil` where the file is one scan.
  package var page: Int?
  /// Digest of the whole file, hexadecimal; `nil` where it could not be read.
  package var sha256: String?
  package var outcome: Outcome
  /// The file's text metadata, keyed by tag name; empty unless asked for.
  package var metadata: [String: String]

  package init(
    name: String, path: String, page: Int?, sha256: String?, outcome: Outcome, metadata: [String: String] = [:]
  ) {
    self.name = name
    self.path = path
    self.page = page
    self.sha256 = sha256
    self.outcome = outcome
    self.metadata = metadata
  }
}

/// How abnormal a case is, and the two scores of which that is made, in the same units: a lesion stands out at one
/// place, a diffuse disease changes the scan as a whole.
package struct CaseScore: Sendable, Equatable {
  /// Largest scan score, brought to the number of scans of the held-out cases, see `CaseMaxima`.
  package var worstPlace: Double
  /// How unusual the texture of its scans is, see `TextureScore`; `nil` where the model cannot say.
  package var whole: Double?

  /// Both together, see `TextureScore.combined`; `worstPlace` where there is no `whole`.
  package var value: Double

  package init(worstPlace: Double) {
    (self.worstPlace, value) = (worstPlace, worstPlace)
  }

  package init(worstPlace: Double, whole: Double, value: Double) {
    (self.worstPlace, self.whole, self.value) = (worstPlace, whole, value)
  }
}

/// The verdict on a case: a patient, an examination, a slide.
package struct CaseResult: Sendable, Equatable {
  /// Path of the case's folder relative to the study, or the file's name without its extension where a file is a case.
  package var name: String
  package var scans: [ScanResult]
  /// `nil` where no scan was scored: the case was not examined.
  package var score: CaseScore?
  /// Share of healthy cases that score at least as high (conformal), in 0...1; see `Calibration.caseScores`.
  package var pValue: Double?
  /// Whether `pValue` is at most the stated false-positive rate; `false`, and no verdict, where it is `nil`.
  package var flagged: Bool
  /// Measured appearance of the case; `nil` where no scan was scored.
  package var appearance: Appearance?
  /// Share of held-out healthy cases that look at least as unusual, in 0...1; `nil` where the model cannot tell.
  package var domainShiftP: Double?
  /// Why the case's score may mean nothing; `nil` where the case looks like the training cases.
  package var domainShift: String?

  package init(
    name: String, scans: [ScanResult], score: CaseScore?, pValue: Double?, flagged: Bool, appearance: Appearance? = nil,
    domainShiftP: Double? = nil, domainShift: String? = nil
  ) {
    self.name = name
    self.scans = scans
    self.score = score
    self.pValue = pValue
    self.flagged = flagged
    self.appearance = appearance
    self.domainShiftP = domainShiftP
    self.domainShift = domainShift
  }
}
