import Anomaly
import Compute
import Foundation
import Imaging
import Numerics
import Testing

enum RealScans {
  /// Beside the checkout, or where NORMA_DATA says.
  static let path: String =
    ProcessInfo.processInfo.environment["NORMA_DATA"]
    ?? URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../shared/data").standardized.path
  static let hasBrains = FileManager.default.fileExists(atPath: path + "/lgg/train")
  static let hasValidation = hasBrains && FileManager.default.fileExists(atPath: path + "/lgg/validation")
  static let hasRetinas = hasBrains && FileManager.default.fileExists(atPath: path + "/idrid/healthy")

  static let preparation = Preparation(
    normalization: Normalization(method: .robust, scope: .scan), reduction: 2, channels: 3, tissueChannels: [1])

  /// Appearances of the cases of a study, each of whose pictures is first reduced by a whole factor.
  static func appearances(_ folder: String, reducedBy factor: Int = 1, first: Int = .max) throws -> [Appearance] {
    let study = try Study(path: "\(path)/\(folder)")
    return study.cases.prefix(first).map { item in
      let images = study.scans(of: item, reading: ScanReading(channels: 3)).compactMap { $0.image?.reduced(by: factor) }
      return Appearance(of: preparation.prepare(images).map(\.scan))
    }
  }

  static let train = Result { try appearances("lgg/train") }

  static func shift(_ cases: some Collection<Appearance>) -> DomainShift {
    let trained = cases.count * 3 / 5
    return DomainShift(
      DomainReference(
        channels: 3, training: Array(cases.prefix(trained)), heldOut: Array(cases.dropFirst(trained))))!
  }
}

@Suite(.enabled(if: RealScans.hasBrains, "skipped: no brain MR slices in \(RealScans.path); set NORMA_DATA"))
struct RealDomainTests {
  /// Patients are dealt out by chance: in the order of their names they would be parted by hospital.
  @Test func `random halves of a study of brain MR are alike`() throws {
    let cases = try RealScans.train.get()
    var random = RandomGenerator(seed: 1)
    var alarms = 0
    let trials = 60
    for _ in 0..<trials {
      let order = cases.shuffled(using: &random)
      let outcome = RealScans.shift(order[..<(cases.count / 2)]).outcome(ofStudy: Array(order[(cases.count / 2)...]))
      if outcome != .alike { alarms += 1 }
    }
    #expect(alarms <= binomialInterval(trials, DomainShift.level).upperBound)
  }

  @Test(
    .enabled(if: RealScans.hasRetinas, "skipped: no retina photographs in \(RealScans.path); set NORMA_DATA"),
    arguments: [1, 4])
  func `photographs of the retina are told apart from brain MR`(factor: Int) throws {
    let shift = RealScans.shift(try RealScans.train.get())
    let cases = try RealScans.appearances("idrid/healthy", reducedBy: factor, first: 10)
    guard case .shifted = shift.outcome(ofStudy: cases) else {
      Issue.record("retinas pass for brains")
      return
    }
    #expect(cases.allSatisfy { shift.outcome(ofCase: $0)!.pValue == 1 / Double(shift.reference.heldOut.count + 1) })
  }

  /// Their slices with lesions lie nearer to the middle of the head than any slice of the training study.
  @Test(
    .enabled(if: RealScans.hasValidation, "skipped: no further brain MR slices in \(RealScans.path); set NORMA_DATA"))
  func `other patients of the same kind, many of them with tumors, are alike`() throws {
    let shift = RealScans.shift(try RealScans.train.get())
    let cases = try RealScans.appearances("lgg/validation")
    #expect(shift.outcome(ofStudy: cases) == .alike)
    #expect(cases.allSatisfy { !shift.outcome(ofCase: $0)!.isFar })
  }
}
