import Foundation

/// A scanner or program that writes TIFF files, and the notes that it leaves in them.
///
/// A new vendor needs a file in this folder and a line in `Vendors.all`. If a vendor answers `nil`, the next vendor
/// that recognizes the file is asked; `Generic` is the last.
protocol Vendor: Sendable {
  /// One word that no other vendor uses.
  static var name: String { get }

  /// Private tags of this vendor that hold single-precision numbers; `TIFFPage.privateNumbers` has their first values
  /// for each page.
  static var privateTags: [UInt32] { get }

  /// - Returns: `nil` if the file's first page has no mark of this vendor.
  init?(firstPage page: TIFFPage)

  /// Number of planes in a file with one page, at least 1. The planes after the first follow it, uncompressed and
  /// without directories of their own.
  var planesOfOnlyPage: Int { get }

  /// Whether strips or tiles that a file leaves out show empty glass.
  var omitsGlass: Bool { get }

  /// Whether a page can be a volume (tag 32997); some scanners write the tag into pictures.
  var hasVolumes: Bool { get }

  /// The role of a page; this is not asked about masks.
  ///
  /// - Parameter file: the structure so far; pages before this one already have their roles.
  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role?

  /// The pictures that levels show at a lower resolution, by the levels' page numbers; sizes decide on levels that are
  /// left out.
  func pictures(ofLevelsIn file: TIFFStructure) -> [Int: Int]

  /// The pixel sizes that the vendor notes outside the resolution tags, by page number, and where it notes them.
  ///
  /// Sizes refer to pages as stored, before the orientation is applied. `nil` for a page means that the vendor says that
  /// its size is unknown, whatever the resolution tags say. A level gets its size from its picture.
  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize?], source: TIFFPage.PixelSizeSource)?

  /// Joins pages that hold the channels of one scan, and records what the file lacks or keeps elsewhere. Every other
  /// picture becomes a scan of its own.
  func arrangeScans(of file: inout TIFFStructure)
}

extension Vendor {
  static var privateTags: [UInt32] { [] }
  var planesOfOnlyPage: Int { 1 }
  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? { nil }
  var omitsGlass: Bool { false }
  var hasVolumes: Bool { true }
  func pictures(ofLevelsIn file: TIFFStructure) -> [Int: Int] { [:] }
  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize?], source: TIFFPage.PixelSizeSource)? { nil }
  func arrangeScans(of file: inout TIFFStructure) {}
}

extension TIFFPage.Role {
  /// - Parameter name: a role's name as several vendors write it, in any case, with or without spaces around it.
  /// - Returns: `nil` for any other name.
  init?(named name: some StringProtocol) {
    switch name.lowercased().trimmingCharacters(in: .whitespacesAndNewlines).replacing("_", with: " ") {
    case "label", "label image", "slide label", "barcode": self = .label
    case "macro", "macro image", "overview", "overview image", "slide preview": self = .macro
    case "thumbnail", "thumbnail image", "thumb": self = .thumbnail
    default: return nil
    }
  }

  /// - Parameter name: the name of a series beside others; a word in it may say what it shows: `slide [label image]`.
  /// - Returns: `nil` for any other name.
  init?(suggestedBy name: String) {
    let roles: [(word: String, role: TIFFPage.Role)] = [
      ("label", .label), ("barcode", .label), ("macro", .macro), ("overview", .macro), ("preview", .macro),
      ("thumbnail", .thumbnail),
    ]
    // Words end where letters end, and before a capital: `SlideLabel`.
    let words = name.replacing(/(?<small>[a-z])(?<capital>[A-Z])/) { "\($0.output.small) \($0.output.capital)" }
      .lowercased().split { !$0.isLetter }
    guard let found = roles.first(where: { words.contains(Substring($0.word)) }) else { return nil }
    self = found.role
  }
}
