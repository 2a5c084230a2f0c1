import Imaging

/// A description of one channel of a scan at several scales: means over small cells of its intensity, its derivatives and
/// their energies. Nothing is learned, and no network is needed.
///
/// Every level is half the size of the one before. A level has ten maps: the blurred channel, its two first derivatives
/// and its Laplacian, which have a sign; and the energies of the gradient, the Laplacian, the orientation (difference of
/// the Hessian's eigenvalues, squared), of what the blur took away, and of the two first derivatives. To these come, for
/// every finer level, the energy of the gradient of that level's gradient magnitude: texture of texture.
///
/// Sources: Burt & Adelson 1983, doi:10.1109/TCOM.1983.1095851 (pyramid); Mallat 2012, arXiv:1101.2286 (modulus of a
/// modulus, as in the second layer of a scattering transform).
package struct TexturePyramid {
  /// Levels with a shorter edge are left out.
  private static let leastEdge = 6

  /// Which maps are energies, in the order of `cells`.
  package static func areEnergies(levels: Int) -> [Bool] {
    (0..<levels).flatMap { level in
      [Bool](repeating: false, count: 4) + [Bool](repeating: true, count: 6 + level)
    }
  }

  /// The cells of each map; none for a level that the scan is too small for.
  package let cells: [Plane<Float>]

  /// - Parameters:
  ///   - channel: intensities in units of their spread, without NaN.
  ///   - levels: number of levels.
  ///   - cell: edge of a cell in pixels of the finest level.
  package init(of channel: Plane<Float>, levels: Int, cell: Int) {
    var found: [Plane<Float>] = []
    var picture = channel
    // Gradient magnitudes of the finer levels, each brought to the size of the present one.
    var magnitudes: [Plane<Float>] = []
    for level in 0..<levels {
      guard min(picture.width, picture.height) >= Self.leastEdge else {
        found += [Plane<Float>](repeating: Plane(width: 0, height: 0, values: []), count: 10 + level)
        continue
      }
      let edge = max(1, cell >> level)
      let smooth = picture.smoothed()
      let maps = Self.maps(of: smooth, from: picture)
      found += maps.maps.map { $0.means(ofCells: edge) }
      magnitudes = magnitudes.map { $0.smoothed().halved() }
      found += magnitudes.map { $0.smoothed().gradientEnergy().means(ofCells: edge) }
      magnitudes.append(maps.magnitude)
      picture = smooth.halved()
    }
    cells = found
  }

  /// Kept out of square roots, whose slope has no bound at 0.
  private static let leastEnergy: Float = 1e-4

  private static func maps(
    of smooth: Plane<Float>, from picture: Plane<Float>
  ) -> (maps: [Plane<Float>], magnitude: Plane<Float>) {
    let (width, height) = (smooth.width, smooth.height)
    let count = width * height
    // The maps lie one after the other, so that the loop writes through one pointer.
    var maps = [Float](repeating: 0, count: 10 * count)
    maps.withUnsafeMutableBufferPointer { maps in
      smooth.values.withUnsafeBufferPointer { g in
        picture.values.withUnsafeBufferPointer { fine in
          for y in 0..<height {
            let (up, here, down) = (max(y - 1, 0) * width, y * width, min(y + 1, height - 1) * width)
            for x in 0..<width {
              let (left, right) = (max(x - 1, 0), min(x + 1, width - 1))
              let center = g[here + x]
              let dx = (g[here + right] - g[here + left]) / 2
              let dy = (g[down + x] - g[up + x]) / 2
              let xx = g[here + right] + g[here + left] - 2 * center
              let yy = g[down + x] + g[up + x] - 2 * center
              let xy = (g[down + right] + g[up + left] - g[up + right] - g[down + left]) / 4
              let (laplacian, lost) = (xx + yy, fine[here + x] - center)
              let gradient = dx * dx + dy * dy
              let i = here + x
              maps[i] = dx
              maps[count + i] = dy
              maps[2 * count + i] = laplacian
              maps[3 * count + i] = gradient
              maps[4 * count + i] = laplacian * laplacian
              maps[5 * count + i] = (xx - yy) * (xx - yy) + 4 * xy * xy
              maps[6 * count + i] = lost * lost
              maps[7 * count + i] = dx * dx
              maps[8 * count + i] = dy * dy
              maps[9 * count + i] = (gradient + leastEnergy).squareRoot()
            }
          }
        }
      }
    }
    let planes = (0..<10).map { k in
      Plane(width: width, height: height, values: Array(maps[k * count..<(k + 1) * count]))
    }
    return ([smooth] + planes.dropLast(), planes[9])
  }
}

