/// The ways a page looks at a scan's picture: its lightness, or one of the channels that share its colors.
///
/// Each is a matrix of CSS's `feColorMatrix` (W3C Filter Effects Module Level 1, section 9.6) in sRGB, so that no picture is
/// stored twice.
struct ChannelViews: Sendable {
  struct View: Sendable {
    /// Name of the filter, and of the class that asks for it.
    let id: String
    /// Twenty numbers, row by row.
    let matrix: String
    /// Whether the page's window and level apply.
    let isWindowed: Bool
  }

  let views: [View]

  static let light = "view-light"
  /// The lightness that no window changes, as a difference needs it.
  static let plain = "view-plain"
  static let color = "view-color"
  static func channel(_ number: Int) -> String { "view-\(number)" }

  /// - Parameter emphasis: how much each channel counts; `nil` counts all alike.
  init(channels: Int, _ display: ScanDisplay, emphasis: [Float]?) {
    let isPacked = channels == 3 || (channels == 2 && display == .channels)
    let weights =
      isPacked ? Self.lightness(channels: channels, display, emphasis: emphasis) : [1]
    let light = Self.matrix(weights)
    views =
      [
        View(id: Self.light, matrix: light, isWindowed: true), View(id: Self.plain, matrix: light, isWindowed: false),
        View(id: Self.color, matrix: "1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0", isWindowed: true),
      ]
      + (isPacked ? 0..<channels : 0..<0).map { channel in
        View(
          id: Self.channel(channel + 1), matrix: Self.matrix((0..<channels).map { $0 == channel ? 1 : 0 }),
          isWindowed: true)
      }
  }

  /// How much each channel counts where one gray picture stands for all.
  static func lightness(channels: Int, _ display: ScanDisplay, emphasis: [Float]?) -> [Float] {
    switch (channels, display) {
    // Weights of relative luminance (ITU-R BT.709-6, item 3.2), as CSS's grayscale filter has them.
    case (3, .color): [0.2126, 0.7152, 0.0722]
    case (_, .color): [1]
    case (_, .channels): emphasis ?? [Float](repeating: 1 / Float(channels), count: channels)
    }
  }

  /// The same weighted sum for red, green and blue.
  private static func matrix(_ weights: [Float]) -> String {
    let row = (0..<3).map { $0 < weights.count ? String(weights[$0]) : "0" }.joined(separator: " ") + " 0 0"
    return "\(row) \(row) \(row) 0 0 0 1 0"
  }
}
