import Foundation

/// What slide scanners note about their pages, each in its own way.
enum SlideDescription {
  /// Role of a page whose writer gives it a name; `nil` where nothing is said.
  static func role(of page: TIFFPage, first: TIFFPage) -> TIFFPage.Role? {
    let text = page.description ?? ""
    if first.description?.hasPrefix("Aperio") == true {
      // The second line begins with the kind; the thumbnail has none and is the one other picture in strips.
      let line = text.split(whereSeparator: \.isNewline).dropFirst().first ?? ""
      if let named = role(named: String(line.prefix { $0 != " " })) { return named }
      return page.number > 1 && page.number <= first.number + 1 && !page.isTiled ? .thumbnail : nil
    }
    if first.software?.hasPrefix("Philips") == true, page.number > 1 {
      return role(named: String(text.prefix { $0.isLetter }))
    }
    if first.make?.hasPrefix("Hamamatsu") == true, let lens = page.sourceLens {
      if lens < 0 { return lens == -1 ? .macro : .thumbnail }
      // Levels are strips as the picture is, and no tag but the lens's magnification tells them apart.
      return page.width < first.width ? .pyramidLevel : nil
    }
    return nil
  }

  static func role(named name: String) -> TIFFPage.Role? {
    switch name.lowercased().trimmingCharacters(in: .whitespaces) {
    case "label", "label image": .label
    case "macro", "macro image", "overview": .macro
    case "thumbnail", "thumb": .thumbnail
    default: nil
    }
  }

  /// Edge of a pixel as the scanner notes it for its largest page.
  static func pixelSize(of page: TIFFPage) -> (value: PixelSize, source: TIFFPage.PixelSizeSource)? {
    let text = page.description ?? ""
    if text.hasPrefix("Aperio") {
      for field in text.split(separator: "|") {
        let parts = field.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
        if parts.count == 2, parts[0] == "MPP", let value = Double(parts[1]), value > 0, value.isFinite {
          return (PixelSize(x: value, y: value), .aperio)
        }
      }
    }
    if page.software?.hasPrefix("Philips") == true,
      let tag = text.range(of: "Name=\"DICOM_PIXEL_SPACING\""),
      let end = text[tag.upperBound...].range(of: "</Attribute>")
    {
      // Millimeters between rows, then between columns, each in quotation marks of its own.
      let numbers = text[tag.upperBound..<end.lowerBound].split { !("0"..."9" ~= $0 || ".eE-+".contains($0)) }
        .compactMap { Double($0) }.suffix(2)
      if numbers.count == 2, let y = numbers.first, let x = numbers.last, x > 0, y > 0, x.isFinite, y.isFinite {
        return (PixelSize(x: 1000 * x, y: 1000 * y), .philips)
      }
    }
    return nil
  }
}
