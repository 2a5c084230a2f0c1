import Foundation
import Imaging
import Testing

struct ColorMapTests {
  /// CIE lightness of an sRGB colour, 0...100.
  private func lightness(_ color: (red: UInt8, green: UInt8, blue: UInt8)) -> Double {
    func linear(_ byte: UInt8) -> Double {
      let value = Double(byte) / 255
      return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
    let y = 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue)
    return y > 0.008856 ? 116 * cbrt(y) - 16 : 903.3 * y
  }

  @Test(arguments: ColorMap.allCases)
  func `lightness grows evenly`(map: ColorMap) {
    let steps = (0...16).map { lightness(map.rgb(at: Float($0) / 16)) }
    let growth = zip(steps, steps.dropFirst()).map { $1 - $0 }
    let mean = growth.reduce(0, +) / Double(growth.count)
    // Linear interpolation between anchors and black's flat start cost evenness, never order.
    #expect(growth.allSatisfy { $0 > 0.4 * mean && $0 < 1.6 * mean }, "\(growth)")
  }

  @Test func `values outside the range are clipped and no data is lowest`() {
    #expect(ColorMap.magma.rgb(at: -1) == (0, 0, 4))
    #expect(ColorMap.magma.rgb(at: .nan) == (0, 0, 4))
    #expect(ColorMap.magma.rgb(at: 7) == (252, 253, 191))
    #expect(ColorMap.magma.rgb(at: 1) == (252, 253, 191))
    #expect(ColorMap.viridis.rgb(at: 0.5) == (33, 144, 141))
    #expect(ColorMap.gray.rgb(at: 0.2) == (51, 51, 51))
  }
}
