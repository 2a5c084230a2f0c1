/// The formats that norma knows.
package enum Vendors {
  /// All vendors, in the order in which they are asked: vendors whose notes describe all pages come before vendors with
  /// notes on single pages.
  static let all: [any Vendor.Type] = [
    OME.self,
    ImageJ.self,
    Aperio.self,
    Philips.self,
    Hamamatsu.self,
    Akoya.self,
    Ventana.self,
    Leica.self,
    Generic.self,
  ]

  package static var names: [String] { all.map { $0.name } }

  static let privateTags = Set(all.flatMap { $0.privateTags })

  /// The vendors that recognize a file by its first page, in the order of the table; only `Generic` if no other does.
  static func recognizing(firstPage page: TIFFPage) -> [any Vendor] { all.compactMap { $0.init(firstPage: page) } }
}
