/// The layers of a slide that have tiles.
package enum TileLayer: String, Sendable, CaseIterable {
  case scan, heatmap

  /// The file ending of the layer's tiles.
  var format: String { self == .scan ? "jpg" : "png" }
}
