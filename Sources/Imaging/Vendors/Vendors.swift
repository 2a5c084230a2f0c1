/// The formats that norma knows.
package enum Vendors {
  /// In the order in which they are asked: descriptions of all pages come before notes on single ones.
  static let all: [any Vendor.Type] = [
    OME.self,
    ImageJ.self,
    Aperio.self,
    Philips.self,
    Hamamatsu.self,
    Generic.self,
  ]

  package static var names: [String] { all.map { $0.name } }

  static let privateTags = Set(all.flatMap { $0.privateTags })

  /// Those that recognize a file by its first page, in the order of the table: `Generic` alone where no other does.
  static func recognizing(firstPage page: TIFFPage) -> [any Vendor] { all.compactMap { $0.init(firstPage: page) } }
}
