internal import CTIFF

extension TIFFFile {
  /// What a page says in words, by the names of the tags: who made it when, with what, of whom. Scans of patients name
  /// them here.
  ///
  /// Source: TIFF 6.0, section 8, the tags of type ASCII.
  ///
  /// - Parameter number: one-based.
  package func metadata(ofPage number: Int) -> [String: String] {
    let page = pages[number - 1]
    // A page that could be opened before is left out only where the file has changed since.
    guard handle.readPage(at: page.offset) == nil else { return [:] }
    let tags: [(String, Int32)] = [
      ("DocumentName", TIFFTAG_DOCUMENTNAME), ("ImageDescription", TIFFTAG_IMAGEDESCRIPTION), ("Make", TIFFTAG_MAKE),
      ("Model", TIFFTAG_MODEL), ("PageName", TIFFTAG_PAGENAME), ("Software", TIFFTAG_SOFTWARE),
      ("DateTime", TIFFTAG_DATETIME), ("Artist", TIFFTAG_ARTIST), ("HostComputer", TIFFTAG_HOSTCOMPUTER),
      ("Copyright", TIFFTAG_COPYRIGHT),
    ]
    return tags.reduce(into: [:]) { found, tag in
      if let text = handle.text(tag.1), !text.isEmpty { found[tag.0] = text }
    }
  }
}
