/// What a slide has tiles of.
package enum TileLayer: String, Sendable, CaseIterable {
  case scan, heatmap

  /// The ending of its tiles.
  var format: String { self == .scan ? "jpg" : "png" }
}
