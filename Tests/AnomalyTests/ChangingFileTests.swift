import Anomaly
import Foundation
import Imaging
import Testing

/// Two pictures take turns in one file, without its name or size changing.
@Test func `a scan is never told of under the digest of other contents`() throws {
  let folder = try TemporaryFolder()
  let edge = 256
  let values: [Float] = [1, 2]
  let packed = try values.map { value in
    try folder.write([Image(width: edge, height: edge, channels: 1, filledWith: value)], as: "study/a.tif")
    return Data(try folder.bytes(of: "study/a.tif"))
  }
  // One overwrites all of the other.
  let longest = packed.map(\.count).max() ?? 0
  let contents = packed.map { $0 + Data(count: longest - $0.count) }
  let path = folder.path + "/study/a.tif"
  let digests = try contents.map { data in
    try data.write(to: URL(fileURLWithPath: path))
    return try #require(Study.digest(ofFile: path))
  }
  let study = try Study(path: folder.path + "/study")
  let isOver = Flag()
  let writer = Thread {
    var turn = 0
    while !isOver.isSet {
      let file = open(path, O_WRONLY)
      _ = contents[turn % 2].withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
      close(file)
      turn += 1
      usleep(10000)
    }
  }
  writer.start()
  defer { isOver.set() }
  var (scored, changed) = (0, 0)
  for _ in 0..<2000 where scored < 20 || changed < 20 {
    let scan = try #require(study.scans(of: study.cases[0]).first)
    switch scan.content {
    case .success:
      let image = try #require(scan.image)
      // Where the writer waits in the middle of the file, the digest is that of both halves, as is the picture.
      guard let k = digests.firstIndex(of: scan.sha256 ?? "") else {
        #expect(Set(image.samples) == Set(values))
        continue
      }
      #expect(image.samples.allSatisfy { $0 == values[k] })
      scored += 1
    case .failure(let fault):
      #expect(
        fault.description == "\(path): the file was changed while it was read. Run norma again when it is complete.")
      #expect(scan.sha256 == nil)
      changed += 1
    }
  }
  #expect(scored > 0 && changed > 0)
}

private final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false

  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
}
