/// Groups of touching `true` pixels.
///
/// Found in two passes with union-find. Components are numbered in the reading order of their first pixels.
package struct ConnectedComponents: Sendable, Equatable {
  package enum Connectivity: Sendable {
    /// Pixels touch if they share a side.
    case four
    /// Pixels touch if they share a side or a corner.
    case eight
  }

  package struct Component: Sendable, Equatable {
    package var pixels: Int
    package var bounds: PixelRectangle
  }

  package let components: [Component]
  /// 0 for every pixel outside components, else the component's index plus one.
  package let labels: Plane<Int32>

  package init(of pixels: Plane<Bool>, connectivity: Connectivity = .eight) {
    let (width, height, isSet) = (pixels.width, pixels.height, pixels.values)
    var labels = [Int32](repeating: 0, count: isSet.count)
    var parents: [Int32] = [0]

    func root(of label: Int32) -> Int32 {
      var label = label
      while parents[Int(label)] != label {
        parents[Int(label)] = parents[Int(parents[Int(label)])]
        label = parents[Int(label)]
      }
      return label
    }

    for y in 0..<height {
      for x in 0..<width where isSet[y * width + x] {
        let index = y * width + x
        var label: Int32 = 0
        func join(_ neighbour: Int) {
          guard labels[neighbour] != 0 else { return }
          let other = root(of: labels[neighbour])
          if label == 0 {
            label = other
          } else if other != label {
            // Keep the smaller label, so that numbers follow reading order.
            parents[Int(max(label, other))] = min(label, other)
            label = min(label, other)
          }
        }
        if x > 0 { join(index - 1) }
        if y > 0 {
          join(index - width)
          if connectivity == .eight {
            if x > 0 { join(index - width - 1) }
            if x + 1 < width { join(index - width + 1) }
          }
        }
        if label == 0 {
          label = Int32(parents.count)
          parents.append(label)
        }
        labels[index] = label
      }
    }

    var numbers = [Int32](repeating: 0, count: parents.count)
    var found: [Component] = []
    for y in 0..<height {
      for x in 0..<width where labels[y * width + x] != 0 {
        let top = Int(root(of: labels[y * width + x]))
        if numbers[top] == 0 {
          found.append(Component(pixels: 0, bounds: PixelRectangle(x: x, y: y, width: 1, height: 1)))
          numbers[top] = Int32(found.count)
        }
        labels[y * width + x] = numbers[top]
        found[Int(numbers[top]) - 1].add(x: x, y: y)
      }
    }
    self.components = found
    self.labels = Plane(width: width, height: height, values: labels)
  }
}

extension ConnectedComponents.Component {
  fileprivate mutating func add(x: Int, y: Int) {
    pixels += 1
    let right = max(bounds.x + bounds.width, x + 1)
    bounds.x = min(bounds.x, x)
    bounds.width = right - bounds.x
    bounds.height = y + 1 - bounds.y
  }
}
