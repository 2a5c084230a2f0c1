import Anomaly
import Foundation
import Imaging
import Reporting
import Testing
import Workflows

/// What of a folder is a scan: neither reports of norma nor masks, whatever the order of the files.
struct StudyLayoutTests {
  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  private func notes(_ study: Study, _ batch: TinyBatch) -> [String] {
    study.notes.map { $0.replacingOccurrences(of: batch.path, with: "BATCH") }
  }

  @Test func `scans of other formats are told of, and other files are not`() throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 2)
    for name in ["P1/b.PNG", "P3/a.jpg", "P3/c.nii.gz", "notes.csv", "P1/scan.json"] {
      let url = URL(fileURLWithPath: "\(batch.path)/brains/\(name)")
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("x".utf8).write(to: url)
    }
    let study = try Study(path: batch.path + "/brains")
    #expect(study.cases.map(\.name) == ["P1", "P2"])
    #expect(
      notes(study, batch) == [
        "BATCH/brains: 3 files of other formats (.jpg, .nii, .png) are left out, the first is P1/b.PNG. norma reads TIFF; "
          + "convert what is a scan.",
        "BATCH/brains: no file in 1 folder is a scan, and no case is made of it: P3. A scan is a file that ends in "
          + ".\(Study.endings.joined(separator: ", .")).",
      ])
  }

  // MARK: - Reports

  @Test func `a report inside its study is left out of the next run, and of a training`() throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 3)
    for run in 1...3 {
      let (outcome, told) = try batch.analyze("brains", to: "brains/Reports/brains")
      #expect(outcome.cases == 3 && outcome.recorded == (run == 1 ? 3 : 0))
      let note = "BATCH/brains/Reports/brains: a report of norma, and no scans. It is left out."
      #expect(told.contains(note) == (run > 1), "\(told)")
    }
    var training = Train.Settings(study: batch.path + "/brains", output: batch.path + "/m.safetensors")
    training.budget = .epochs(1)
    training.scoreShare = 0
    let trained = try #require(try Train(training).run())
    #expect(trained.model.record.trainingCases + trained.model.record.heldOutCases.count == 3)
  }

  @Test func `shards that no merge has put together are a report too`() throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 3)
    try batch.analyze("brains", to: "brains/r") { $0.shard = Shard(number: 1, of: 1) }
    try FileManager.default.removeItem(atPath: batch.path + "/brains/r/assets")
    #expect(try Study(path: batch.path + "/brains").cases.map(\.name) == ["P1", "P2", "P3"])
  }

  @Test(arguments: ["brains", "brains/P1", "brains/../brains/", "."])
  func `a folder that scans lie in cannot become a report`(output: String) throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 2)
    let text = message { try batch.analyze("brains", to: output) }
    #expect(text.contains("scans of the study lie in this folder") && text.contains("--output"), "\(text)")
    #expect(!FileManager.default.fileExists(atPath: "\(batch.path)/\(output)/cases.sqlite"))
  }

  @Test func `a folder in a report is no study`() throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 2)
    try batch.analyze("brains")
    for folder in ["report", "report/cases", "report/cases/P1"] {
      let text = message { _ = try Study(path: "\(batch.path)/\(folder)") }
      #expect(text.contains("it lies in a report of norma"), "\(text)")
    }
  }

  // MARK: - Masks

  @Test(arguments: [
    "mask.tif", "zmask.tif", "scan_mask.tif", "Scan-Segmentation.tif", "labels/scan.tif", "mask_1.tif",
    "scan_seg_2.tif",
  ])
  func `masks beside scans are named and left out, whatever comes first`(name: String) throws {
    let batch = try TinyBatch()
    for k in 1...6 {
      try batch.write(TinyBatch.scan(seed: UInt64(k), channels: 3), as: "s/P\(k)/scan.tif", .uint8)
      try batch.write(TinyBatch.mask(hasLesion: k > 3), as: "s/P\(k)/\(name)", .uint8)
    }
    let study = try Study(path: batch.path + "/s")
    guard name != "zmask.tif" else {
      // Its name says nothing: it is judged by its pixels, when it is read.
      let set = try TrainingSet(study, settings: TrainingSet.Settings())
      #expect(set.training.count + set.heldOut.count == 6 && set.preparation.channels == 3)
      #expect(set.faults.count == 6)
      return
    }
    #expect(study.cases.map(\.name) == (1...6).map { "P\($0)" })
    #expect(study.cases.allSatisfy { $0.files == ["\($0.name)/scan.tif"] })
    let notes = notes(study, batch)
    #expect(notes.count == 1 && notes[0].contains("6 files named like masks or labels"), "\(notes)")
    #expect(notes[0].contains("left out") && notes[0].contains("--include"))
  }

  @Test func `masks of the kind of the scans are left out too`() throws {
    let batch = try TinyBatch()
    for k in 1...6 {
      try batch.write(TinyBatch.scan(seed: UInt64(k)), as: "s/P\(k)/P\(k)_1.tif", .uint8)
      try batch.write(TinyBatch.mask(hasLesion: false), as: "s/P\(k)/P\(k)_1_mask.tif", .uint8)
    }
    let study = try Study(path: batch.path + "/s")
    #expect(study.cases.flatMap(\.files).count == 6)
    let all = try Study(path: batch.path + "/s", taking: StudySelection(included: ["*_mask.tif"]))
    #expect(all.cases.flatMap(\.files).count == 12 && all.notes.isEmpty)
  }

  @Test func `scans that are named like labels are taken, and asked about`() throws {
    let batch = try TinyBatch()
    for k in 1...3 {
      try batch.write(TinyBatch.scan(seed: UInt64(k)), as: "s/P\(k)/dapi.tif")
      try batch.write(TinyBatch.scan(seed: UInt64(k + 9)), as: "s/P\(k)/tubulin_label.tif")
    }
    let study = try Study(path: batch.path + "/s")
    #expect(study.cases.flatMap(\.files).count == 6)
    let notes = notes(study, batch)
    #expect(notes.count == 1 && notes[0].contains("taken") && notes[0].contains("--exclude '*_label.tif'"), "\(notes)")
    // Where all have such names, nothing is of another kind than most.
    try batch.write(TinyBatch.scan(seed: 1), as: "labels-only/a_label.tif")
    #expect(try Study(path: batch.path + "/labels-only").notes.isEmpty)
  }

  @Test func `derivatives are results of others, and no scans`() throws {
    let batch = try TinyBatch()
    try batch.study("s", cases: 2)
    try batch.write(TinyBatch.scan(seed: 7), as: "s/derivatives/denoised/P1/scan.tif")
    let study = try Study(path: batch.path + "/s")
    #expect(study.cases.map(\.name) == ["P1", "P2"])
    #expect(notes(study, batch).first?.contains("(derivatives)") == true)
  }

  @Test func `an unnamed mask is no scan by its two values`() throws {
    let batch = try TinyBatch()
    try batch.study("s", cases: 2)
    try batch.write(TinyBatch.mask(), as: "s/P1/truth.tif")
    let outcome = try batch.analyze("s").outcome
    #expect(outcome.counts?.failedScans == 1)
    let reason = try #require(try batch.index().scans(.failed, limit: 1).first?.scan.error)
    #expect(reason.contains("truth.tif: its pixels have two values, as those of a mask"), "\(reason)")
    let taken = try Study(path: batch.path + "/s", taking: StudySelection(included: ["truth.tif"]))
    #expect(taken.scans(of: taken.cases[0]).allSatisfy { $0.image != nil })
  }

  @Test func `an unnamed label image is no scan by its flat areas, a scan of few values is one`() throws {
    let batch = try TinyBatch()
    try batch.study("s", cases: 2)
    var labels = TinyBatch.mask()
    for y in 0..<labels.height {
      for x in 0..<labels.width {
        let part: Float = y < 25 ? 1 : x < 25 ? 2 : 4
        labels[x, y, 0] = labels[x, y, 0] > 0 ? part : 0
      }
    }
    try batch.write(labels, as: "s/P1/tumour.tif", .uint8)
    var coarse = TinyBatch.scan(seed: 5)
    for i in coarse.samples.indices { coarse.samples[i] = min(max((0.6 * (coarse.samples[i] - 90)).rounded(), 0), 12) }
    try batch.write(coarse, as: "s/P2/coarse.tif", .uint8)
    let outcome = try batch.analyze("s").outcome
    #expect(outcome.counts?.failedScans == 1)
    let reason = try #require(try batch.index().scans(.failed, limit: 1).first?.scan.error)
    #expect(
      reason.contains("tumour.tif: its pixels have 4 values in flat areas, as those of a label image")
        && reason.contains("--include"), "\(reason)")
  }

  @Test func `as many scans of one kind as of another are not told apart by their order`() throws {
    let batch = try TinyBatch()
    for k in 1...4 {
      try batch.write(TinyBatch.scan(seed: UInt64(k)), as: "s/P\(k)/a.tif")
      try batch.write(TinyBatch.scan(seed: UInt64(k), channels: 3), as: "s/P\(k)/b.tif")
    }
    let study = try Study(path: batch.path + "/s")
    let text = message { _ = try TrainingSet(study, settings: TrainingSet.Settings()) }
    #expect(text.contains("4 with 1 channel, such as P1/a.tif; 4 with 3 channels, such as P1/b.tif"), "\(text)")
    #expect(text.contains("--exclude"))
    let chosen = try Study(path: batch.path + "/s", taking: StudySelection(excluded: ["a.tif"]))
    #expect(try TrainingSet(chosen, settings: TrainingSet.Settings()).preparation.channels == 3)
  }

  @Test func `a few files of another kind are asked about`() throws {
    let batch = try TinyBatch()
    for k in 1...5 { try batch.write(TinyBatch.scan(seed: UInt64(k)), as: "s/P\(k).tif", .uint8) }
    try batch.write(TinyBatch.scan(seed: 6), as: "s/P0.tif", .uint16)
    let notes = try batch.analyze("s").told
    #expect(
      notes.contains {
        $0.contains("P0.tif has 1 channel of 16-bit unsigned integer, most have 1 channel of 8-bit unsigned integer")
      }, "\(notes)")
  }

  // MARK: - Choices

  @Test func `files and cases are chosen, and the record says which`() throws {
    let batch = try TinyBatch()
    try batch.study("s", cases: 5)
    try batch.write(TinyBatch.scan(seed: 50), as: "s/P1/localizer.tif")
    try Data("P1\r\nP3\n\nP4\n".utf8).write(to: URL(fileURLWithPath: batch.path + "/list.txt"))
    let names = try StudySelection.names(inFile: batch.path + "/list.txt")
    #expect(names == ["P1", "P3", "P4"])
    let selection = StudySelection(excluded: ["local*.tif", "P4"], cases: ["P1", "P3"])
    try batch.analyze("s") { $0.selection = selection }
    let index = try batch.index()
    #expect(try index.cases(sort: .name).map { "\($0.name) \($0.scanCount)" } == ["P1 1", "P3 1"])
    #expect(try index.latestContext().record?.selection == selection)
    #expect(try batch.page().contains("without local*.tif, P4; 2 chosen cases"))
    // The names of cases and their shards do not depend on what is left out.
    try batch.write(TinyBatch.scan(seed: 51), as: "s/one.tif")
    try batch.write(TinyBatch.scan(seed: 52), as: "s/one.tiff")
    let study = try Study(path: batch.path + "/s", taking: StudySelection(excluded: ["one.tiff"]))
    #expect(study.cases.map(\.name).last == "one.tif")
  }

  @Test func `a choice that fits nothing is told of`() throws {
    let batch = try TinyBatch()
    try batch.study("s", cases: 2)
    let study = try Study(path: batch.path + "/s", taking: StudySelection(excluded: ["*_msk.tif"]))
    #expect(notes(study, batch) == ["BATCH/s: --exclude '*_msk.tif' fits no file of it."])
    let unknown = message { _ = try Study(path: batch.path + "/s", taking: StudySelection(cases: ["P1", "P7"])) }
    #expect(unknown.contains("it has no case 'P7' that --cases names"), "\(unknown)")
    let none = message { _ = try Study(path: batch.path + "/s", taking: StudySelection(excluded: ["*"])) }
    #expect(none.contains("all of its files are left out by --exclude"), "\(none)")
  }

  @Test func `shards with other choices are not merged`() throws {
    let batch = try TinyBatch()
    try batch.study("s", cases: 6)
    for number in 1...2 {
      try batch.analyze("s") {
        $0.shard = Shard(number: number, of: 2)
        $0.selection.excluded = number == 1 ? [] : ["P6"]
      }
    }
    let text = message { _ = try Merge(report: batch.path + "/report").run() }
    #expect(text.contains("different choices of cases"), "\(text)")
  }

  @Test func `a training on healthy scans and patients together is told of`() throws {
    let batch = try TinyBatch()
    try batch.study("demo/healthy", cases: 4)
    try batch.study("demo/patients", cases: 2, seed: 1)
    try batch.write(TinyBatch.mask(), as: "demo/masks/P1/scan_mask.tif")
    let study = try Study(path: batch.path + "/demo")
    #expect(study.cases.allSatisfy { !$0.name.contains("masks") })
    #expect(study.mixture?.contains("patients beside healthy. Give ") == true)
    let healthy = try Study(path: batch.path + "/demo", taking: StudySelection(excluded: ["patients"]))
    #expect(healthy.mixture == nil)
    var training = Train.Settings(study: batch.path + "/demo", output: batch.path + "/m.safetensors")
    training.budget = .epochs(1)
    training.scoreShare = 0
    var warnings: [String] = []
    _ = try Train(training) { if case .warning(let text) = $0 { warnings.append(text) } }.run()
    #expect(warnings.contains { $0.contains("learned from as healthy") }, "\(warnings)")
  }

  @Test func `folders without a scan, and scans without an ending, are named`() throws {
    let batch = try TinyBatch()
    try batch.study("messy", cases: 2)
    #expect(try Study(path: batch.path + "/messy").notes == [])
    let files = FileManager.default
    for name in ["empty", "deep/within/it"] {
      try files.createDirectory(atPath: "\(batch.path)/messy/\(name)", withIntermediateDirectories: true)
    }
    try files.copyItem(atPath: batch.path + "/messy/P1/scan.tif", toPath: batch.path + "/messy/P1/IM0001")
    try Data("notes".utf8).write(to: URL(fileURLWithPath: batch.path + "/messy/P1/README"))
    let notes = try Study(path: batch.path + "/messy").notes
    #expect(notes.count == 2, "\(notes)")
    #expect(
      notes.contains { $0.contains("no file in 2 folders is a scan, and no case is made of them: deep, empty.") },
      "\(notes)")
    #expect(
      notes.contains {
        $0.hasSuffix(
          "1 file without an ending is a TIFF by the first bytes, and left out: P1/IM0001. Name it .tif.")
      }, "\(notes)")
  }
}
