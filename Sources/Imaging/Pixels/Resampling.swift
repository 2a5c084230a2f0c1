import Foundation

extension Image {
  /// Box reduction: every pixel is the mean of `factor` by `factor` pixels, leaving out NaN.
  ///
  /// The size is rounded up; a last box that reaches beyond the picture repeats its edge. A box with only NaN stays
  /// NaN.
  package func reduced(by factor: Int) -> Image {
    precondition(factor >= 1, "reduction by \(factor)")
    if factor == 1 { return self }
    let (newWidth, newHeight) = ((width + factor - 1) / factor, (height + factor - 1) / factor)
    var result = Image(
      width: newWidth, height: newHeight, channels: channels,
      pixelSize: pixelSize?.multiplied(by: factor))
    samples.withUnsafeBufferPointer { source in
      result.samples.withUnsafeMutableBufferPointer { target in
        for y in 0..<newHeight {
          for x in 0..<newWidth {
            for channel in 0..<channels {
              var sum: Float = 0
              var count: Float = 0
              for row in 0..<factor {
                let line = min(y * factor + row, height - 1) * width
                for column in 0..<factor {
                  let value = source[(line + min(x * factor + column, width - 1)) * channels + channel]
                  if value == value {
                    sum += value
                    count += 1
                  }
                }
              }
              target[(y * newWidth + x) * channels + channel] = count > 0 ? sum / count : .nan
            }
          }
        }
      }
    }
    return result
  }

  /// Resizes by bilinear interpolation between pixel centers (`align_corners` false), with edges repeated.
  package func resized(width newWidth: Int, height newHeight: Int) -> Image {
    precondition(width > 0 && height > 0 && newWidth > 0 && newHeight > 0, "resizing to \(newWidth)x\(newHeight)")
    if newWidth == width && newHeight == height { return self }
    let columns = Self.interpolation(from: width, to: newWidth)
    let rows = Self.interpolation(from: height, to: newHeight)
    var result = Image(
      width: newWidth, height: newHeight, channels: channels,
      pixelSize: pixelSize.map {
        PixelSize(x: $0.x * Double(width) / Double(newWidth), y: $0.y * Double(height) / Double(newHeight))
      })
    let stride = newWidth * channels
    samples.withUnsafeBufferPointer { source in
      result.samples.withUnsafeMutableBufferPointer { target in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * stride) { wide in
          // The two old rows around a new row, already resized to the new width; most of them serve several new rows.
          var (upper, lower) = (wide.baseAddress!, wide.baseAddress! + stride)
          var (upperRow, lowerRow) = (-1, -1)
          func widen(_ row: Int, into line: UnsafeMutablePointer<Float>) {
            for x in 0..<newWidth {
              let (left, right, across) = columns[x]
              for channel in 0..<channels {
                let old = row * width * channels + channel
                line[x * channels + channel] = Self.mix(
                  source[old + left * channels], source[old + right * channels], across)
              }
            }
          }
          for y in 0..<newHeight {
            let (top, bottom, down) = rows[y]
            if top == lowerRow { swap(&upper, &lower); swap(&upperRow, &lowerRow) }
            if top != upperRow { widen(top, into: upper); upperRow = top }
            if bottom != lowerRow { widen(bottom, into: lower); lowerRow = bottom }
            Self.mix(upper, lower, down, count: stride, into: target.baseAddress! + y * stride)
          }
        }
      }
    }
    return result
  }

  /// Separable Gaussian blur, cut off at three standard deviations, with edges repeated.
  ///
  /// A NaN spreads over the width of the kernel, so replace NaN first.
  ///
  /// - Parameter sigma: standard deviation in pixels; zero leaves the picture unchanged.
  package func blurred(sigma: Float) -> Image {
    precondition(sigma >= 0, "blur of \(sigma)")
    if sigma == 0 || samples.isEmpty { return self }
    let radius = max(1, Int((3 * sigma).rounded(.up)))
    let weights = (-radius...radius).map { exp(-Float($0 * $0) / (2 * sigma * sigma)) }
    let kernel = weights.map { $0 / weights.reduce(0, +) }
    var result = self
    var half = [Float](repeating: 0, count: samples.count)
    // A row with its edges repeated, so that every tap reads contiguous samples.
    var padded = [Float](repeating: 0, count: (width + 2 * radius) * channels)
    half.withUnsafeMutableBufferPointer { half in
      samples.withUnsafeBufferPointer { source in
        padded.withUnsafeMutableBufferPointer { padded in
          for y in 0..<height {
            let line = y * width * channels
            for x in 0..<width + 2 * radius {
              let from = line + min(max(x - radius, 0), width - 1) * channels
              for channel in 0..<channels { padded[x * channels + channel] = source[from + channel] }
            }
            Self.weighted(kernel, count: width * channels, into: half.baseAddress! + line) {
              UnsafePointer(padded.baseAddress!) + $0 * channels
            }
          }
        }
      }
      result.samples.withUnsafeMutableBufferPointer { target in
        let stride = width * channels
        for y in 0..<height {
          Self.weighted(kernel, count: stride, into: target.baseAddress! + y * stride) {
            UnsafePointer(half.baseAddress!) + min(max(y + $0 - radius, 0), height - 1) * stride
          }
        }
      }
    }
    return result
  }

  /// Weighted sum of the rows of all taps, `count` samples each; sums stay in registers from tap to tap.
  private static func weighted(
    _ kernel: [Float], count: Int, into target: UnsafeMutablePointer<Float>, row: (Int) -> UnsafePointer<Float>
  ) {
    typealias Lanes = SIMD16<Float>
    let rows = kernel.indices.map(row)
    let whole = count - count % Lanes.scalarCount
    for first in stride(from: 0, to: whole, by: Lanes.scalarCount) {
      var sum = Lanes.zero
      for tap in kernel.indices {
        sum += kernel[tap] * UnsafeRawPointer(rows[tap] + first).loadUnaligned(as: Lanes.self)
      }
      UnsafeMutableRawPointer(target + first).storeBytes(of: sum, as: Lanes.self)
    }
    for index in whole..<count {
      var sum: Float = 0
      for tap in kernel.indices { sum += kernel[tap] * rows[tap][index] }
      target[index] = sum
    }
  }

  private static func mix(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ share: Float, count: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    guard share > 0, share < 1 else { return target.update(from: share == 0 ? a : b, count: count) }
    for index in 0..<count { target[index] = a[index] + (b[index] - a[index]) * share }
  }

  /// Interpolates; a weight of zero must not let a neighbouring NaN in.
  private static func mix(_ a: Float, _ b: Float, _ share: Float) -> Float {
    share == 0 ? a : share == 1 ? b : a + (b - a) * share
  }

  /// For every new pixel, the two old pixels around its center and the weight of the second.
  private static func interpolation(from old: Int, to new: Int) -> [(first: Int, second: Int, share: Float)] {
    (0..<new).map { index in
      let place = (Double(index) + 0.5) * Double(old) / Double(new) - 0.5
      let clipped = min(max(place, 0), Double(old - 1))
      let first = Int(clipped)
      return (first, min(first + 1, old - 1), Float(clipped - Double(first)))
    }
  }
}
