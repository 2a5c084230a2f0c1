internal import CTIFF

extension TIFFFile {
  /// The text tags of a page, by tag name: who made it, when and with what, and whose scan it is. Scans of patients
  /// name the patient here.
  ///
  /// Source: TIFF 6.0, section 8, the tags of type ASCII.
  ///
  /// - Parameter number: one-based page number.
  package func metadata(ofPage number: Int) -> [String: String] {
    let page = pages[number - 1]
    // Every page was read when the file was opened, so this fails only if the file has changed since.
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
