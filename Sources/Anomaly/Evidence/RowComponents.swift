/// Connected groups of pixels at or above a level in a picture that is given row by row; diagonal neighbours connect.
///
/// Gives the groups that `ConnectedComponents` gives, but keeps at most one row of the picture.
package struct RowComponents {
  package struct Group: Sendable {
    package var pixels = 0
    package var left: Int
    package var right: Int
    package var top: Int
    package var bottom: Int
    /// Sum of the values.
    package var sum = 0.0
    package var peak: Float
    /// Row and column of the peak; if several are equal, the first in reading order.
    package var peakPlace: (y: Int, x: Int)
    /// Tag that the caller gave to the peak's pixel.
    package var peakTag: Int
  }

  private struct Run {
    let xs: Range<Int>
    let label: Int
  }

  package let level: Float
  private var parents: [Int32] = []
  private var stored: [Group] = []
  private var above: [Run] = []
  private var y = 0

  package init(level: Float) { self.level = level }

  /// Label of the group of a pixel in the row added last, for `group(of:)`; -1 if the pixel is in no group.
  package func label(atX x: Int) -> Int {
    var (low, high) = (0, above.count)
    while low < high {
      let middle = (low + high) / 2
      if above[middle].xs.upperBound <= x { low = middle + 1 } else { high = middle }
    }
    return low < above.count && above[low].xs.contains(x) ? above[low].label : -1
  }

  /// The whole group that a label belongs to.
  package func group(of label: Int) -> Group { stored[root(label)] }

  package var groups: [Group] { stored.indices.filter { Int(parents[$0]) == $0 }.map { stored[$0] } }

  /// - Parameter tag: returns the tag of the pixel in the given column of this row.
  package mutating func add(row: UnsafeBufferPointer<Float>, tag: (Int) -> Int = { _ in -1 }) {
    var runs: [Run] = []
    var x = 0
    var candidate = 0
    while x < row.count {
      guard row[x] >= level else {
        x += 1
        continue
      }
      let start = x
      var group = Group(left: x, right: x, top: y, bottom: y, peak: row[x], peakPlace: (y, x), peakTag: -1)
      while x < row.count, row[x] >= level {
        group.sum += Double(row[x])
        if row[x] > group.peak { (group.peak, group.peakPlace) = (row[x], (y, x)) }
        x += 1
      }
      group.pixels = x - start
      group.right = x - 1
      group.peakTag = tag(group.peakPlace.x)
      // Runs of the row above that end before this run begins cannot touch later runs either.
      while candidate < above.count, above[candidate].xs.upperBound < start { candidate += 1 }
      var label = -1
      var other = candidate
      while other < above.count, above[other].xs.lowerBound <= x {
        let found = find(above[other].label)
        label = label < 0 ? found : merge(label, found)
        other += 1
      }
      if label < 0 {
        label = stored.count
        parents.append(Int32(label))
        stored.append(group)
      } else {
        stored[label].take(group)
      }
      runs.append(Run(xs: start..<x, label: label))
    }
    above = runs
    y += 1
  }

  private func root(_ label: Int) -> Int {
    var label = label
    while Int(parents[label]) != label { label = Int(parents[label]) }
    return label
  }

  /// Finds the root of a label and halves the path to it.
  private mutating func find(_ label: Int) -> Int {
    var label = label
    while Int(parents[label]) != label {
      parents[label] = parents[Int(parents[label])]
      label = Int(parents[label])
    }
    return label
  }

  /// Merges two groups and returns the smaller label, which survives.
  private mutating func merge(_ a: Int, _ b: Int) -> Int {
    guard a != b else { return a }
    let (kept, gone) = (min(a, b), max(a, b))
    parents[gone] = Int32(kept)
    stored[kept].take(stored[gone])
    return kept
  }
}

extension RowComponents.Group {
  fileprivate mutating func take(_ other: Self) {
    pixels += other.pixels
    sum += other.sum
    left = min(left, other.left)
    right = max(right, other.right)
    top = min(top, other.top)
    bottom = max(bottom, other.bottom)
    if (other.peak, peakPlace.y, peakPlace.x) > (peak, other.peakPlace.y, other.peakPlace.x) {
      (peak, peakPlace, peakTag) = (other.peak, other.peakPlace, other.peakTag)
    }
  }
}
