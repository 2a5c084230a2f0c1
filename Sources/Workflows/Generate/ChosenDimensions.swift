import Anomaly
import Files
import Generation

/// The latent dimensions that a user asked for.
package enum ChosenDimensions: Sendable, Equatable {
  case top
  case numbers([Int])

  /// - Returns: `nil` for text that is neither `top` nor numbers separated by commas.
  package init?(_ text: String) {
    if text == "top" {
      self = .top
      return
    }
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard !numbers.isEmpty, !numbers.contains(nil) else { return nil }
    self = .numbers(numbers.compactMap { $0 })
  }

  /// - Throws: `NormaError` for a number that the model does not have.
  func choose(from model: Model, count: Int, path: String) throws -> [LatentDimension] {
    guard case .numbers(let numbers) = self else { return model.mostInformative(count) }
    let all = model.latentDimensions
    return try numbers.map { number in
      guard (1...all.count).contains(number) else {
        throw NormaError(
          subject: path, found: "it has the latent dimensions 1 to \(all.count), not \(number)",
          remedy: "Give the number of one of them")
      }
      return all[number - 1]
    }
  }
}
