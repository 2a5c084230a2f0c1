import Files
import Foundation
import Imaging
import Testing

struct FilePathTests {
  @Test(
    arguments: [
      ("m", "", "m", "m", ""), ("a/m", "a", "m", "a/m", ""), ("/m", "/", "m", "/m", ""),
      ("/a/b.tif", "/a", "b.tif", "/a/b", "tif"),
      ("b.tif", "", "b.tif", "b", "tif"), ("a.b/c", "a.b", "c", "a.b/c", ""),
      ("x.tar.gz", "", "x.tar.gz", "x.tar", "gz"),
      (".hidden", "", ".hidden", ".hidden", ""), ("a/.b", "a", ".b", "a/.b", ""), ("a.", "", "a.", "a", ""),
      ("", "", "", "", ""),
      ("a/", "a", "", "a/", ""),
    ])
  func `a path is told apart`(path: String, folder: String, name: String, stem: String, ending: String) {
    #expect(FilePath.folder(of: path) == folder)
    #expect(FilePath.name(of: path) == name)
    #expect(FilePath.withoutEnding(path) == stem)
    #expect(FilePath.ending(of: path) == ending)
  }
}

@Test func `too many open files are no fault of the disk`() {
  for code in [EMFILE, ENFILE] {
    let error = NormaError.system("f", doing: "the file cannot be written", code: code, remedy: "Check the disk")
    #expect(error.remedy.hasPrefix("Allow more open files (ulimit -n)") && error.found.contains("oo many open files"))
  }
}
