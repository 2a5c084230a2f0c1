import Files
import Imaging

/// The scans of a case, prepared together. Scans that are held whole are passed on group by group to be scored.
///
/// Where the pictures as read would take too much memory together, each one is released once it is on the model's grid,
/// and read a second time when it is scored.
package struct CasePictures {
  /// All scans of the case in the order they were read, without their pictures.
  package let sources: [Source]
  /// Indices in `sources` of the scans that are passed on in groups.
  private let readable: [Int]
  private let prepared: [PreparedImage]
  private let held: [Image]?
  private let again: (_ each: (SourceScan) throws -> Void) throws -> Void
  private let studyPath: String
  private let scorer: Scorer
  private let budget: MemoryBudget

  /// A scan of the case without its picture.
  package struct Source {
    package enum Content {
      /// The scan's picture is passed on in a group.
      case picture
      /// The slide is scored by itself.
      case slide(Slide)
      /// The picture was read, and there is nothing in it to score.
      case empty(NothingToScore)
      case failed(ScanFault)
    }

    package let name: String
    package let path: String
    package let page: Int?
    package let sha256: String?
    package let metadata: [String: String]
    package let padding: [Float]
    package let base: ScanLevel?
    package fileprivate(set) var content: Content

    fileprivate init(_ scan: SourceScan) {
      (name, path, page, sha256) = (scan.name, scan.path, scan.page, scan.sha256)
      (metadata, padding, base) = (scan.metadata, scan.padding, scan.base)
      content =
        switch scan.content {
        case .success(.image): .picture
        case .success(.slide(let slide)): .slide(slide)
        case .failure(let fault): .failed(fault)
        }
    }
  }

  /// Most scans scored at once: enough to fill the network's batches, few enough to hold their layers in memory.
  private static let largestGroup = 16

  package init(
    of item: Study.Case, in study: Study, reading: ScanReading, for scorer: Scorer, budget: MemoryBudget
  ) {
    let preparation = scorer.preparation
    var sources: [Source] = []
    var readable: [Int] = []
    var held: [Image]? = []
    var reduced: [Preparation.ReducedScan] = []
    var (bytes, bytesPrepared) = (0, 0)
    study.read(item, reading: reading) { scan in
      sources.append(Source(scan))
      if let image = scan.image {
        readable.append(sources.count - 1)
        bytes += 4 * image.samples.count
        bytesPrepared += MemoryBudget.bytes(of: image, preparedBy: preparation)
        // A case over the budget fails, so none of its scans are kept.
        guard bytesPrepared <= budget.prepared else { return (held, reduced) = ([], []) }
        if held != nil, bytes <= budget.pictures { return held!.append(image) }
        reduced += ((held ?? []) + [image]).map(preparation.reduced)
        held = nil
      }
    }
    if bytesPrepared > budget.prepared {
      for index in readable {
        sources[index].content = .failed(
          ScanFault(
            NormaError(
              subject: "\(study.path)/\(sources[index].path)",
              found:
                "its case has \(Count.of(readable.count, "scan")), which take about \(bytesPrepared / 1_000_000) MB "
                + "together, more than --memory-limit leaves room for", remedy: "Raise the limit or divide the case")))
      }
      readable = []
    }
    let places = SlicePlace.places(of: sources.map { ($0.path, $0.page) })
    let all = (held.map { preparation.prepare($0) } ?? preparation.prepare(reduced))
      .at(readable.map { places[$0] })
    for (index, image) in zip(readable, all) {
      if let reason = image.nothingToScore { sources[index].content = .empty(reason) }
    }
    let full = all.indices.filter { all[$0].nothingToScore == nil }
    prepared = full.map { all[$0] }
    self.held = held.map { images in full.map { images[$0] } }
    self.readable = full.map { readable[$0] }
    self.sources = sources
    (self.scorer, self.budget) = (scorer, budget)
    again = { try study.read(item, reading: reading, each: $0) }
    studyPath = study.path
  }

  /// Calls `body` with one group of scans after another.
  ///
  /// - Throws: the errors of `body`, and `ScanFault` where a file has changed since it was first read.
  package func forEachGroup(_ body: (ScanGroup) throws -> Void) throws {
    var group: [Image] = []
    var (first, bytes) = (0, 0)
    func flush() throws {
      guard !group.isEmpty else { return }
      let members = first..<first + group.count
      try body(
        ScanGroup(
          members: Array(readable[members]), images: group, prepared: Array(prepared[members]),
          before: first > 0 ? prepared[first - 1] : nil,
          after: members.upperBound < prepared.count ? prepared[members.upperBound] : nil))
      (first, bytes, group) = (members.upperBound, 0, [])
    }
    func add(_ image: Image) throws {
      let more = image.width * image.height * scorer.bytesPerPixel(reducedBy: prepared[first + group.count].factor)
      if group.count == Self.largestGroup || !budget.canScore(bytes + more) { try flush() }
      // The neighbours of a group are scored with it.
      bytes += group.isEmpty && scorer.needsNeighbours ? 3 * more : more
      group.append(image)
    }
    if let held {
      for image in held { try add(image) }
      return try flush()
    }
    var index = -1
    try again { scan in
      index += 1
      guard first + group.count < readable.count, readable[first + group.count] == index else { return }
      guard scan.sha256 == sources[index].sha256, let image = scan.image else { throw changed(index) }
      try add(image)
    }
    try flush()
    if first < readable.count { throw changed(readable[first]) }
  }

  private func changed(_ index: Int) -> ScanFault { .changed("\(studyPath)/\(sources[index].path)") }
}
