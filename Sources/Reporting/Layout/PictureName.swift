/// The pictures that are written beside a heatmap.
package enum PictureName: Sendable, Hashable {
  case scan, reconstruction, residual, heatmap, thumbnail
  /// The scan as in its file; only for scans that are shown in color.
  case original
  /// One channel, numbered from 1, if the channels have separate pictures.
  case channel(Int)
  case reconstructedChannel(Int)

  /// The pictures that every scan gets.
  static let always: [PictureName] = [.scan, .reconstruction, .residual, .heatmap, .thumbnail]

  var ending: String {
    switch self {
    case .scan: "scan.png"
    case .original: "original.png"
    case .reconstruction: "reconstruction.png"
    case .residual: "residual.png"
    case .heatmap: "heatmap.png"
    case .thumbnail: "thumbnail.png"
    case .channel(let number): "scan-\(number).png"
    case .reconstructedChannel(let number): "reconstruction-\(number).png"
    }
  }
}
