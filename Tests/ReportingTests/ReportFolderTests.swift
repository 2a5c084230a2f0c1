import Reporting
import Testing

struct ReportFolderTests {
  let folder = ReportFolder("out")

  @Test func `the files of a scan have the names others read`() {
    #expect(folder.index == "out/cases.sqlite")
    #expect(folder.page(ofCase: "a/b") == "cases/a/b/index.html")
    #expect(folder.heatmap(ofScan: "s-p001", inCase: "a/b") == "cases/a/b/s-p001.heatmap.tif")
    #expect(folder.picture(.heatmap, ofScan: "s", inCase: "a") == "cases/a/s.heatmap.png")
    #expect(folder.picture(.channel(2), ofScan: "s", inCase: "a") == "cases/a/s.scan-2.png")
  }

  @Test(arguments: [
    ("../../etc/passwd", "cases/__/__/etc/passwd"),
    ("/absolute", "cases/absolute"),
    (".", "cases/_"),
    ("a//b/.", "cases/a/b/_"),
    ("", "cases/_"),
    ("nul\0byte", "cases/nul_byte~a9512ba6902d2e41"),
  ])
  func `no name leaves the folder`(name: String, path: String) {
    #expect(folder.folder(ofCase: name) == path)
  }

  @Test(arguments: [String(repeating: "x", count: 251), String(repeating: "🧠", count: 200)])
  func `a long name leaves room for every ending and stays distinct`(name: String) throws {
    let path = folder.picture(.reconstructedChannel(99), ofScan: name + "1", inCase: "a")
    let file = try #require(path.split(separator: "/").last)
    #expect(file.utf8.count <= 240)
    #expect(path != folder.picture(.reconstructedChannel(99), ofScan: name + "2", inCase: "a"))
  }

  @Test func `two hundred characters are kept as they are`() {
    let name = String(repeating: "n", count: 200)
    #expect(folder.heatmap(ofScan: name, inCase: name) == "cases/\(name)/\(name).heatmap.tif")
  }

  @Test func `links are relative and escaped part by part`() {
    #expect(
      ReportFolder.link(from: "index.html", to: "cases/a b/<é>\"?#%.png") == "cases/a%20b/%3C%C3%A9%3E%22%3F%23%25.png")
    #expect(ReportFolder.link(from: "cases/a/b/index.html", to: "assets/style.css") == "../../../assets/style.css")
    #expect(ReportFolder.link(from: "cases/a/index.html", to: "cases/a/s.scan.png") == "../../cases/a/s.scan.png")
  }

  @Test(arguments: [
    ("CON", "_CON"), ("lpt1.x", "_lpt1.x"), ("a*b", "a_b"), ("ends.", "ends_"), ("ends ", "ends_"), ("a\u{7}b", "a_b"),
    ("index.html", "index.html"), ("A.HEATMAP.TIF", "A.HEATMAP.TIF"), ("s.scan_files", "s.scan_files"),
  ])
  func `a name that another system or a file of norma's would not leave to it is told apart by its digest`(
    name: String, beginning: String
  ) {
    let path = folder.folder(ofCase: name)
    #expect(path.hasPrefix("cases/\(beginning)~") && path.count == "cases/\(beginning)~".count + 16)
  }

  @Test func `an accent that follows a slash does not hide it`() {
    #expect(folder.page(ofCase: "a/\u{301}b") == "cases/a/\u{301}b/index.html")
    #expect(ReportFolder.link(from: "cases/\u{301}b/index.html", to: "assets/x") == "../../assets/x")
  }

  @Test func `cases of one folder where letter case does not count get folders of their own, recorded ones first`() {
    let folder = ReportFolder(
      "out", pages: [("b", "cases/b/index.html"), ("moved", "cases/B~2/index.html")], cases: ["B", "b", "moved", "c"])
    #expect(folder.folder(ofCase: "b") == "cases/b")
    #expect(folder.folder(ofCase: "moved") == "cases/B~2")
    #expect(folder.folder(ofCase: "B") == "cases/B~3")
    #expect(folder.folder(ofCase: "c") == "cases/c")
  }
}
