import ArgumentParser
import Files
import Reporting

struct SchemaCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the schema of the JSON that a command prints.",
    discussion: CommandHelp.text(
      """
      A JSON Schema (2020-12), for programs that read what norma cases --format json, and evaluate, inspect, model, \
      status and verify with --json, print.
      """, example: "norma schema cases"))

  /// What has a schema: a command, and the regions of `cases`.
  enum Subject: String, CaseIterable, ExpressibleByArgument {
    case cases, regions, evaluate, inspect, model, status, verify
  }

  @Argument(help: "Command; regions stands for cases --regions.")
  var name: Subject

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws { Console().print(try text, terminator: "") }

  private var text: String {
    get throws {
      switch name {
      case .cases: try Self.text(CaseQuery.Schema(of: .cases))
      case .regions: try Self.text(CaseQuery.Schema(of: .regions))
      case .evaluate: String(decoding: PackageResources.evaluate_json, as: UTF8.self)
      case .inspect: String(decoding: PackageResources.inspect_json, as: UTF8.self)
      case .model: String(decoding: PackageResources.model_json, as: UTF8.self)
      case .status: String(decoding: PackageResources.status_json, as: UTF8.self)
      case .verify: String(decoding: PackageResources.verify_json, as: UTF8.self)
      }
    }
  }

  private static func text(_ schema: CaseQuery.Schema) throws -> String {
    try ReadableJSON.text(schema, keys: .useDefaultKeys) + "\n"
  }
}
