import Foundation

/// The description that ImageJ writes for a stack: lines of `key=value`, the first of which is `ImageJ=version`.
struct ImageJDescription {
  private let values: [Substring: Substring]

  init?(_ text: String) {
    guard text.hasPrefix("ImageJ=") else { return nil }
    var values: [Substring: Substring] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      guard let sign = line.firstIndex(of: "=") else { continue }
      values[line[..<sign]] = line[line.index(after: sign)...]
    }
    self.values = values
  }

  private func count(_ key: Substring) -> Int { values[key].flatMap { Int($0) }.map { max($0, 1) } ?? 1 }

  /// Number of planes of the stack. Each has a page, or they follow each other behind a single page.
  var images: Int { count("images") }
  var channels: Int { count("channels") }

  /// The pages of the channels of a slice. From plane to plane the channel changes fastest, then the slice, then the
  /// frame, unless the description says otherwise: `order=zct`.
  ///
  /// - Parameters:
  ///   - slice: counts the slices of all frames.
  ///   - all: number of slices of all frames.
  func pages(ofSlice slice: Int, of all: Int) -> [Int] {
    let frames = all % count("frames") == 0 ? count("frames") : 1
    let slices = all / frames
    let place: [Character: Int] = ["z": slice % slices, "t": slice / slices]
    let sizes: [Character: Int] = ["c": channels, "z": slices, "t": frames]
    let order = Array((values["order"] ?? "czt").lowercased().filter { "czt".contains($0) })
    let axes: [Character] = Set(order).count == 3 && order.count == 3 ? order : ["c", "z", "t"]
    return (0..<channels).map { channel in
      var (page, step) = (1, 1)
      for axis in axes {
        page += (axis == "c" ? channel : place[axis]!) * step
        step *= sizes[axis]!
      }
      return page
    }
  }

  /// The unit of the resolution tags (pixels per unit), as it is written; `nil` if the description names none.
  var unitName: String? { values["unit"].map { $0.trimmingCharacters(in: .whitespaces) } }
  /// The unit as a length; `nil` if it is none.
  var unit: LengthUnit? { unitName.flatMap { LengthUnit($0) } }
}
