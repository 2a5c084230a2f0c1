import Foundation

/// A scanner or a program that writes TIFF files, and what it notes in them in a way of its own.
///
/// A new one is a file in this folder and a line in `Vendors.all`. An answer of `nil` leaves the question to the next vendor
/// that recognizes the file; `Generic` is the last.
protocol Vendor: Sendable {
  /// One word, different from all others.
  static var name: String { get }

  /// Tags of numbers in single precision that no standard knows; each page has their first values in
  /// `TIFFPage.privateNumbers`.
  static var privateTags: [UInt32] { get }

  /// - Returns: `nil` where the file's first page bears no mark of this vendor.
  init?(firstPage page: TIFFPage)

  /// Planes of a file with one page, at least 1: those after the first lie behind it, uncompressed and without directories of
  /// their own.
  var planesOfOnlyPage: Int { get }

  /// What a page is to the others; masks are not asked about.
  ///
  /// - Parameter file: the pages before this one have their roles already.
  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role?

  /// Edges of pixels that the vendor notes outside the resolution tags, by the number of the page, and where it notes them.
  ///
  /// Pages are meant as they are stored, before the orientation is applied. A level takes its size from its picture.
  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize], source: TIFFPage.PixelSizeSource)?

  /// Joins pages that hold the channels of one scan, and tells of what the file lacks. Every other picture is a scan itself.
  func arrangeScans(of file: inout TIFFStructure)
}

extension Vendor {
  static var privateTags: [UInt32] { [] }
  var planesOfOnlyPage: Int { 1 }
  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? { nil }
  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize], source: TIFFPage.PixelSizeSource)? { nil }
  func arrangeScans(of file: inout TIFFStructure) {}
}

extension TIFFPage.Role {
  /// - Parameter name: as several vendors write it, in any case and between any blanks.
  /// - Returns: `nil` for any other name.
  init?(named name: some StringProtocol) {
    switch name.lowercased().trimmingCharacters(in: .whitespaces) {
    case "label", "label image": self = .label
    case "macro", "macro image", "overview": self = .macro
    case "thumbnail", "thumb": self = .thumbnail
    default: return nil
    }
  }
}
