import Files
import Foundation
import Imaging
import Testing

@Suite struct WriterLockTests {
  let batch: LongBatch
  var folder: TemporaryFolder { batch.folder }

  init() throws { batch = try LongBatch.shared.get() }

  private func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(name)) }

  /// What a second writer says, with the time it cannot know left out.
  private func withoutTime(_ text: String) -> String {
    text.replacing(/since [0-9T:-]+Z/, with: "since then").replacing(/on host [^ ]+/, with: "on host this")
  }

  @Test func `a second run on the same report ends at once and says who is writing`() throws {
    let first = try Program.start(LongBatch.analyze(to: "shared"), in: folder)
    #expect(first.wait { batch.hasBegun("shared") })
    first.send(SIGSTOP)
    defer { first.send(SIGKILL) }
    let second = try Program.run(LongBatch.analyze(to: "shared"), in: folder)
    #expect(second.status == 1)
    #expect(
      withoutTime(second.errors)
        == "norma: shared: another norma is writing here: process \(first.identifier) on host this since then. "
        + "Wait for it to end, or stop it, or choose another folder with --output.\n")
    let review = try Program.run("review", "import", "shared", "none.json", in: folder)
    #expect(review.status == 1 && review.errors.contains("another norma is writing here: process"))
    #expect(review.errors.hasSuffix("Wait for it to end, or stop it, or try again later.\n"))
    #expect(try Program.run("report", "shared", in: folder).status == 1)
    #expect(try Program.run("cases", "shared", in: folder).status == 0)
    first.send(SIGCONT)
    #expect(try first.wait().status == 0)
    #expect(!exists("shared/.norma.lock"))
  }

  @Test func `the lock of a killed run is nobody's`() throws {
    let first = try Program.start(LongBatch.analyze(to: "killed"), in: folder)
    #expect(first.wait { batch.hasBegun("killed") })
    first.send(SIGKILL)
    #expect(try first.wait().status == -SIGKILL)
    #expect(exists("killed/.norma.lock"))
    let second = try Program.run(LongBatch.analyze(to: "killed"), in: folder)
    #expect(second.status == 0, "\(second.errors)")
    #expect(!exists("killed/.norma.lock"))
    #expect(try ReportContents(of: folder.file("killed")) == ReportContents(of: folder.file("whole")))
  }

  @Test func `a second training of the same model ends at once`() throws {
    let lock = try WriterLock(
      path: folder.file("busy.safetensors.lock"), subject: "busy", command: "test", elsewhere: "wait")
    defer { lock.release() }
    let second = try Program.run("train", "healthy", "--output", "busy.safetensors", in: folder)
    #expect(second.status == 1)
    #expect(
      withoutTime(second.errors)
        == "norma: busy.safetensors: another norma is writing here: process \(getpid()) on host this since then. "
        + "Wait for it to end, or stop it, or choose another file with --output.\n")
  }

  @Test func `a lock is free again once it is released, and its file gone`() throws {
    let path = folder.file("free.lock")
    func take() throws(NormaError) -> WriterLock {
      try WriterLock(path: path, subject: "it", command: "test", elsewhere: "wait")
    }
    let first = try take()
    #expect(throws: NormaError.self) { try take() }
    #expect(try String(contentsOfFile: path, encoding: .utf8).contains("\ncommand test\n"))
    first.release()
    #expect(!exists("free.lock"))
    let second = try take()
    #expect(second.warning == nil && exists("free.lock"))
    second.release()
  }
}
