import Anomaly
import Imaging
import Testing

struct LocalContrastTests {
  private static let edge = 96

  /// A disk of tissue whose brightness rises from left to right, with a dark spot on either side.
  private static var uneven: Image {
    var image = Image(width: edge, height: edge, channels: 1)
    for y in 0..<edge {
      for x in 0..<edge {
        let (dx, dy) = (Float(x) - 47.5, Float(y) - 47.5)
        guard dx * dx + dy * dy < 44 * 44 else { continue }
        image[x, y] = 100 + Float(x) + Float((x * 7 + y * 13) % 5)
        if abs(dy) < 2.5, abs(abs(dx) - 25) < 2.5 { image[x, y] -= 30 }
      }
    }
    return image
  }

  private func spots(_ sigma: Float?) -> (left: Float, right: Float) {
    let preparation = Preparation(
      normalization: Normalization(method: .robust), reduction: 1, channels: 1, localContrast: sigma)
    let image = preparation.prepare([Self.uneven])[0].scan.image
    return (image[22, 47], image[72, 47])
  }

  @Test func `equal spots on an uneven background look alike where the local mean is subtracted`() {
    let plain = spots(nil)
    #expect(plain.right - plain.left > 0.1)
    let local = spots(12)
    #expect(abs(local.right - local.left) < 0.02)
    #expect(local.left < 0.3 && local.right < 0.3)
  }
}