extension Plane where Value == Float {
  /// Blurred by the binomial kernel [1 4 6 4 1] / 16 along both axes, mirrored at the edges.
  fileprivate func smoothed() -> Plane {
    func mirrored(_ place: Int, _ count: Int) -> Int {
      let place = place < 0 ? -place : place >= count ? 2 * (count - 1) - place : place
      return min(max(place, 0), count - 1)
    }
    var rows = self
    var result = self
    values.withUnsafeBufferPointer { source in
      rows.values.withUnsafeMutableBufferPointer { target in
        let columns = (-2..<width + 2).map { mirrored($0, width) }
        for y in 0..<height {
          let row = y * width
          for x in 0..<width {
            let (a, b) = (source[row + columns[x]], source[row + columns[x + 4]])
            let (c, d) = (source[row + columns[x + 1]], source[row + columns[x + 3]])
            target[row + x] = (a + b + 4 * (c + d) + 6 * source[row + x]) / 16
          }
        }
      }
    }
    rows.values.withUnsafeBufferPointer { source in
      result.values.withUnsafeMutableBufferPointer { target in
        for y in 0..<height {
          let lines = (-2...2).map { mirrored(y + $0, height) * width }
          let (first, second, third, fourth, fifth) = (lines[0], lines[1], lines[2], lines[3], lines[4])
          for x in 0..<width {
            let outer = source[first + x] + source[fifth + x]
            let inner = source[second + x] + source[fourth + x]
            target[third + x] = (outer + 4 * inner + 6 * source[third + x]) / 16
          }
        }
      }
    }
    return result
  }

  /// Means of blocks of 2 x 2 pixels; an odd last row or column is left out.
  fileprivate func halved() -> Plane {
    var result = Plane(width: width / 2, height: height / 2, filledWith: 0)
    let (columns, rows) = (result.width, result.height)
    values.withUnsafeBufferPointer { source in
      result.values.withUnsafeMutableBufferPointer { target in
        for y in 0..<rows {
          for x in 0..<columns {
            let i = 2 * y * width + 2 * x
            target[y * columns + x] = (source[i] + source[i + 1] + (source[i + width] + source[i + width + 1])) / 4
          }
        }
      }
    }
    return result
  }

  fileprivate func gradientEnergy() -> Plane {
    var result = self
    values.withUnsafeBufferPointer { source in
      result.values.withUnsafeMutableBufferPointer { target in
        for y in 0..<height {
          let (up, here, down) = (max(y - 1, 0) * width, y * width, min(y + 1, height - 1) * width)
          for x in 0..<width {
            let dx = (source[here + min(x + 1, width - 1)] - source[here + max(x - 1, 0)]) / 2
            let dy = (source[down + x] - source[up + x]) / 2
            target[here + x] = dx * dx + dy * dy
          }
        }
      }
    }
    return result
  }

  /// Means over square cells. The last cell of a row or column also takes the pixels that fill no cell.
  fileprivate func means(ofCells edge: Int) -> Plane {
    guard edge > 1 else { return self }
    let (columns, rows) = (max(width / edge, 1), max(height / edge, 1))
    var sums = [Float](repeating: 0, count: columns * rows)
    var counts = sums
    values.withUnsafeBufferPointer { source in
      for y in 0..<height {
        let row = min(y / edge, rows - 1) * columns
        for column in 0..<columns {
          let last = column == columns - 1 ? width : (column + 1) * edge
          var sum = sums[row + column]
          for x in column * edge..<last { sum += source[y * width + x] }
          sums[row + column] = sum
          counts[row + column] += Float(last - column * edge)
        }
      }
    }
    return Plane(width: columns, height: rows, values: zip(sums, counts).map(/))
  }
}
