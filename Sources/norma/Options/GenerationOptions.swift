import ArgumentParser
import Workflows

/// Options shared by the commands that generate pictures.
struct GenerationOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp("Model file that `norma train` wrote.", valueName: "model"),
    completion: .model)
  var model: String

  @Option(help: "Seed of all random numbers.")
  var seed: UInt64 = 0

  @OptionGroup(title: "Messages") var log: LogOptions

  /// Opens the model with its generator, and warns of what it has not learned.
  func open() throws -> GenerativeModel {
    let console = Console()
    let opened = try GenerativeModel(path: model, seed: seed, observe: console.show)
    for text in opened.warnings { console.show(.warning(text)) }
    return opened
  }
}

/// The upper left corner of a patch, `X,Y` in pixels of the model's grid.
struct PatchPlace: ExpressibleByArgument, Equatable {
  let x: Int
  let y: Int

  init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let x = numbers[0], let y = numbers[1], x >= 0, y >= 0 else { return nil }
    (self.x, self.y) = (x, y)
  }
}
