import Files
import Imaging
import Threads

/// Judges the scans of a study together: which kind most of them are of, and what is mixed with them.
extension Study {
  /// The properties of a file that its headers state.
  private struct Header {
    let kind: ScanKind?
    /// Clauses on what of the file's notes could not be used or is not believed.
    let notes: Set<String>
  }

  /// The header of each file, by its path relative to the study; files that cannot be read are left out.
  private func headers(limits: TIFFLimits) -> [String: Header] {
    let files = cases.flatMap(\.files)
    let headers = Parallel.map(files.count) { k -> Header? in
      guard let file = try? TIFFFile(path: "\(path)/\(files[k])", limits: limits) else { return nil }
      var notes = Set(file.notes)
      if file.pages.contains(where: { $0.role == .unknown }) {
        notes.insert(
          "there are pages of which nothing says what they show; they are left out, and norma inspect "
            + "shows which")
      }
      for page in file.pages where page.role == .image {
        guard let doubt = page.pixelSizeDoubt else { continue }
        notes.insert("\(doubt), so that the size of a pixel is not known; --pixel-size states it")
      }
      return Header(kind: ScanKind(of: file), notes: notes)
    }
    return zip(files, headers).reduce(into: [:]) { $0[$1.0] = $1.1 }
  }

  /// Sentences on files of another kind than most, and on what the files' own notes leave open.
  package func oddities(limits: TIFFLimits) -> [String] {
    let headers = headers(limits: limits)
    return mixtures(of: headers.compactMapValues(\.kind)) + notes(of: headers)
  }

  /// The notes of the files, each once.
  private func notes(of headers: [String: Header]) -> [String] {
    var files: [String: [String]] = [:]
    for (file, header) in headers { for note in header.notes { files[note, default: []].append(file) } }
    return files.sorted { $0.key < $1.key }.map { note, files in
      let first = files.min()!
      return files.count == 1
        ? "\(path)/\(first): \(note)." : "\(path): \(Count.of(files.count, "file")), such as \(first): \(note)."
    }
  }

  private func mixtures(of kinds: [String: ScanKind]) -> [String] {
    let groups = Dictionary(grouping: kinds.keys) { kinds[$0]! }.mapValues { $0.sorted() }
    guard let most = groups.max(by: { $0.value.count < $1.value.count }), 2 * most.value.count > kinds.count else {
      return []
    }
    return groups.filter { $0.key != most.key }.sorted { $0.value[0] < $1.value[0] }.map { kind, files in
      let some = files.count == 1 ? "\(files[0]) has" : "\(Count.of(files.count, "file")), such as \(files[0]), have"
      return "\(path): \(some) \(kind), most have \(most.key). If they are no scans of this kind, leave them out with "
        + "--exclude."
    }
  }

  /// The number of channels that most scans have; `nil` if no header can be read.
  ///
  /// - Throws: `NormaError` if as many scans have another number, and their pixels do not tell which ones are masks.
  func commonChannels(limits: TIFFLimits) throws(NormaError) -> Int? {
    let kinds = headers(limits: limits).compactMapValues(\.kind)
    let groups = Dictionary(grouping: kinds.keys) { kinds[$0]!.channels }.mapValues { $0.sorted() }
    let most = groups.values.map(\.count).max()
    let candidates = groups.filter { $0.value.count == most }
    guard candidates.count > 1 else { return candidates.keys.first }
    let scans = candidates.filter { !StudyLayout(path: path).looksLikeMasks($0.value) }
    if scans.count == 1 { return scans.keys.first }
    let found = candidates.sorted { $0.key < $1.key }.map { channels, files in
      "\(files.count) with \(Count.of(channels, "channel")), such as \(files[0])"
    }
    throw NormaError(
      subject: path, found: "it holds scans of several kinds, as many of each: \(found.joined(separator: "; "))",
      remedy: "Leave one kind out with --exclude")
  }

  /// Words by which studies name folders of healthy cases.
  private static let healthyWords: Set = ["healthy", "normal", "normals", "control", "controls"]
  private static let negations: Set = ["non", "not", "no", "un", "ab"]

  /// A sentence for a training on folders of healthy scans and of others together; `nil` if there is no such mixture.
  package var mixture: String? {
    let folders = Set(cases.compactMap { FilePath.parts(of: $0.files[0]).dropLast().first }).sorted()
    let healthy = folders.filter { folder in
      let words = folder.lowercased().split { !$0.isLetter }.map(String.init)
      return words.contains(where: Self.healthyWords.contains) && !words.contains(where: Self.negations.contains)
    }
    let others = folders.filter { !healthy.contains($0) }
    guard !healthy.isEmpty, !others.isEmpty else { return nil }
    return "\(path): all of its folders are learned from as healthy, \(others.joined(separator: ", ")) beside "
      + "\(healthy.joined(separator: ", ")). Give \(path)/\(healthy[0]) as the study, or leave the others out with "
      + "\(others.map { "--exclude '\($0)'" }.joined(separator: " "))."
  }
}
