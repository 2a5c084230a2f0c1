import Files

/// OME-TIFF, which Bio-Formats and most microscopy programs write.
///
/// Recognized by OME-XML in the first page's description. The XML states which pages are the channels of which slice,
/// and names each series, including a label or macro image. The pixel size is the physical size of the series.
/// Source: the OME-TIFF specification and OME schema 2016-06.
struct OME: Vendor {
  static let name = "OME"

  private let description: OMEDescription

  init?(firstPage page: TIFFPage) {
    guard let description = OMEDescription(page.description ?? "", samplesPerPixel: page.samplesPerPixel) else {
      return nil
    }
    self.description = description
  }

  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize?], source: TIFFPage.PixelSizeSource)? {
    var sizes: [Int: PixelSize?] = [:]
    for (series, planes) in zip(description.series, planes(in: file)) where series.states {
      for plane in planes { sizes.updateValue(series.pixelSize, forKey: plane.page + 1) }
    }
    // Of a file that was renamed, one size for all series is that of every page.
    if description.isStranger(file.name), let size = description.series.first?.pixelSize,
      description.series.allSatisfy({ $0.pixelSize == size })
    {
      for page in file.pages[..<file.chained] { sizes[page.number] = size }
    }
    return (sizes, .omeXML)
  }

  func arrangeScans(of file: inout TIFFStructure) {
    if let companion = description.companion, description.series.isEmpty {
      file.notes.append(
        "its OME-XML is in \(companion), which norma does not read, so that channels, their names and the size of a "
          + "pixel are not known")
    }
    if description.isStranger(file.name) {
      file.notes.append(
        "its OME-XML describes files of other names, so that its channels and their names are not known; every page is "
          + "read as a scan")
    }
    // A page that a series names is a picture, whatever the sizes of the other series are.
    let planesOfSeries = planes(in: file)
    if description.series.count > 1 {
      for plane in planesOfSeries.joined() { file.makePicture(plane.page + 1) }
    }
    for (series, planes) in zip(description.series, planesOfSeries) {
      let slices = Dictionary(grouping: planes) { [$0.t, $0.z] }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      let names = series.channels.compactMap(\.name)
      for (_, slice) in slices {
        let ordered = slice.sorted { ($0.c, $0.page) < ($1.c, $1.page) }
        guard ordered.count == series.pagesPerPlane, ordered.enumerated().allSatisfy({ $0 == $1.c }) else {
          let channels = Count.of(series.pagesPerPlane, "channel")
          guard description.isSpread(series, file: file.name) else {
            file.lack = "its OME-XML describes \(channels) a slice, of which some have no page"
            continue
          }
          let note =
            "its OME-XML describes \(channels) a slice, of which some are in other files; norma does not put files "
            + "together, so that every channel here is read as a scan"
          if !file.notes.contains(note) { file.notes.append(note) }
          for plane in ordered {
            file.join(
              [plane.page + 1],
              names: series.channels.indices.contains(plane.c) ? [series.channels[plane.c].name].compactMap { $0 } : [])
          }
          continue
        }
        file.join(ordered.map { $0.page + 1 }, names: names.count == series.sizeC ? names : [])
      }
      if let name = series.name, description.series.count > 1,
        let role = TIFFPage.Role(named: name) ?? TIFFPage.Role(suggestedBy: name)
      {
        file.setAside(planes.map { $0.page + 1 }, as: role)
        if TIFFPage.Role(named: name) == nil {
          file.notes.append("its series '\(name)' is taken for a \(role.rawValue) by its name, and left out")
        }
      }
    }
  }

  /// The planes of each series.
  private func planes(in file: TIFFStructure) -> [[OMEDescription.Plane]] {
    description.planes(file: file.name, pages: file.chained)
  }
}

extension TIFFPage.PixelSizeSource {
  package static let omeXML = Self(rawValue: "OME-XML")
}
