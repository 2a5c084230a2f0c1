import Foundation
import Testing

/// How many threads the built program takes.
@Suite struct ThreadCountTests {
  /// A scan so large that several threads would share its decoding, were there as many.
  @Test(arguments: [1, 3]) func `a scan is decoded on as many threads as OMP_NUM_THREADS says`(threads: Int) throws {
    let folder = try TemporaryFolder()
    try folder.writeScan("scan.tif", size: 3000)
    let running = try Program.start(
      ["inspect", "scan.tif"], in: folder, environment: ["OMP_NUM_THREADS": "\(threads)"])
    var most = 0
    _ = running.wait {
      let tasks = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(running.identifier)/task").count
      most = max(most, tasks ?? 0)
      return false
    }
    let result = try running.wait()
    try #require(result.status == 0, "\(result.errors)")
    #expect(most == threads)
  }
}
