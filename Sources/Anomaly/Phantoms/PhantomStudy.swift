import Compute
import Files
import Foundation
import Imaging
import Numerics

/// A study of phantoms in a folder: healthy cases to learn from, patients to analyze, and masks of their lesions.
///
/// ```
/// healthy/healthy-001/slice-1.tif ...     every fifth case is a stack: healthy-005/stack.tif
/// patients/patient-01/slice-1.tif ...     half of the patients have lesions
/// masks/patient-01/slice-1_mask.tif ...   255 is lesion; all 0 where there is none
/// ```
///
/// Odd cases are stored in 8 bits, even ones in 16, each with its own gain. The same seed gives the same bytes.
package struct PhantomStudy: Sendable {
  package struct Case: Sendable {
    package var name: String
    package var slices: [Phantom.Slice]
    package var samples: TIFFWriter.Samples
    /// The stored value of a signal of 1.
    package var gain: Float
    /// Whether the case is one file of many pages instead of one file per slice.
    package var isStack: Bool
  }

  package enum Group: String, Sendable, CaseIterable {
    case healthy, patients
  }

  package let seed: UInt64
  package let healthyCount: Int
  package let patientCount: Int

  /// The first line of the marker file, which says who made the folder.
  package static let mark = "norma phantom study, synthetic"
  package static let markFile = "PHANTOMS.txt"

  /// - Parameters:
  ///   - healthy: cases to learn from; 40 % of them are held out when training, and 19 held-out cases make a
  ///     false-positive rate of 5 % attainable.
  ///   - patients: cases to analyze, half of them (rounded down) with lesions.
  package init(seed: UInt64, healthy: Int = 100, patients: Int = 24) {
    precondition(healthy > 0 && patients > 0, "\(healthy) healthy cases, \(patients) patients")
    self.seed = seed
    healthyCount = healthy
    patientCount = patients
  }

  package func count(of group: Group) -> Int { group == .healthy ? healthyCount : patientCount }

  /// - Parameter number: number of the case, from 1.
  package func phantomCase(_ number: Int, of group: Group) -> Case {
    // Every case has its own generator, so that one case can be made without those before it.
    var random = RandomGenerator(seed: seed &* 0x1_0000_0001 ^ UInt64(number) << 8 ^ (group == .healthy ? 1 : 2))
    let hasLesions = group == .patients && patientsWithLesions.contains(number)
    let phantom = Phantom(seed: random.next(), hasLesions: hasLesions)
    let samples: TIFFWriter.Samples = number.isMultiple(of: 2) ? .uint16 : .uint8
    return Case(
      name: group == .healthy ? String(format: "healthy-%03d", number) : String(format: "patient-%02d", number),
      slices: phantom.slices, samples: samples,
      gain: samples == .uint8 ? random.uniform(130, 210) : random.uniform(500, 9000), isStack: number.isMultiple(of: 5))
  }

  /// The numbers of the patients with lesions, shuffled so that names do not tell.
  private var patientsWithLesions: Set<Int> {
    var random = RandomGenerator(seed: seed ^ 0x1E51_0115)
    return Set((1...patientCount).shuffled(using: &random).prefix(patientCount / 2))
  }

  /// Writes the study. A folder that holds an earlier study of phantoms is overwritten.
  ///
  /// - Parameter progress: called with the number of cases written and the number of all cases.
  /// - Throws: `NormaError` where the folder holds something else or cannot be made, or where a file cannot be written.
  package func write(to path: String, progress: (Int, Int) -> Void = { _, _ in }) throws {
    try claim(path)
    let all = Group.allCases.flatMap { group in (1...count(of: group)).map { (group, $0) } }
    for (done, (group, number)) in all.enumerated() {
      try write(phantomCase(number, of: group), group, to: path)
      progress(done + 1, all.count)
    }
  }

  /// Makes the folder and marks it as one that may be overwritten.
  private func claim(_ path: String) throws(NormaError) {
    let files = FileManager.default
    let mark = path + "/" + Self.markFile
    let isOurs = (try? String(contentsOfFile: mark, encoding: .utf8))?.hasPrefix(Self.mark) == true
    var isFolder: ObjCBool = false
    if files.fileExists(atPath: path, isDirectory: &isFolder), !isOurs {
      let others = (try? files.contentsOfDirectory(atPath: path)) ?? []
      guard isFolder.boolValue, others.isEmpty else {
        let held = Count.of(others.count, "file that is", "files that are")
        let found = isFolder.boolValue ? "the folder holds \(held) no phantom study" : "this is a file"
        throw NormaError(
          subject: path, found: "\(found); a folder that is new, empty or an earlier phantom study was expected",
          remedy: "Choose another folder with --study")
      }
    }
    do {
      try files.createDirectory(atPath: path, withIntermediateDirectories: true)
      try "\(Self.mark), seed \(seed). Made by `norma demo`, which writes it anew.\n".write(
        toFile: mark, atomically: true, encoding: .utf8)
    } catch {
      throw NormaError(
        subject: path, found: "the folder cannot be written to (\(error.localizedDescription))",
        remedy: "Check its permissions or choose another folder with --study")
    }
  }

  private func write(_ item: Case, _ group: Group, to path: String) throws {
    let folder = "\(path)/\(group.rawValue)/\(item.name)"
    let masks = "\(path)/masks/\(item.name)"
    for folder in group == .patients ? [folder, masks] : [folder] {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    let scans = item.slices.map { slice in
      var image = slice.image
      for i in image.samples.indices { image.samples[i] *= item.gain }
      return TIFFWriter.Page(image, as: item.samples, description: Self.mark)
    }
    let truths = item.slices.map { slice in
      let image = Image(slice.lesion.map { $0 ? 255 : 0 }, pixelSize: slice.image.pixelSize)
      return TIFFWriter.Page(image, as: .uint8, description: Self.mark)
    }
    func writePages(_ pages: [TIFFWriter.Page], to folder: String, suffix: String) throws(NormaError) {
      if item.isStack { return try TIFFWriter.write(pages, to: "\(folder)/stack\(suffix).tif") }
      for (index, page) in pages.enumerated() {
        try TIFFWriter.write([page], to: "\(folder)/slice-\(index + 1)\(suffix).tif")
      }
    }
    try writePages(scans, to: folder, suffix: "")
    if group == .patients { try writePages(truths, to: masks, suffix: "_mask") }
  }
}
