import Foundation
import Testing

/// Where `strace` is; `.ci/setup strace` installs it.
private let tracer = ["/usr/bin/strace", "/bin/strace"].first { FileManager.default.isExecutableFile(atPath: $0) }

@Test(.enabled(if: tracer != nil, "skipped: strace is not installed; run .ci/setup strace"))
func `nothing that norma does asks for a network`() throws {
  let folder = try TemporaryFolder()
  for k in 0..<4 { try folder.writeScan("healthy/case\(k).tif") }
  try folder.writeScan("patients/ill.tif", lesion: (x: 28, y: 22, radius: 5))
  try folder.write("hello", to: "patients/bad.tif")
  let commands = [
    ["train", "healthy", "--output", "model.safetensors", "--epochs", "1", "--held-out", "0.5"],
    ["analyze", "patients", "--model", "model.safetensors", "--output", "report"],
    ["cases", "report"], ["verify", "report"], ["report", "report"], ["inspect", "patients/ill.tif"],
    ["export", "report", "--format", "geojson", "--output", "regions"],
    ["model", "model.safetensors", "--output", "page"],
    ["sample", "model.safetensors", "--count", "2", "--output", "samples"],
  ]
  for command in commands {
    let trace = folder.file("trace")
    // The names of all the system calls that the program, its threads and children make.
    let result = try Program.run(
      command, in: folder, through: [tracer!, "-f", "-qq", "-e", "trace=%network,execve", "-o", trace])
    let calls = try String(contentsOfFile: trace, encoding: .utf8)
    #expect(calls.contains("execve("), "nothing was traced: \(result.errors)")
    for call in ["socket(", "socketpair(", "connect(", "bind(", "sendto(", "sendmsg("] {
      #expect(!calls.contains(call), "\(command[0]): \(calls)")
    }
    #expect(calls.split(separator: "\n").count { $0.contains("execve(") } == 1, "\(command[0]) starts another program")
  }
}
