import Files
import Foundation

/// The description of a report for data repositories: `ro-crate-metadata.json`, which names the report's parts and the
/// runs that made them.
///
/// Sources: RO-Crate 1.1; Process Run Crate 0.5 (Workflow Run RO-Crate).
struct ReportCrate {
  static let name = "ro-crate-metadata.json"
  private static let crate = "https://w3id.org/ro/crate/1.1"
  private static let profile = "https://w3id.org/ro/wfrun/process/0.5"

  private let entities: [Entity]

  init(of index: CaseIndex, context: StudyContext) throws(NormaError) {
    // A run that was stopped before its first case describes the report as well as there is.
    var runs = try index.runsOfCases()
    if runs.isEmpty, let latest = try index.latestRun() { runs = [latest] }
    let actions = runs.map { "#run-\($0.id)" }
    var entities = [
      Entity(Self.name, "CreativeWork", ["about": .reference("./"), "conformsTo": .reference(Self.crate)]),
      Entity(Self.profile, "CreativeWork", ["name": .text("Process Run Crate"), "version": .text("0.5")]),
      Entity(
        "./", "Dataset",
        [
          "name": .text(context.title),
          "description": .text(
            "Report of norma on the scans of a study: heatmaps of what is unlike healthy tissue, pages, and an index of "
              + "cases. For research use; not a diagnosis."),
          "datePublished": (runs.last.map { $0.finishedAt ?? $0.startedAt }).map { .text($0) },
          "license": .text("Not stated; the license is that of the scans."),
          "conformsTo": .reference(Self.profile),
          "hasPart": .references(
            [ReportFolder.studyPage, ReportFolder.indexName, "cases/", "assets/"]),
          "mentions": .references(actions),
        ]),
      Entity(
        ReportFolder.studyPage, "File",
        ["name": .text("Page of the study, for a browser"), "encodingFormat": .text("text/html")]),
      Entity(
        ReportFolder.indexName, "File",
        [
          "name": .text("Index of runs, cases, scans, regions and reviews"),
          "encodingFormat": .text("application/vnd.sqlite3"),
        ]),
      Entity(
        "cases/", "Dataset",
        ["name": .text("A folder for each case: its page, heatmaps (TIFF, float32, higher is more abnormal), pictures")]
      ),
      Entity("assets/", "Dataset", ["name": .text("Style and script of the pages")]),
    ]
    for version in Set(runs.map(\.toolVersion)).sorted() {
      entities.append(
        Entity(
          Self.tool(version), "SoftwareApplication", ["name": .text("norma"), "softwareVersion": .text(version)]))
    }
    for digest in Set(runs.map(\.modelSHA256)).sorted() {
      let file = runs.last { $0.modelSHA256 == digest }.flatMap { try? $0.context.record?.model }
      entities.append(
        Entity(
          Self.model(digest), "CreativeWork",
          ["name": .text("Model " + FilePath.name(of: file ?? digest)), "identifier": .text("sha256:" + digest)]))
    }
    let studies = Set(runs.map(\.studyPath)).sorted()
    func id(ofStudy path: String) -> String { "#study-\(studies.firstIndex(of: path)! + 1)" }
    for study in studies {
      entities.append(
        Entity(
          id(ofStudy: study), "CreativeWork", ["name": .text("Study " + FilePath.name(of: FilePath.resolved(study)))]))
    }
    for (run, action) in zip(runs, actions) {
      let own = try? run.context
      let command = own?.record?.command?.joined(separator: " ")
      entities.append(
        Entity(
          action, "CreateAction",
          [
            "name": .text(
              own?.mergedShards.map { "norma merge of " + Count.of($0, "shard") } ?? "norma analyze, run \(run.id)"),
            "description": command.map { .text($0) },
            "instrument": .reference(Self.tool(run.toolVersion)),
            "object": .references([id(ofStudy: run.studyPath), Self.model(run.modelSHA256)]),
            "result": .references([ReportFolder.studyPage, ReportFolder.indexName, "cases/"]),
            "startTime": .text(own?.record?.startedAt ?? run.startedAt),
            "endTime": run.finishedAt.map { .text($0) },
          ]))
    }
    self.entities = entities
  }

  func write(to folder: ReportFolder) throws(NormaError) {
    let text: String
    do {
      text = try ReadableJSON.text(File(context: Self.crate + "/context", graph: entities), keys: .useDefaultKeys)
    } catch { throw .writing(folder.file(Self.name), error) }
    try folder.write(Data(text.utf8), to: Self.name)
  }

  private static func tool(_ version: String) -> String { "#norma-\(version)" }
  private static func model(_ digest: String) -> String { "#model-\(digest)" }

  private struct File: Encodable {
    let context: String
    let graph: [Entity]

    enum CodingKeys: String, CodingKey {
      case context = "@context"
      case graph = "@graph"
    }
  }

  private struct Entity: Encodable {
    private let members: [String: Value]

    init(_ id: String, _ type: String, _ properties: [String: Value?]) {
      members = properties.compactMapValues { $0 }.merging(["@id": .text(id), "@type": .text(type)]) { $1 }
    }

    func encode(to encoder: any Encoder) throws { try members.encode(to: encoder) }
  }

  private enum Value: Encodable {
    case text(String)
    case reference(String)
    case references([String])

    func encode(to encoder: any Encoder) throws {
      switch self {
      case .text(let text): try text.encode(to: encoder)
      case .reference(let id): try ["@id": id].encode(to: encoder)
      case .references(let ids): try ids.map { ["@id": $0] }.encode(to: encoder)
      }
    }
  }
}
