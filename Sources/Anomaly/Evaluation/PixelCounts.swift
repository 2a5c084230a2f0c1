/// Lesion pixels and healthy pixels, counted by their place among the heat of lesion pixels: from the hottest place
/// down, all pixels of a place are ties.
struct PixelCounts: Sendable {
  /// Counts of a kind, by place; empty as long as there are none.
  private var lesion: [Int] = []
  private var healthy: [Int] = []
  /// The healthy pixels that lie in scans with a lesion.
  private var healthyBesideLesions: [Int] = []
  /// How many lesions' worth of pixels, where every lesion counts as one, in parts of `lesionUnit`. Whole numbers add
  /// up to the same in any order.
  private var overlap: [Int] = []
  private var lesions = 0
  private let places: Int

  /// The healthy pixels' share up to which the overlap with lesions counts.
  static let overlapLimit = 0.3
  private static let lesionUnit = 1 << 44

  init(places: Int) { self.places = places }

  private static func add(_ count: Int, at place: Int, of places: Int, to counts: inout [Int]) {
    if counts.isEmpty { counts = [Int](repeating: 0, count: places) }
    counts[place] += count
  }

  /// - Parameter lesionSize: number of pixels of the lesion that the pixel belongs to.
  mutating func addLesion(at place: Int, lesionSize: Int) {
    Self.add(1, at: place, of: places, to: &lesion)
    Self.add(Self.lesionUnit / lesionSize, at: place, of: places, to: &overlap)
  }

  mutating func addHealthy(at place: Int, besideLesion: Bool) {
    Self.add(1, at: place, of: places, to: &healthy)
    if besideLesion { Self.add(1, at: place, of: places, to: &healthyBesideLesions) }
  }

  mutating func addLesions(_ count: Int) { lesions += count }

  mutating func add(_ other: PixelCounts) {
    func add(_ own: inout [Int], _ counts: [Int]) {
      guard !own.isEmpty else { return own = counts }
      for i in counts.indices { own[i] += counts[i] }
    }
    add(&lesion, other.lesion)
    add(&healthy, other.healthy)
    add(&healthyBesideLesions, other.healthyBesideLesions)
    add(&overlap, other.overlap)
    lesions += other.lesions
  }

  private func filled(_ counts: [Int]) -> [Int] { counts.isEmpty ? [Int](repeating: 0, count: places) : counts }

  struct Figures {
    var averagePrecision: Double?
    var bestDice: Double?
    var auroc: Double?
  }

  /// Figures over the pixels of all scans.
  var all: Figures { figures(healthy) }

  /// Average precision over the pixels of scans that have a lesion.
  var lesionScanAP: Double? { figures(healthyBesideLesions).averagePrecision }

  /// As scikit-learn defines them, see `Metrics.Ranking`.
  private func figures(_ healthy: [Int]) -> Figures {
    let healthy = filled(healthy)
    let positives = lesion.reduce(0, +)
    let negatives = healthy.reduce(0, +)
    guard positives > 0 else { return Figures() }
    var (tp, fp, ap, dice, area) = (0, 0, 0.0, 0.0, 0.0)
    for i in lesion.indices where lesion[i] + healthy[i] > 0 {
      area += Double(healthy[i]) * (Double(tp) + Double(lesion[i]) / 2)
      tp += lesion[i]
      fp += healthy[i]
      ap += Double(lesion[i]) * Double(tp) / Double(tp + fp)
      dice = max(dice, 2 * Double(tp) / Double(tp + fp + positives))
    }
    return Figures(
      averagePrecision: ap / Double(positives), bestDice: dice,
      auroc: negatives > 0 ? area / (Double(positives) * Double(negatives)) : nil)
  }

  /// Mean share of a lesion that is marked, over the share of healthy pixels that is marked with it: the area under
  /// that curve up to a share of 0.3, divided by 0.3. Source: Bergmann et al. 2021, "The MVTec Anomaly Detection Dataset",
  /// International Journal of Computer Vision 129, section 5.2 (AUPRO).
  var overlapArea: Double? {
    let negatives = Double(healthy.reduce(0, +))
    guard lesions > 0, negatives > 0 else { return nil }
    let healthy = filled(healthy)
    let whole = Double(lesions) * Double(Self.lesionUnit)
    var (marked, found, area) = (0.0, 0.0, 0.0)
    for i in lesion.indices where lesion[i] + healthy[i] > 0 {
      let next = (marked: marked + Double(healthy[i]) / negatives, found: found + Double(overlap[i]) / whole)
      guard next.marked < Self.overlapLimit else {
        let width = Self.overlapLimit - marked
        let end = found + (next.found - found) * width / (next.marked - marked)
        return (area + width * (found + end) / 2) / Self.overlapLimit
      }
      area += (next.marked - marked) * (found + next.found) / 2
      (marked, found) = next
    }
    return area / Self.overlapLimit
  }
}
