import Imaging

/// Which lesions the regions of a report find, and which regions lie elsewhere.
///
/// A lesion is a connected group of lesion pixels. A region lies where its hottest pixel lies. A lesion is found if a
/// region lies in it; further regions in the same lesion count for nothing. Source: Ehteshami Bejnordi et al. 2017,
/// JAMA 318, 2199-2210 (Camelyon16), with regions in place of free marks.
package struct LesionFindings: Sendable {
  /// The hottest pixel of a region on the heatmap's grid, and its heat.
  package struct Peak: Sendable {
    package var x: Int
    package var y: Int
    package var heat: Double

    package init(x: Int, y: Int, heat: Double) {
      self.x = x
      self.y = y
      self.heat = heat
    }
  }

  private struct Lesion {
    /// In pixels of the scan.
    var area: Double
    /// Heat of the hottest region in it; `nil` if it is not found.
    var heat: Double?
  }

  /// The lesions of a range of sizes.
  package struct Recall: Sendable, Codable, Equatable {
    /// Areas of the smallest and of the largest lesion, in pixels of the scan.
    package let smallest: Double
    package let largest: Double
    package let found: Share
  }

  /// Numbers of regions outside lesions a scan for which sensitivities are given. Source: Setio et al. 2017, Medical
  /// Image Analysis 42, 1-13 (LUNA16).
  package static let rates = [0.125, 0.25, 0.5, 1, 2, 4, 8]
  private static let sizes = 3

  private var scans = 0
  private var lesions: [Lesion] = []
  private var elsewhere: [Double] = []
  /// Scans with a lesion, and those among them whose hottest region lies in one.
  private var lesionScans = 0
  private var hottestInLesion = 0

  init() {}

  /// - Parameters:
  ///   - components: the scan's lesions; `nil` where it has none.
  ///   - pixelArea: how many of the scan's pixels one of the heatmap's covers.
  mutating func add(lesions components: ConnectedComponents?, peaks: [Peak], pixelArea: Double) {
    scans += 1
    let start = lesions.count
    lesions += (components?.components ?? []).map { Lesion(area: Double($0.pixels) * pixelArea) }
    var hottest: (heat: Double, isInLesion: Bool)?
    for peak in peaks {
      let label = components.map { Int($0.labels[peak.x, peak.y]) } ?? 0
      if label > 0 {
        let lesion = start + label - 1
        lesions[lesion].heat = max(lesions[lesion].heat ?? peak.heat, peak.heat)
      } else {
        elsewhere.append(peak.heat)
      }
      if hottest.map({ $0.heat < peak.heat }) ?? true { hottest = (peak.heat, label > 0) }
    }
    guard components != nil else { return }
    lesionScans += 1
    hottestInLesion += hottest?.isInLesion == true ? 1 : 0
  }

  mutating func add(_ other: LesionFindings) {
    scans += other.scans
    lesions += other.lesions
    elsewhere += other.elsewhere
    lesionScans += other.lesionScans
    hottestInLesion += other.hottestInLesion
  }

  /// Shares of the lesions that are found by the hottest regions, of which at most so many a scan lie outside lesions,
  /// one for each of `rates`; `nil` without lesions.
  var sensitivities: [Double]? {
    guard !lesions.isEmpty else { return nil }
    let elsewhere = elsewhere.sorted(by: >)
    return Self.rates.map { rate in
      let allowed = Int(rate * Double(scans))
      let found = lesions.count { lesion in
        lesion.heat.map { allowed >= elsewhere.count || $0 > elsewhere[allowed] } ?? false
      }
      return Double(found) / Double(lesions.count)
    }
  }

  /// Regions outside lesions, a scan.
  var falseRegionsPerScan: Double? { scans > 0 ? Double(elsewhere.count) / Double(scans) : nil }

  /// How many scans with a lesion have their hottest region in one.
  var hottest: Share? { Share(hottestInLesion, of: lesionScans) }

  /// How many lesions are found: of the smallest third, the middle one, and the largest. Lesions of one size stay
  /// together, so that there may be fewer parts.
  var recall: [Recall]? {
    guard !lesions.isEmpty else { return nil }
    let sorted = lesions.sorted { $0.area < $1.area }
    func cut(_ part: Int) -> Int {
      var cut = part * sorted.count / Self.sizes
      while cut > 0, cut < sorted.count, sorted[cut].area == sorted[cut - 1].area { cut += 1 }
      return cut
    }
    return (0..<Self.sizes).compactMap { part in
      let lesions = sorted[cut(part)..<cut(part + 1)]
      guard let first = lesions.first, let last = lesions.last,
        let found = Share(lesions.count { $0.heat != nil }, of: lesions.count)
      else { return nil }
      return Recall(smallest: first.area, largest: last.area, found: found)
    }
  }
}
