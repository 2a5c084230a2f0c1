import Files

/// Slides from Leica's scanners (SCN).
///
/// Recognized by the namespace of the XML in the first page's description. The XML lists the areas that were scanned,
/// the page of each channel, slice and level of an area, and the area's size in nanometers. An area as large as nearly
/// the whole slide is the macro image, which shows the label. A page that the XML does not name is no scan.
/// Source: openslide.org/formats/leica.
struct Leica: Vendor {
  static let name = "Leica"

  /// A page of an area.
  private struct Plane {
    var page: Int
    var level: Int
    var channel: Int
    var slice: Int
  }

  private struct Area {
    var isWholeSlide = false
    var nanometers: (x: Double, y: Double)?
    var planes: [Plane] = []
    var channels: [String] = []

    /// The planes of a level, by slice, in the order of their channels.
    func planes(ofLevel level: Int) -> [[Plane]] {
      Dictionary(grouping: planes.filter { $0.level == level }, by: \.slice).sorted { $0.key < $1.key }
        .map { $0.value.sorted { ($0.channel, $0.page) < ($1.channel, $1.page) } }
    }
  }

  private let areas: [Area]

  init?(firstPage page: TIFFPage) {
    guard let text = page.description, text.contains("leica-microsystems.com/scn/") else { return nil }
    var areas: [Area] = []
    var slide = (x: 0.0, y: 0.0)
    _ = XMLElements.read(
      text,
      visit: { element, attributes in
        func size(_ keys: (String, String)) -> (x: Double, y: Double)? {
          guard let x = attributes[keys.0].flatMap({ Double(noted: $0) }),
            let y = attributes[keys.1].flatMap({ Double(noted: $0) }),
            x > 0, y > 0
          else { return nil }
          return (x, y)
        }
        func number(_ key: String) -> Int { attributes[key].flatMap { Int($0) } ?? 0 }
        switch element {
        case "collection": slide = size(("sizeX", "sizeY")) ?? slide
        case "image": areas.append(Area())
        case "view" where !areas.isEmpty:
          guard let seen = size(("sizeX", "sizeY")) else { return }
          areas[areas.count - 1].nanometers = seen
          // Where the size of the slide is not stated, an area could be all of it.
          areas[areas.count - 1].isWholeSlide =
            slide.x == 0 || (seen.x > Self.wholeShare * slide.x && seen.y > Self.wholeShare * slide.y)
        case "dimension" where !areas.isEmpty:
          guard let page = attributes["ifd"].flatMap({ Int($0) }), (0..<TIFFLimits.default.maximumPages).contains(page)
          else { return }
          areas[areas.count - 1].planes.append(
            Plane(page: page + 1, level: number("r"), channel: number("c"), slice: number("z")))
        case "channel" where !areas.isEmpty:
          if let name = attributes["name"] { areas[areas.count - 1].channels.append(name) }
        default: break
        }
      })
    self.areas = areas
    for (number, area) in areas.enumerated() {
      for plane in area.planes where places[plane.page] == nil { places[plane.page] = (number, plane) }
    }
  }

  /// An area that covers more than this share of the slide in both directions is the macro image.
  private static let wholeShare = 0.9
  /// Area and place of each page, by its number.
  private var places: [Int: (area: Int, plane: Plane)] = [:]

  var omitsGlass: Bool { true }

  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? {
    guard let (area, plane) = places[page.number] else { return .unknown }
    return areas[area].isWholeSlide ? .macro : plane.level == 0 ? .image : .pyramidLevel
  }

  func pictures(ofLevelsIn file: TIFFStructure) -> [Int: Int] {
    var result: [Int: Int] = [:]
    for area in areas {
      var pictures: [[Int]: Int] = [:]
      for plane in area.planes where plane.level == 0 { pictures[[plane.channel, plane.slice]] = plane.page }
      for plane in area.planes where plane.level > 0 { result[plane.page] = pictures[[plane.channel, plane.slice]] }
    }
    return result
  }

  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize?], source: TIFFPage.PixelSizeSource)? {
    var sizes: [Int: PixelSize?] = [:]
    for area in areas {
      guard let nanometers = area.nanometers else { continue }
      for plane in area.planes where plane.level == 0 && file.pages.indices.contains(plane.page - 1) {
        let page = file.pages[plane.page - 1]
        guard page.storedWidth > 0, page.storedHeight > 0 else { continue }
        sizes[plane.page] = PixelSize(
          x: nanometers.x / 1000 / Double(page.storedWidth), y: nanometers.y / 1000 / Double(page.storedHeight))
      }
    }
    return (sizes, .leica)
  }

  func arrangeScans(of file: inout TIFFStructure) {
    if let last = places.keys.max(), last > file.chained {
      file.lack = "its XML names page \(last), \(Count.of(file.chained, "page")) can be found"
    }
    for area in areas where !area.isWholeSlide {
      for slice in area.planes(ofLevel: 0) where slice.count > 1 {
        file.join(slice.map(\.page), names: area.channels.count == slice.count ? area.channels : [])
      }
    }
  }
}

extension TIFFPage.PixelSizeSource {
  package static let leica = Self(rawValue: "Leica view size")
}
