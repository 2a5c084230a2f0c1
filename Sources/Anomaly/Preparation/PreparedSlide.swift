import Compute
import Files
import Foundation
import Imaging
import Threads

/// A slide with everything needed to bring any part of it onto the model's grid.
package struct PreparedSlide: Sendable {
  package let slide: Slide
  let factor: Int
  let tissue: SlideTissue
  let normalization: Normalization
  let parameters: NormalizationParameters
  /// See `PreparedScan.sharedUnits`.
  let sharedUnits: SharedUnits?
  /// Fields of view that show tissue; the appearance of the whole slide is measured on them.
  package let fields: [PreparedScan]
  /// The whole slide, normalized, at most `SlideSurvey.longestEdge` pixels along the longer edge; `nil` if it is not
  /// kept.
  package var overview: Image?
  /// Why the slide is not scored; `nil` where it is. It is judged by its overview.
  package let nothingToScore: NothingToScore?

  /// Width of the model's grid.
  package var width: Int { tissue.width }
  package var height: Int { tissue.height }
  package var channels: Int { parameters.offset.count }

  /// Edge lengths of a pixel of the grid in pixels of the scan at its full size.
  package var downsample: (x: Double, y: Double) {
    let full = slide.levels[0]
    return (
      Double(factor) * Double(full.width) / Double(slide.level.width),
      Double(factor) * Double(full.height) / Double(slide.level.height)
    )
  }

  /// - Parameter part: part of the slide on the model's grid.
  package func normalized(_ part: Image) -> Image { normalization.apply(parameters, to: part) }

  /// Size of a pixel of the model's grid; `nil` where the file does not say.
  package var pixelSize: PixelSize? { slide.level.pixelSize?.multiplied(by: factor) }
}

extension Preparation {
  /// Reads where a slide's tissue is, and fields of view in the tissue.
  package func survey(_ slide: Slide) throws(ScanFault) -> SlideSurvey {
    guard localContrast == nil else {
      throw ScanFault(
        NormaError(
          subject: slide.path,
          found: "it has \(slide.level.width)x\(slide.level.height) pixels, too many to be held whole, which "
            + "--local-contrast needs", remedy: "Reduce it first, or choose a smaller --level"))
    }
    do throws(NormaError) {
      return try SlideSurvey(
        of: slide, factor: factor(for: slide.level.pixelSize), channels: tissueChannels,
        appearing: tissueAppearance ?? .bright)
    } catch { throw ScanFault(error) }
  }

  /// Normalizes a slide by itself, whatever else its case holds, unless the training set determined the parameters.
  package func prepare(_ survey: SlideSurvey, keepsOverview: Bool = true) -> PreparedSlide {
    let masks = survey.fieldAreas.map { survey.tissue.mask(of: $0) }
    // Fields lie in tissue: only the overview shows the background.
    let parameters = normalization.parameters(
      of: survey.fields + [survey.overview], tissue: masks.map(\.mask) + [survey.overviewMask])
    let units = sharedUnits(from: parameters)
    let fields = Parallel.map(survey.fields.count) { i in
      PreparedScan(
        image: normalization.apply(parameters, to: survey.fields[i]), tissue: masks[i].mask, depth: masks[i].depth,
        appearance: Appearance(of: survey.fields[i], tissue: masks[i].mask, depth: masks[i].mask.depth),
        sharedUnits: units)
    }
    return PreparedSlide(
      slide: survey.slide, factor: survey.factor, tissue: survey.tissue, normalization: normalization,
      parameters: parameters, sharedUnits: units, fields: fields,
      overview: keepsOverview ? normalization.apply(parameters, to: survey.overview) : nil,
      nothingToScore: survey.nothingToScore)
  }
}

extension SlideTissue {
  /// The mask of the tissue in an area of the grid, and each pixel's distance to the tissue's edge.
  func mask(of area: PixelRectangle) -> (mask: TissueMask, depth: Plane<Float>) {
    var depth = Plane<Float>(width: area.width, height: area.height, filledWith: 0)
    depth.values.withUnsafeMutableBufferPointer { depth in
      for row in 0..<area.height {
        depths(
          atY: area.y + row, xs: area.x..<area.x + area.width, into: depth.baseAddress! + row * area.width, stride: 1)
      }
    }
    return (depth.map { $0 > 0 }, depth)
  }
}
