/// The ways in which a page can show a scan's picture: its lightness, its colors, or one of the channels that are
/// stored as its colors.
///
/// Each view is a matrix of CSS's `feColorMatrix` (W3C Filter Effects Module Level 1, section 9.6) in sRGB, so that no
/// picture is stored twice.
struct ChannelViews: Sendable {
  struct View: Sendable {
    /// Name of the filter and of the CSS class that applies it.
    let id: String
    /// The twenty numbers of the matrix, row by row.
    let matrix: String
    /// Whether the page's window and level apply.
    let isWindowed: Bool
  }

  let views: [View]

  static let light = "view-light"
  /// The lightness without the page's window and level, for the difference panel.
  static let plain = "view-plain"
  static let color = "view-color"
  static func channel(_ number: Int) -> String { "view-\(number)" }

  /// - Parameter emphasis: the weight of each channel in the lightness; `nil` if all channels count alike.
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

  /// The weight of each channel in the one gray picture that shows all channels.
  static func lightness(channels: Int, _ display: ScanDisplay, emphasis: [Float]?) -> [Float] {
    switch (channels, display) {
    // The weights of relative luminance (ITU-R BT.709-6, item 3.2), which CSS's grayscale filter also uses.
    case (3, .color): [0.2126, 0.7152, 0.0722]
    case (_, .color): [1]
    case (_, .channels): emphasis ?? [Float](repeating: 1 / Float(channels), count: channels)
    }
  }

  /// A matrix that gives red, green and blue the same weighted sum of channels.
  private static func matrix(_ weights: [Float]) -> String {
    let row = (0..<3).map { $0 < weights.count ? String(weights[$0]) : "0" }.joined(separator: " ") + " 0 0"
    return "\(row) \(row) \(row) 0 0 0 1 0"
  }
}
