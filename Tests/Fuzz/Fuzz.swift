import Files
import Foundation

// Compiled together with the sources of Imaging by `run`, beside this file, and driven by libFuzzer.

/// What a file may cost here: so little that allocations beyond it show at once, and that all of it is decoded in time
/// although every branch is counted.
private let limits = TIFFLimits(
  maximumPixels: 1 << 20, maximumScanPixels: 1 << 21, maximumChunkBytes: 1 << 22, maximumPages: 8)

/// The loader opens files by their path, which stays the same, as does the file.
private let scan: (path: String, descriptor: Int32) = {
  let folder = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
  let path = "\(folder)/norma-fuzz-\(getpid()).tif"
  let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  precondition(descriptor >= 0, "\(path) cannot be created")
  atexit { unlink(scan.path) }
  return (path, descriptor)
}()

/// Reads a file's pages and scans as norma does, the large ones piece by piece.
@_cdecl("LLVMFuzzerTestOneInput")
public func readScan(_ data: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
  precondition(ftruncate(scan.descriptor, off_t(count)) == 0 && pwrite(scan.descriptor, data, count, 0) == count)
  do throws(NormaError) {
    let file = try TIFFFile(path: scan.path, limits: limits)
    let inspection = ScanInspection(of: file)
    precondition((try? inspection.json()) != nil, "an inspection cannot be written")
    for scan in file.scans {
      do throws(NormaError) {
        let level = file.levels(of: scan)[0]
        if level.pixels <= Double(1 << 16) {
          _ = try file.image(of: scan)
        } else {
          let rows = try ReducedRows(of: level, inFile: file.path, limits: limits, reducedBy: 7)
          while try rows.next() != nil {}
        }
      } catch { check(error) }
    }
  } catch { check(error) }
  return 0
}

private func check(_ error: NormaError) {
  precondition(error.subject == scan.path, "an error does not name its file: \(error)")
}

/// Half of the time the damage knows what a TIFF file looks like.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>, _ count: Int, _ most: Int, _ seed: UInt32) -> Int {
  var random = Lottery(state: UInt64(seed))
  guard seed % 2 == 0 else { return libFuzzerMutate(data, count, most) }
  var bytes = Array(UnsafeBufferPointer(start: data, count: count))
  Mutation.allCases.randomElement(using: &random)!.apply(to: &bytes, donor: bytes, using: &random)
  let kept = min(bytes.count, most)
  data.update(from: bytes, count: kept)
  return kept
}

@_silgen_name("LLVMFuzzerMutate")
private func libFuzzerMutate(_ data: UnsafeMutablePointer<UInt8>, _ count: Int, _ most: Int) -> Int

/// Source: Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195.
private struct Lottery: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
