import Anomaly
import Files
import Foundation
import Imaging
import Testing

private let study = PhantomStudy(seed: 0)

/// A new folder below the temporary one, removed at the end.
private func withFolder(_ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("phantoms-\(UUID().uuidString)")
  defer { try? FileManager.default.removeItem(at: folder) }
  try body(folder.path)
}

private func files(below folder: String) throws -> [String] {
  try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".tif") }.sorted()
}

@Test func `phantoms of the same seed have the same pixels, of another seed others`() {
  let first = PhantomStudy(seed: 7).phantomCase(3, of: .healthy)
  let again = PhantomStudy(seed: 7).phantomCase(3, of: .healthy)
  let other = PhantomStudy(seed: 8).phantomCase(3, of: .healthy)
  #expect(first.gain == again.gain)
  #expect(first.slices.map(\.image) == again.slices.map(\.image))
  #expect(first.slices[0].image != other.slices[0].image)
}

@Test func `cases of a study differ, healthy ones from patients too`() {
  let images = [
    study.phantomCase(1, of: .healthy), study.phantomCase(2, of: .healthy), study.phantomCase(1, of: .patients),
  ].map { $0.slices[0].image }
  #expect(images[0] != images[1])
  #expect(images[0] != images[2])
}

@Test func `half of the patients have lesions, all of them inside the brain`() {
  let patients = (1...study.patientCount).map { study.phantomCase($0, of: .patients) }
  let affected = patients.filter { $0.slices.contains { $0.lesion.values.contains(true) } }
  #expect(affected.count == study.patientCount / 2)
  for slice in patients.flatMap(\.slices) {
    #expect(zip(slice.lesion.values, slice.brain.values).allSatisfy { lesion, brain in !lesion || brain })
  }
}

@Test func `healthy cases have no lesions`() {
  let slices = (1...4).flatMap { study.phantomCase($0, of: .healthy).slices }
  #expect(slices.allSatisfy { !$0.lesion.values.contains(true) && $0.brain.values.contains(true) })
}

@Test func `lesions are brighter in some patients and darker in others`() {
  var shifts: [Float] = []
  for seed in UInt64(0)..<12 {
    let (with, without) = (Phantom(seed: seed, hasLesions: true), Phantom(seed: seed, hasLesions: false))
    for (a, b) in zip(with.slices, without.slices) {
      let inside = a.lesion.values.indices.filter { a.lesion.values[$0] }
      guard inside.count > 20 else { continue }
      shifts.append(inside.reduce(0) { $0 + a.image.samples[$1] - b.image.samples[$1] } / Float(inside.count))
    }
  }
  #expect(shifts.contains { $0 > 0.1 })
  #expect(shifts.contains { $0 < -0.1 })
}

/// A rim is at most 5 pixels wide, half of it outside the mask; lobes and elongation stretch it by up to a half.
@Test(arguments: [UInt64(1), 2, 3, 4]) func `a lesion changes pixels near its mask alone`(seed: UInt64) {
  let with = Phantom(seed: seed, hasLesions: true)
  let without = Phantom(seed: seed, hasLesions: false)
  for (a, b) in zip(with.slices, without.slices) {
    let distance = DistanceTransform.distances(to: a.lesion).values
    let far = distance.indices.filter { distance[$0] > 8 }
    #expect(far.allSatisfy { a.image.samples[$0] == b.image.samples[$0] })
  }
}

@Test func `a written study has slices and stacks, in 8 and in 16 bits, and a mask for every patient's scan`() throws {
  try withFolder { folder in
    try PhantomStudy(seed: 1, healthy: 6, patients: 5).write(to: folder)
    let scans = try files(below: folder + "/patients")
    #expect(scans.filter { $0.hasPrefix("patient-01/") }.count == Phantom.slicesPerCase)
    #expect(scans.contains("patient-05/stack.tif"))
    let masks = try files(below: folder + "/masks")
    #expect(masks == scans.map { $0.replacing(".tif", with: "_mask.tif") }.sorted())
    let stack = try TIFFFile(path: folder + "/masks/patient-05/stack_mask.tif")
    #expect(stack.pages.count == Phantom.slicesPerCase)
    let bits = try files(below: folder + "/healthy").map {
      try TIFFFile(path: folder + "/healthy/" + $0).pages[0].bitsPerSample
    }
    #expect(Set(bits) == [8, 16])
  }
}

@Test func `a study written twice has the same bytes`() throws {
  try withFolder { folder in
    let small = PhantomStudy(seed: 2, healthy: 2, patients: 2)
    try small.write(to: folder)
    func digests() throws -> [String?] { try files(below: folder).map { Study.digest(ofFile: folder + "/" + $0) } }
    let first = try digests()
    try small.write(to: folder)
    #expect(try digests() == first)
  }
}

@Test func `a folder with other files is refused and left as it is`() throws {
  try withFolder { folder in
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try "mine".write(toFile: folder + "/notes.txt", atomically: true, encoding: .utf8)
    let error = #expect(throws: NormaError.self) {
      try PhantomStudy(seed: 0, healthy: 1, patients: 1).write(to: folder)
    }
    #expect(
      error?.description == """
        \(folder): the folder holds 1 file that is no phantom study; a folder that is new, empty or an earlier phantom \
        study was expected. Choose another folder with --study.
        """)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["notes.txt"])
  }
}
