import Foundation

/// A scale bar drawn over a scan with a known pixel size. Its coordinates are in scan pixels.
struct ScaleBar: Sendable {
  let x: Int
  let y: Int
  let length: Int
  let thickness: Int
  let label: String
  let labelSize: Int
  let labelY: Int

  /// Chooses the longest length of 1, 2 or 5 times a power of ten that fits into a quarter of the scan's width.
  init?(width: Int, height: Int, micrometersPerPixel: Double?) {
    guard let size = micrometersPerPixel, size > 0, size.isFinite, width > 0 else { return nil }
    let room = Double(width) * size / 4
    let power = pow(10, log10(room).rounded(.down))
    let micrometers = [5, 2, 1].map { $0 * power }.first { $0 <= room } ?? power
    let side = max(width, height)
    length = max(1, Int((micrometers / size).rounded()))
    thickness = max(1, side / 110)
    labelSize = max(4, side / 22)
    x = side / 32
    y = height - side / 32 - thickness
    labelY = y - max(1, side / 70)
    label =
      switch micrometers {
      case 10_000...: "\(PageText.number(micrometers / 10_000, digits: 0)) cm"
      case 1000...: "\(PageText.number(micrometers / 1000, digits: 0)) mm"
      case 1...: "\(PageText.number(micrometers, digits: 0)) µm"
      default: "\(PageText.number(micrometers * 1000, digits: 0)) nm"
      }
  }
}
