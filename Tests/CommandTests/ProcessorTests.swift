import Foundation
import Testing

#if arch(x86_64)
  private let emulator = ["/usr/bin/qemu-x86_64", "/usr/local/bin/qemu-x86_64"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  @Test(.enabled(if: emulator != nil, "qemu-x86_64, Debian's qemu-user, is not here"))
  func `a processor that is too old is told of`() throws {
    let folder = try TemporaryFolder()
    let result = try Program.run(["--version"], in: folder, through: [emulator!, "-cpu", "Nehalem"])
    #expect(result.status == 1)
    #expect(
      result.errors
        == "norma: this processor has no AVX2 and FMA instructions, which norma computes with. Run it on one from 2013 or "
        + "later.\n")
  }
#endif
