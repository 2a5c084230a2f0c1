import Threads

/// Adds up the gradients that the copies of a network have computed, each from its part of a batch.
package struct PartialGradients {
  private let parameters: [Parameter]
  /// The same parameters in each copy.
  private let copies: [[Parameter]]
  private static let pieceSize = 1 << 13

  package init(_ parameters: [Parameter], copies: [[Parameter]]) {
    precondition(copies.allSatisfy { $0.map(\.name) == parameters.map(\.name) }, "copies of other networks")
    (self.parameters, self.copies) = (parameters, copies)
  }

  /// Sets the gradients of the network, in the order of the copies, so that the sums have the same bits everywhere.
  package func sum() throws {
    for (index, parameter) in parameters.enumerated() {
      let (target, parts) = (SplitBuffer(parameter.gradient), copies.map { SplitBuffer($0[index].gradient) })
      let count = parameter.count
      Parallel.run(chunks: (count + Self.pieceSize - 1) / Self.pieceSize) { piece in
        let range = piece * Self.pieceSize..<min(count, (piece + 1) * Self.pieceSize)
        for i in range { target[i] = parts[0][i] }
        for part in parts.dropFirst() { for i in range { target[i] += part[i] } }
      }
      try parameter.gradientIsSet?()
    }
  }
}
