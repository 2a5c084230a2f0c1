import Anomaly
internal import CSystem
import Files
import Foundation
import Imaging

/// A file read as `norma inspect` and `norma analyze` read it.
struct Trial {
  /// A promise that was not kept, as a sentence.
  struct Breach: Error, CustomStringConvertible {
    let description: String
  }

  enum Outcome: String, CaseIterable {
    case decoded
    /// Of several scans some.
    case partly
    case malformed, unsupported, limitExceeded, system
  }

  let outcome: Outcome

  /// Pictures up to this size are read twice to see that both times come out alike.
  private static let readTwice = 1 << 18
  private static let overviewEdge = 2048

  /// - Throws: `Breach`, nothing else: a file that cannot be read is an outcome.
  init(ofFile name: String, in folder: String) throws {
    let path = "\(folder)/\(name)"
    let file: TIFFFile
    do throws(NormaError) { file = try TIFFFile(path: path) } catch {
      try Self.check(error, path)
      outcome = Outcome(error.kind)
      return
    }
    let inspection = ScanInspection(of: file)
    _ = try inspection.json()
    for problem in inspection.pages.compactMap(\.problem) + [inspection.problem].compactMap(\.self)
    where !problem.hasPrefix(path) {
      throw Breach(description: "a problem does not name its file: \(problem)")
    }

    let isSmall = file.pages.allSatisfy { $0.area <= Double(Self.readTwice) }
    Self.fillNewMemory(with: isSmall ? 0x5A : 0)
    let item = Study.Case(name: "case", files: [name])
    let sources = Study(path: folder, cases: [item]).scans(of: item)
    Self.fillNewMemory(with: isSmall ? 0xC3 : 0)
    var faults: [Outcome] = []
    for (index, source) in sources.enumerated() {
      switch source.content {
      case .success(.image(let image)):
        if image.samples.contains(where: \.isInfinite) { throw Breach(description: "a sample is infinite") }
        if image.width * image.height <= Self.readTwice { try Self.check(image, file, file.scans[index]) }
      case .success(.slide(let slide)):
        if let error = try Self.stream(slide) { faults.append(Outcome(error.kind)) }
      case .failure(let fault):
        guard fault.description.hasPrefix(path) else {
          throw Breach(description: "a fault does not name its file: \(fault)")
        }
        faults.append(try Self.fault(ofScan: index, in: file, path))
      }
    }
    Self.fillNewMemory(with: 0)
    outcome = faults.isEmpty ? .decoded : faults.count < sources.count ? .partly : faults[0]
  }

  /// What is decoded into memory has to overwrite what was there.
  private static func fillNewMemory(with byte: Int32) { mallopt(M_PERTURB, byte) }

  private static func check(_ image: Image, _ file: TIFFFile, _ scan: TIFFScan) throws {
    var again = try file.image(of: scan)
    // As a scan of a study is read.
    _ = again.markPadding(bits: file.pages[scan.pages[0] - 1].bitsPerSample)
    let isSame = zip(image.samples, again.samples).allSatisfy { $0.bitPattern == $1.bitPattern }
    guard isSame && image.samples.count == again.samples.count else {
      throw Breach(description: "read twice, it differs")
    }
  }

  private static func check(_ error: NormaError, _ path: String) throws {
    guard error.subject == path else { throw Breach(description: "an error does not name its file: \(error)") }
    // Memory is not short: what cannot be had is more than is allowed, but for no memory at all.
    for sign in ["Failed to allocate", "Out of memory", "Cannot allocate"]
    where error.found.contains(sign) && !error.found.contains("(0 elements") {
      throw Breach(description: "more memory than allowed was wanted: \(error)")
    }
  }

  /// Why a scan that was refused was, in a word.
  private static func fault(ofScan index: Int, in file: TIFFFile, _ path: String) throws -> Outcome {
    var found = file.defect
    if index < file.scans.count {
      do throws(NormaError) { _ = try file.image(of: file.scans[index]) } catch { found = error }
    }
    // Every page a thumbnail, label or mask is no fault of the loader's.
    guard let found else { return .unsupported }
    try check(found, path)
    return Outcome(found.kind)
  }

  /// Reads a slide from top to bottom as its overview is made.
  private static func stream(_ slide: Slide) throws -> NormaError? {
    let factor = (max(slide.level.width, slide.level.height) + overviewEdge - 1) / overviewEdge
    do throws(NormaError) {
      let rows = try ReducedRows(of: slide.level, inFile: slide.path, limits: slide.limits, reducedBy: factor)
      while try rows.next() != nil {}
      return nil
    } catch {
      try check(error, slide.path)
      return error
    }
  }
}

extension Trial.Outcome {
  fileprivate init(_ kind: NormaError.Kind) {
    switch kind {
    case .malformed: self = .malformed
    case .unsupported: self = .unsupported
    case .limitExceeded: self = .limitExceeded
    case .input, .system: self = .system
    }
  }
}
