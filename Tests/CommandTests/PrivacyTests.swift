import Foundation
import GRDB
import Imaging
import Testing

/// What leaves a study, and who may read it.
@Suite struct PrivacyTests {
  private let folder: TemporaryFolder
  /// Names a patient in every text that TIFF and the formats in it have.
  private static let secret = "DOE^JANE"

  private init(umask: String = "022") throws {
    folder = try TemporaryFolder()
    for k in 0..<4 { try folder.writeScan("healthy/case\(k).tif") }
    try folder.writeScan("scan.tif")
    let image = try TIFFFile(path: folder.file("scan.tif")).image()
    try folder.makeFolder(of: "patients/one/scan.tif")
    try TIFFWriter.write(
      image, as: .uint8, description: "Patient \(Self.secret)", to: folder.file("patients/one/a.tif"))
    let ome = """
      <?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image Name="\(Self.secret)">
      <Pixels SizeX="9" SizeY="9" SizeC="1" SizeZ="7" SizeT="1" Type="uint8" DimensionOrder="XYZCT"><TiffData/>
      """
    try TIFFWriter.write(image, as: .uint8, description: ome, to: folder.file("patients/one/ome.tif"))
    var cut = try Data(contentsOf: URL(fileURLWithPath: folder.file("patients/one/a.tif")))
    let place = try #require(cut.range(of: Data(Self.secret.utf8)))
    // The directory that libtiff writes last stays whole, the pixels do not.
    cut.removeSubrange(10..<min(place.lowerBound, cut.count / 3))
    try folder.write(cut, to: "patients/one/broken.tif")
    let train = try run(
      ["train", "healthy", "--output", "model.safetensors", "--epochs", "1", "--held-out", "0.5"], umask)
    try #require(train.status == 0, "\(train.errors)")
  }

  private func run(_ arguments: [String], _ umask: String) throws -> Program.Result {
    try Program.run(arguments, in: folder, through: ["/bin/sh", "-c", "umask \(umask); exec \"$0\" \"$@\""])
  }

  private func analyze(_ options: String..., umask: String = "022") throws -> Program.Result {
    try run(["analyze", "patients", "--model", "model.safetensors", "--output", "report"] + options, umask)
  }

  private func files() throws -> [URL] {
    let all = FileManager.default.enumerator(atPath: folder.file("report"))?.allObjects as? [String] ?? []
    return all.map { URL(fileURLWithPath: folder.file("report/\($0)")) }
  }

  @Test func `what scans say of patients stays in the scans`() throws {
    let result = try analyze()
    #expect(!(result.output + result.errors).contains(Self.secret))
    let files = try files().filter { !$0.hasDirectoryPath }
    #expect(files.contains { $0.lastPathComponent == "cases.sqlite" } && files.contains { $0.pathExtension == "html" })
    for file in files {
      let bytes = (try? Data(contentsOf: file)) ?? Data()
      #expect(bytes.range(of: Data(Self.secret.utf8)) == nil, "\(file.path)")
    }
  }

  @Test func `metadata is kept where it is asked for`() throws {
    _ = try analyze()
    let result = try analyze("--keep-metadata")
    // Cases that were analyzed without are not taken as done.
    #expect(!result.output.contains("unchanged"))
    let database = try DatabaseQueue(path: folder.file("report/cases.sqlite"))
    let kept = try database.read {
      try String.fetchOne(
        $0,
        sql: """
          SELECT value FROM scan_metadata JOIN scans ON scans.id = scan_id
          WHERE scans.name = 'a' AND scan_metadata.name = 'ImageDescription'
          """)
    }
    #expect(kept == "Patient \(Self.secret)")
    let page = try String(contentsOfFile: folder.file("report/cases/one/index.html"), encoding: .utf8)
    #expect(page.contains("Patient \(Self.secret)"))
  }

  @Test(arguments: ["027", "002"]) func `files are made with the user's umask`(umask: String) throws {
    let batch = try Self(umask: umask)
    _ = try batch.analyze(umask: umask)
    let mask = try #require(Int(umask, radix: 8))
    func rights(_ path: String) throws -> Int {
      try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }
    #expect(try rights(batch.folder.file("model.safetensors")) == 0o666 & ~mask)
    let made = try batch.files()
    #expect(made.count > 20)
    for file in made {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder)
      #expect(try rights(file.path) == (isFolder.boolValue ? 0o777 : 0o666) & ~mask, "\(file.path)")
    }
  }
}
